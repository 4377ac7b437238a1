/** How a call came about: what one call hands on to those it makes. */
export interface Origin {
  /** Calls above this one; 0 for a call from outside. */
  readonly depth: number;
  /** Milliseconds since the epoch; the callee gets no more time than its caller has left. */
  readonly deadline?: number;
  /** W3C Trace Context, `traceparent`. */
  readonly traceparent?: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

/** A chain of calls may be this deep; the next one is refused with ERR_CALL_DEPTH. */
export const mostDepth: number = 16;

/** A function by name, as a function or a binding of `cordon` may see it. */
export interface Callee {
  readonly name: string;
  /** The caller's: functions of other cordons are as good as not there. */
  readonly cordon: string;
  /** Absent: as the traffic goes. */
  readonly version?: number;
}

/** How an event handler's call ended. */
export type Called =
  | { readonly kind: 'returned'; readonly value: unknown }
  /** Threw, exceeded a limit, crashed: `code` as in outcome.ts, e.g. `ERR_GUEST_THREW`, and what was thrown. */
  | { readonly kind: 'failed'; readonly code: string; readonly name: string; readonly message: string };

/** What a caller is told of a function that failed: code, name and message, never the stack. Reaches guests as it is. */
export class CalleeError extends Error {
  readonly code: string;

  constructor({ code, name, message }: Called & { readonly kind: 'failed' }) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

/**
 * How bindings reach functions without knowing the host. Calls keep the callee's limits and are on its meter. `origin` is
 * the caller's: of the invocation that calls, `{ depth: 0 }` where it is no function.
 */
export interface FunctionCaller {
  /** Rejects with HostError ERR_NO_FUNCTION, ERR_CALL_DEPTH; what the function itself does is in the answer. */
  call(callee: Callee, event: unknown, origin: Origin): Promise<Called>;
  /**
   * As a request from outside would be answered: the callee's assets and access rules apply. The URL's host and path
   * reach the function as they are. Rejects with HostError ERR_NO_FUNCTION, ERR_CALL_DEPTH.
   */
  fetch(callee: Callee, request: Request, origin: Origin): Promise<Response>;
}
