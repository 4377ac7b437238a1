import type { Handles } from './handles.ts';

/** One call of a guest's runtime to the cell, read as hostile input. */
export interface ServiceCall {
  readonly args: readonly unknown[];
  /** A copy that belongs to the service. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the same payer opened before and may use again. */
  readonly handles: Handles;
  /** What the calls of one instance share; empty in a new instance. */
  readonly shared: SharedState;
}

/** State of a service that lives as long as an instance; each service has its own key. */
export type SharedState = Map<string, unknown>;

/** What a service answers. Both members are optional to the guest, and copied on their way in. */
export interface ServiceAnswer {
  /** A JSON value. */
  readonly value?: unknown;
  readonly bytes?: Uint8Array;
  /** CPU known only now, in ms; added to what was charged before. */
  readonly cpuMs?: number;
}

/** Work that is understood but not begun. */
export interface Work {
  /** CPU it will take, in ms: charged before it is done, and not done when the budget does not cover it. */
  readonly cpuMs: number;
  /** At once only what takes less than 0.1 ms: this is the thread that all guests of the cell share. */
  readonly run: () => ServiceAnswer | Promise<ServiceAnswer>;
}

/** Reads a call and says what it will cost. Throws ServiceError for what it does not take. */
export type Service = (call: ServiceCall) => Work;

/** A failure as the guest sees it: `name` is an error of ECMAScript or a DOMException. */
export class ServiceError extends Error {
  override readonly name: string;
  readonly code: string | undefined;

  constructor(name: string, message: string, code?: string) {
    super(message);
    this.name = name;
    this.code = code;
  }
}
