import { outcomeRow } from '#runtime/outcome.ts';
import type { CrashCause, Outcome, RefusedReason } from '#runtime/outcome.ts';
import type { LimitName } from '#runtime/limits.ts';

/** Why a door answers in the guest's place. `message` is for the caller: no stack, nothing a guest wrote. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Seconds for `retry-after`; absent when trying again soon would not help. */
  readonly retryAfter?: number;
  /** For `www-authenticate`. */
  readonly challenge?: string;
}

/** A platform answer, ready to send: flat headers in lower case, the JSON text as body. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: string[];
  readonly text: string;
}

/** What callers read in `error.message` when a request cannot be taken, by code and status. */
export const refusals = {
  malformed: (message: string): Refusal => ({ status: 400, code: 'ERR_BAD_REQUEST', message }),
  method: {
    status: 405,
    code: 'ERR_METHOD',
    message: 'Cannot take this method: CONNECT and TRACE are not served; use any other',
  },
  timeout: {
    status: 408,
    code: 'ERR_REQUEST_TIMEOUT',
    message: 'Cannot read the request: it did not arrive in time; send it again, faster',
  },
  handshake: (reason: string): Refusal => ({
    status: 400,
    code: 'ERR_BAD_REQUEST',
    message: `Cannot open a WebSocket: ${reason}; send an opening handshake as RFC 6455 has it`,
  }),
  version: {
    status: 426,
    code: 'ERR_UPGRADE',
    message: 'Cannot open a WebSocket: only version 13 of the protocol is spoken here',
  },
  expectation: {
    status: 417,
    code: 'ERR_EXPECTATION',
    message: 'Cannot meet the expectation: only "100-continue" is known; leave the Expect header out',
  },
  headers: {
    status: 431,
    code: 'ERR_HEADERS_TOO_LARGE',
    message: 'Cannot read the request: its headers go over 32 KB or 256 fields; send fewer or shorter ones',
  },
  noFunction: (message: string): Refusal => ({ status: 404, code: 'ERR_NO_FUNCTION', message }),
} as const;

const limitMessages: Readonly<Record<LimitName, string>> = {
  memoryMb: 'The function went over its memory limit (limits.memoryMb)',
  cpuMs: 'The function went over its CPU time (limits.cpuMs)',
  wallMs: 'The function did not finish in time (limits.wallMs)',
  startupCpuMs: 'The function used up its CPU time while starting (limits.startupCpuMs)',
  requestBodyBytes: 'The request body is larger than the function takes (limits.requestBodyBytes)',
  responseBodyBytes: 'The response body went over its limit (limits.responseBodyBytes)',
  subrequests: 'The function went over its number of subrequests (limits.subrequests)',
  logBytes: 'The function went over its log size (limits.logBytes)',
  concurrency: 'The function is busy with as many calls as it may take (limits.concurrency); try again soon',
  sockets: 'The function has as many WebSockets open as it may (limits.sockets); try again soon',
  socketMs: 'The WebSocket was open for as long as it may be (limits.socketMs); open another',
  socketIdleMs: 'Nothing went over the WebSocket for too long (limits.socketIdleMs); open another',
  messageBytes: 'A WebSocket message was longer than it may be (limits.messageBytes)',
  bundleBytes: 'The deployment is larger than allowed (limits.bundleBytes)',
};

const crashMessages: Readonly<Record<CrashCause, string>> = {
  cell: 'The process that ran the function was lost; try again',
  instance: 'The instance that ran the function was lost to another call; try again',
  internal: 'The call failed inside the host; its log says why',
};

const refusedMessages: Readonly<Record<RefusedReason, string>> = {
  'no-handler': 'The function has no handler for this kind of call',
  closing: 'The host is closing; try again when it is back',
  unauthorized: 'Cannot call the function without signing in; send a token in the Authorization header',
  'invalid-token': 'Cannot call the function: the token does not hold; sign in again',
  forbidden: 'Cannot call the function: your roles do not allow it',
  'ambiguous-path':
    'Cannot call the function: the path can be read in two ways; send it without odd encodings',
};

/** RFC 6750, 3: what `www-authenticate` says. */
const challenges: Readonly<Partial<Record<RefusedReason, string>>> = {
  unauthorized: 'Bearer realm="islet"',
  'invalid-token': 'Bearer realm="islet", error="invalid_token"',
  forbidden: 'Bearer realm="islet", error="insufficient_scope"',
};

/** The answer that stands for an outcome no response head was sent for. Status and code come from `outcomeRow`. */
export function outcomeRefusal(outcome: Outcome): Refusal {
  if (outcome.kind === 'responded' || outcome.kind === 'returned') {
    return outcomeRefusal({ kind: 'crashed', cause: 'internal' });
  }
  const { status, code } = outcomeRow(outcome);
  const refusal = { status, code, message: outcomeMessage(outcome) };
  const challenge = outcome.kind === 'refused' ? challenges[outcome.reason] : undefined;
  if (challenge !== undefined) return { ...refusal, challenge };
  if (code === 'ERR_LIMIT_CONCURRENCY' || code === 'ERR_LIMIT_SOCKETS' || code === 'ERR_CLOSING')
    return { ...refusal, retryAfter: 1 };
  return refusal;
}

function outcomeMessage(outcome: Exclude<Outcome, { kind: 'responded' | 'returned' }>): string {
  switch (outcome.kind) {
    case 'threw':
      if (outcome.error.phase === 'startup') return 'The function failed while starting; its log says why';
      if (outcome.error.phase === 'result')
        return 'The function gave an answer that cannot be sent; see its log';
      return 'The function failed; its log says why';
    case 'exceeded':
      return limitMessages[outcome.limit];
    case 'refused':
      return refusedMessages[outcome.reason] + (outcome.detail === undefined ? '' : `: ${outcome.detail}`);
    case 'cancelled':
      return 'The call was cancelled';
    case 'crashed':
      return crashMessages[outcome.cause];
  }
}

/** What a guest's answer becomes when it is not one that HTTP can carry. */
export const unusableAnswer: Refusal = {
  status: 502,
  code: 'ERR_GUEST_RESULT',
  message: 'The function gave an answer that cannot be sent: its status or a header is not valid',
};

/**
 * The one shape of every answer islet gives in a function's place: JSON `{"error":{"code","message","id"}}`,
 * `x-islet-error` with the code, `x-islet-id` with the invocation id.
 */
export function errorAnswer(refusal: Refusal, id: string): ErrorAnswer {
  const { status, code, message, retryAfter, challenge } = refusal;
  const text = `${JSON.stringify({ error: { code, message, id } })}\n`;
  const headers = ['x-islet-id', id, 'x-islet-error', code, 'content-type', 'application/json'];
  headers.push('cache-control', 'no-store', 'content-length', String(Buffer.byteLength(text)));
  if (retryAfter !== undefined) headers.push('retry-after', String(retryAfter));
  if (challenge !== undefined) headers.push('www-authenticate', challenge);
  if (status === 426) headers.push('sec-websocket-version', '13', 'upgrade', 'websocket');
  if (status === 405) headers.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  return { status, headers, text };
}

/** The answer an outcome becomes where no head was sent, as a web Response: for the doors that speak Request/Response. */
export function errorResponse(outcome: Outcome, id: string): Response {
  return toErrorResponse(outcomeRefusal(outcome), id);
}

/** The same for a refusal that has no outcome. */
export function toErrorResponse(refusal: Refusal, id: string): Response {
  const { status, headers, text } = errorAnswer(refusal, id);
  const list = new Headers();
  for (let i = 0; i < headers.length; i += 2) list.append(headers[i]!, headers[i + 1]!);
  return new Response(text, { status, headers: list });
}
