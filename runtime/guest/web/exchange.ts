import { abortReason, type AbortSignal, isAborted } from './abort.ts';
import { type Body, openedBody, takeBody, type TakenBody, wholeBody } from './body.ts';
import { hasHeader, type HeaderList } from './header-list.ts';
import type { Headers } from './headers.ts';
import {
  createRequest,
  defaultMeta,
  givenSignal,
  type Request,
  requestState,
  type RequestState,
  toState,
} from './request.ts';
import { fetchLocally } from './local-fetch.ts';
import { createResponse, type Response, responseState, type ResponseState } from './response.ts';
import { type BodyStream, discard } from './streams.ts';
import type { SocketCore } from './socket-core.ts';
import { socketCore, type WebSocket } from './websocket.ts';

/** What a body that came in is made of; neither: no body. */
export interface IncomingBody {
  /** Whole; taken over. May view a larger buffer. */
  readonly bytes?: Uint8Array | undefined;
  /** Called on the first use of the body. */
  readonly stream?: (() => BodyStream) | undefined;
}

export interface IncomingRequest extends IncomingBody {
  readonly method: string;
  /** Absolute, serialised; trusted. */
  readonly url: string;
  /** Flat: name, value, …; names in lower case; trusted, shared, never written to. Or called on the first look at them. */
  readonly headers: readonly string[] | (() => readonly string[]);
  /** Called on the first look at `signal`; without it a signal that never aborts. */
  readonly signal?: () => AbortSignal;
}

export interface FetchAnswer extends IncomingBody {
  readonly type: ResponseState['type'];
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
  readonly signal: AbortSignal | undefined;
  /** With status 101. */
  readonly webSocket: WebSocket | undefined;
}

function toBody({ bytes, stream }: IncomingBody): Body | null {
  if (bytes !== undefined) return wholeBody(bytes);
  return stream === undefined ? null : openedBody(stream);
}

/** The Request a handler gets. Nothing is parsed or made before it is asked for; its headers are immutable. */
export function createIncomingRequest(init: IncomingRequest): Request {
  return createRequest(new IncomingState(init));
}

/** The state of a request that came in. */
class IncomingState implements RequestState {
  readonly method: string;
  readonly url: string;
  readonly guard = 'immutable';
  headers: Headers | undefined = undefined;
  body: Body | null;
  readonly meta: RequestState['meta'] = defaultMeta;
  readonly follows: RequestState['follows'];
  signal: AbortSignal | undefined = undefined;
  #list: IncomingRequest['headers'];

  constructor(init: IncomingRequest) {
    this.method = init.method;
    this.url = init.url;
    this.body = toBody(init);
    this.follows = init.signal;
    this.#list = init.headers;
  }

  get list(): HeaderList {
    if (typeof this.#list === 'function') this.#list = this.#list();
    return this.#list as HeaderList;
  }
}

/** The Response fetch() answers with; its headers are immutable. */
export function createFetchResponse(init: FetchAnswer): Response {
  return createResponse({
    type: init.type,
    status: init.status,
    statusText: init.statusText,
    url: init.url,
    redirected: init.redirected,
    list: init.headers as string[],
    guard: 'immutable',
    headers: undefined,
    body: toBody(init),
    fetchSignal: init.signal,
    webSocket: init.webSocket,
  });
}

/** A Response on its way out; `headers` is flat with names in lower case, read it at once and do not change it. */
export interface TakenResponse {
  readonly status: number;
  readonly headers: string[];
  readonly body: TakenBody;
  /** With status 101: what is accepted. */
  readonly socket: SocketCore | undefined;
}

/**
 * Takes a Response of ours apart and marks its body used; undefined for anything else, however much it looks like one.
 * TypeError when the body is used or locked already, or the Response is Response.error().
 */
export function takeResponse(value: unknown): TakenResponse | undefined {
  const state = responseState(value);
  if (state === undefined) return undefined;
  if (state.type === 'error')
    throw new TypeError('Response.error() cannot be sent; return a Response with a status');
  return {
    status: state.status,
    headers: state.list,
    body: takeBody(state.body),
    socket: state.webSocket && socketCore(state.webSocket),
  };
}

/** An outgoing request; `headers` as in TakenResponse. */
export interface TakenRequest {
  readonly method: string;
  /** Absolute http(s) URL with its fragment. */
  readonly url: string;
  readonly headers: string[];
  readonly body: TakenBody;
  readonly redirect: 'follow' | 'error' | 'manual';
  /** Subresource integrity metadata; "" where there is none. */
  readonly integrity: string;
  /** What aborts it; watch it with onAbort and isAborted. */
  readonly signal: AbortSignal | undefined;
  /** The answer, where it needs no network: data: and blob: addresses. */
  readonly local: Response | undefined;
}

/**
 * The arguments of fetch() (Fetch, 5.6), checked and taken apart. Throws TypeError for what fetch() refuses, and the
 * reason of a signal that is aborted already; a stream as body is cancelled with it.
 */
export function takeRequest(input: unknown, init: unknown): TakenRequest {
  const state = toState(input, init);
  const signal = givenSignal(state);
  if (signal !== undefined && isAborted(signal)) {
    if (state.body?.stream) discard(state.body.stream, abortReason(signal));
    throw abortReason(signal);
  }
  if (state.meta.cache === 'only-if-cached')
    throw new TypeError('Cannot fetch with cache "only-if-cached": fetch has no cache here');
  const local = fetchLocally(state);
  const headers = state.meta.cache === 'default' ? state.list : withCacheHeaders(state);
  return {
    method: state.method,
    url: state.url,
    headers,
    body: takeBody(state.body),
    redirect: state.meta.redirect as TakenRequest['redirect'],
    integrity: state.meta.integrity,
    signal,
    local,
  };
}

/** Fetch, 4.6 "HTTP-network-or-cache fetch", steps 15 to 17: what the modes that go past caches say to those on the way. */
function withCacheHeaders({ list, meta }: RequestState): string[] {
  const past = meta.cache === 'no-store' || meta.cache === 'reload';
  const headers = [...list];
  if (past && !hasHeader(list, 'pragma')) headers.push('pragma', 'no-cache');
  if ((past || meta.cache === 'no-cache') && !hasHeader(list, 'cache-control'))
    headers.push('cache-control', past ? 'no-cache' : 'max-age=0');
  return headers;
}

/** A request as caches compare it; a Request is looked at, not used. `headers` as in TakenResponse. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
}

/** A Request of ours, or what is one when it is an address (Service Workers, Cache). Throws TypeError as Request does. */
export function seeRequest(input: unknown): SeenRequest {
  const { method, url, list } = requestState(input) ?? toState(input, undefined);
  return { method, url, headers: list };
}

/** What a cache stores beside the body. `headers` as in TakenResponse. */
export interface SeenResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly type: ResponseState['type'];
  readonly body: Body | null;
}

/** Undefined for anything but a Response of ours; nothing of it is used. */
export function seeResponse(value: unknown): SeenResponse | undefined {
  const state = responseState(value);
  if (state === undefined) return undefined;
  const { status, statusText, list, url, type, body } = state;
  return { status, statusText, headers: list, url, type, body };
}
