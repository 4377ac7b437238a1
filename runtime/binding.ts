import type { Credentials, Identity } from './caller.ts';
import type { BindingDeclaration, DeploymentHead } from './deployment.ts';
import type { Origin } from './functions.ts';

/**
 * A binding: a capability named in a manifest and seen by the guest as `env.NAME`. Three lives, three types:
 * the Binding lives with the process, the Attachment with a deployment, the Grant with one invocation.
 */
export interface Binding {
  /** The word in the manifest's `bindings` and in the guest's facade table, e.g. `kv`. */
  readonly kind: string;
  /** Unknown to typed config, or throws a TypeError whose message names the key and what would work. */
  parse(config: unknown): unknown;
  /** Asked before a deployment goes in: throws HostError (ERR_NOT_GRANTED) when it may not have what it names. */
  readonly admit?: (declaration: BindingDeclaration, deployment: DeploymentHead) => void;
  attach(declaration: BindingDeclaration, deployment: DeploymentHead): Attachment;
}

export interface Attachment {
  grant(context: GrantContext): Grant;
  /** Addresses of the function that the host answers, before any instance is started. */
  readonly served?: Served;
  /** Says whose a request is, for access rules that name this binding. Never rejects for what the request holds. */
  readonly identify?: (credentials: Credentials) => Promise<Identity>;
  /**
   * Where people sign in, as the function sees paths, e.g. `/auth/sign-in?to=%2Faccount`. A browser that asks for a page
   * behind a rule is sent there. `returnTo` is the page's path and query as the browser knows it; begins with one "/".
   */
  readonly signIn?: (returnTo: string) => string;
}

/** A part of a function's addresses, answered in the host. */
export interface Served {
  /** E.g. `/auth`: this path and all below it, as the function sees paths. */
  readonly path: string;
  /** Exact paths beside it, e.g. `/.well-known/jwks.json`. */
  readonly also?: readonly string[];
  /** A rejection is a mistake of the host: it is logged, and answered as one. */
  respond(request: Request, facts: ServeFacts): Promise<Response>;
}

export interface ServeFacts {
  /** The client's address. */
  readonly ip: string;
  /** What was stripped from the path, "" or e.g. `/shop`: links to the function begin with it. */
  readonly prefix: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** What a binding may know of the invocation it serves. */
export interface GrantContext {
  readonly invocationId: string;
  /** Aborts when the invocation ends, however it ends. */
  readonly signal: AbortSignal;
  /** Of this invocation; calls it makes come from one deeper. */
  readonly origin: Origin;
  /** The request this invocation answers; absent for events. */
  readonly request?: Credentials;
}

/** A binding as one invocation may use it. */
export interface Grant {
  /**
   * One operation from the guest. `args` is untrusted JSON: check it. The answer itself where it is at hand, so that it
   * is on its way in the same turn; else a promise of it, which rejects: TypeError becomes a TypeError in the guest,
   * HostError an Error with its code, anything else is logged in the host and becomes a plain Error without detail.
   */
  call(operation: Operation): Answer | Promise<Answer>;
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
