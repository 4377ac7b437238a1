import type { BindingDeclaration, DeploymentHead } from './deployment.ts';

/**
 * A binding: a capability named in a manifest and seen by the guest as `env.NAME`. Three lives, three types:
 * the Binding lives with the process, the Attachment with a deployment, the Grant with one invocation.
 */
export interface Binding {
  /** The word in the manifest's `bindings` and in the guest's facade table, e.g. `kv`. */
  readonly kind: string;
  /** Unknown to typed config, or throws a TypeError whose message names the key and what would work. */
  parse(config: unknown): unknown;
  attach(declaration: BindingDeclaration, deployment: DeploymentHead): Attachment;
}

export interface Attachment {
  grant(context: GrantContext): Grant;
}

/** What a binding may know of the invocation it serves. */
export interface GrantContext {
  readonly invocationId: string;
  /** Aborts when the invocation ends, however it ends. */
  readonly signal: AbortSignal;
}

/** A binding as one invocation may use it. */
export interface Grant {
  /**
   * One operation from the guest. `args` is untrusted JSON: check it. Resolves to the answer, or rejects:
   * TypeError becomes a TypeError in the guest, HostError an Error with its code, anything else is logged in the
   * host and becomes a plain Error without detail.
   */
  call(operation: Operation): Promise<Answer>;
}

export interface Operation {
  readonly method: string;
  /** JSON value sent by the guest's facade. Untrusted. */
  readonly args: unknown;
  /** Bytes sent inline; the callee may keep them. */
  readonly bytes?: Uint8Array;
  /** A streamed body, pulled with back-pressure. What is not read of it is cancelled when the call ends. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Aborts when the guest gives this operation up, or when its invocation ends. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** JSON value; undefined is sent as null. */
  readonly value?: unknown;
  /** Bytes sent inline; ownership passes to the channel. */
  readonly bytes?: Uint8Array;
  /** A body streamed to the guest with back-pressure; `return()` is called when the guest cancels. */
  readonly stream?: AsyncIterable<Uint8Array>;
}
