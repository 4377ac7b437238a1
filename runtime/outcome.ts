import type { LimitName } from './limits.ts';

/** How an invocation ended, as data. A guest's failure is an Outcome and never an exception in the host. */
export type Outcome =
  | { readonly kind: 'responded'; readonly status: number }
  /** An event handler's result; `value` is its JSON text. */
  | { readonly kind: 'returned'; readonly value: string }
  | { readonly kind: 'threw'; readonly error: GuestError }
  | { readonly kind: 'exceeded'; readonly limit: LimitName }
  /** `detail`: for the caller, a few words. */
  | { readonly kind: 'refused'; readonly reason: RefusedReason; readonly detail?: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'crashed'; readonly cause: CrashCause };

/** What a guest threw, or why its answer could not be used. `stack` is for the function's own log. */
export interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** `startup`: thrown by the top level; `handler`: by the handler; `result`: the handler returned garbage. */
  readonly phase: 'startup' | 'handler' | 'result';
}

export type RefusedReason =
  /** No handler for this kind of event, e.g. an event sent to a module that only has `fetch`. */
  | 'no-handler'
  | 'closing'
  /** An access rule wants a caller, and the request says nothing of one. */
  | 'unauthorized'
  /** What the request says of its caller does not hold. */
  | 'invalid-token'
  /** The caller has none of the roles an access rule asks for. */
  | 'forbidden'
  /** Its path can be read in two ways, and access rules differ about them. */
  | 'ambiguous-path';

export type CrashCause =
  /** The cell process died. */
  | 'cell'
  /** The instance was lost to another invocation's failure. */
  | 'instance'
  /** islet's own mistake. */
  | 'internal';

export type Blame = 'guest' | 'host' | 'caller';

export interface OutcomeRow {
  /** HTTP status when no response head was sent yet. */
  readonly status: number;
  readonly blame: Blame;
  /** Permanent code in `x-islet-error`, JSON bodies and metrics. */
  readonly code: string;
}

const exceededRows: Readonly<Record<LimitName, OutcomeRow>> = {
  memoryMb: { status: 503, blame: 'guest', code: 'ERR_LIMIT_MEMORY' },
  cpuMs: { status: 503, blame: 'guest', code: 'ERR_LIMIT_CPU' },
  wallMs: { status: 504, blame: 'guest', code: 'ERR_LIMIT_WALL' },
  startupCpuMs: { status: 503, blame: 'guest', code: 'ERR_LIMIT_STARTUP' },
  requestBodyBytes: { status: 413, blame: 'caller', code: 'ERR_LIMIT_REQUEST_BODY' },
  responseBodyBytes: { status: 502, blame: 'guest', code: 'ERR_LIMIT_RESPONSE_BODY' },
  subrequests: { status: 503, blame: 'guest', code: 'ERR_LIMIT_SUBREQUESTS' },
  logBytes: { status: 503, blame: 'guest', code: 'ERR_LIMIT_LOG' },
  concurrency: { status: 503, blame: 'caller', code: 'ERR_LIMIT_CONCURRENCY' },
  sockets: { status: 503, blame: 'caller', code: 'ERR_LIMIT_SOCKETS' },
  socketMs: { status: 504, blame: 'guest', code: 'ERR_LIMIT_SOCKET' },
  socketIdleMs: { status: 504, blame: 'caller', code: 'ERR_LIMIT_SOCKET_IDLE' },
  messageBytes: { status: 502, blame: 'guest', code: 'ERR_LIMIT_MESSAGE' },
  bundleBytes: { status: 413, blame: 'caller', code: 'ERR_DEPLOY_TOO_LARGE' },
};

const refusedRows: Readonly<Record<RefusedReason, OutcomeRow>> = {
  'no-handler': { status: 501, blame: 'guest', code: 'ERR_NO_HANDLER' },
  closing: { status: 503, blame: 'host', code: 'ERR_CLOSING' },
  unauthorized: { status: 401, blame: 'caller', code: 'ERR_UNAUTHORIZED' },
  'invalid-token': { status: 401, blame: 'caller', code: 'ERR_INVALID_TOKEN' },
  forbidden: { status: 403, blame: 'caller', code: 'ERR_FORBIDDEN' },
  'ambiguous-path': { status: 400, blame: 'caller', code: 'ERR_BAD_REQUEST' },
};

/** The one table from an outcome to its HTTP status, its blame and its code. */
export function outcomeRow(outcome: Outcome): OutcomeRow {
  switch (outcome.kind) {
    case 'responded':
      return { status: outcome.status, blame: outcome.status >= 500 ? 'guest' : 'caller', code: 'OK' };
    case 'returned':
      return { status: 200, blame: 'caller', code: 'OK' };
    case 'threw':
      return {
        status: 500,
        blame: 'guest',
        code:
          outcome.error.phase === 'startup'
            ? 'ERR_GUEST_STARTUP'
            : outcome.error.phase === 'result'
              ? 'ERR_GUEST_RESULT'
              : 'ERR_GUEST_THREW',
      };
    case 'exceeded':
      return exceededRows[outcome.limit];
    case 'refused':
      return refusedRows[outcome.reason];
    case 'cancelled':
      return { status: 499, blame: 'caller', code: 'ERR_CANCELLED' };
    case 'crashed':
      return {
        status: 502,
        blame: outcome.cause === 'instance' ? 'guest' : 'host',
        code: outcome.cause === 'instance' ? 'ERR_INSTANCE_LOST' : 'ERR_CELL_LOST',
      };
  }
}

/** The label under which an outcome is counted: its kind, and the limit where one was exceeded. */
export function outcomeLabel(outcome: Outcome): string {
  return outcome.kind === 'exceeded' ? `exceeded:${outcome.limit}` : outcome.kind;
}
