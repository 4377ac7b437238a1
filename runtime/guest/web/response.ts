import { type Body, cloneBody, extractBody, mixinBody, wholeBody } from './body.ts';
import { hasHeader, type HeaderList } from './header-list.ts';
import { createHeaders, fillHeaders, type Headers, type HeadersGuard } from './headers.ts';
import type { AbortSignal } from './abort.ts';
import { toAbsoluteUrl } from './url.ts';
import { socketCore, type WebSocket } from './websocket.ts';
import { requireArguments, shapeInterface, toByteString, toDictionary, toWellFormed } from './webidl.ts';

export interface ResponseState {
  type: 'default' | 'error' | 'basic';
  status: number;
  statusText: string;
  url: string;
  redirected: boolean;
  list: HeaderList;
  guard: HeadersGuard;
  /** Made on the first look at `headers`; shares `list`. */
  headers: Headers | undefined;
  body: Body | null;
  /** The signal its fetch was given. */
  fetchSignal: AbortSignal | undefined;
  /** With status 101 alone. */
  webSocket: WebSocket | undefined;
}

/** The state behind a Response of ours; undefined for anything else. Never calls guest code. */
export let responseState: (value: unknown) => ResponseState | undefined;
/** A Response over `state`, which it takes over. */
export let createResponse: (state: ResponseState) => Response;

const { stringify } = JSON;
const nullBodyStatuses: readonly number[] = [101, 103, 204, 205, 304];
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];
const badReason = /[^\t\x20-\x7e\x80-\xff]/;
const key: unique symbol = Symbol('Response');

/** Fetch, 5.5. */
export class Response {
  readonly #state: ResponseState;

  static {
    responseState = (value) =>
      typeof value === 'object' && value !== null && #state in value ? value.#state : undefined;
    createResponse = (state) => new Response(key, state);
  }

  static error(): Response {
    const state = toState(undefined, null, undefined);
    state.type = 'error';
    state.status = 0;
    state.guard = 'immutable';
    return new Response(key, state);
  }

  static json(data: unknown, init: unknown = undefined): Response {
    requireArguments(arguments.length, 1, 'Response.json');
    const text = stringify(data) as string | undefined;
    if (text === undefined)
      throw new TypeError(`Response.json cannot turn a value of type ${typeof data} into JSON`);
    return new Response(key, toState(init, wholeBody(toWellFormed(text)), 'application/json'));
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    requireArguments(arguments.length, 1, 'Response.redirect');
    const address = toAbsoluteUrl(url);
    if (address === undefined)
      throw new TypeError(`Cannot redirect to ${JSON.stringify(String(url))}; use an absolute URL`);
    const code = Number(status) & 0xffff;
    if (!redirectStatuses.includes(code))
      throw new RangeError(`Cannot redirect with status ${String(status)}; use 301, 302, 303, 307 or 308`);
    const state = toState(undefined, null, undefined);
    state.status = code;
    state.list.push('location', address);
    state.guard = 'immutable';
    return new Response(key, state);
  }

  constructor(body: unknown = undefined, init: unknown = undefined) {
    if (body === key) {
      this.#state = init as ResponseState;
      return;
    }
    if (typeof body === 'string') {
      this.#state = toState(init, wholeBody(toWellFormed(body)), 'text/plain;charset=UTF-8');
      return;
    }
    const extracted = body === undefined || body === null ? undefined : extractBody(body);
    this.#state = toState(init, extracted?.body ?? null, extracted?.type);
  }

  get type(): string {
    return this.#state.type;
  }
  get url(): string {
    const { url } = this.#state;
    const hash = url.indexOf('#');
    return hash < 0 ? url : url.slice(0, hash);
  }
  get redirected(): boolean {
    return this.#state.redirected;
  }
  get status(): number {
    return this.#state.status;
  }
  get ok(): boolean {
    const { status } = this.#state;
    return status >= 200 && status <= 299;
  }
  get statusText(): string {
    return this.#state.statusText;
  }
  get headers(): Headers {
    const state = this.#state;
    return (state.headers ??= createHeaders(state.list, state.guard));
  }

  /** Workers: the other end of a WebSocket that was asked for, or null. */
  get webSocket(): WebSocket | null {
    return this.#state.webSocket ?? null;
  }

  clone(): Response {
    const state = this.#state;
    if (state.webSocket !== undefined) throw new TypeError('A Response with a webSocket cannot be cloned');
    const body = state.body && cloneBody(state.body);
    return new Response(key, { ...state, list: [...state.list], headers: undefined, body });
  }
}

/** Fetch, 5.5 "initialize a response". */
function toState(init: unknown, body: Body | null, type: string | undefined): ResponseState {
  let status = 200;
  let statusText = '';
  let list: HeaderList = [];
  let webSocket: WebSocket | undefined;
  if (init !== undefined && init !== null) {
    const options = toDictionary(init, 'The second argument of a Response');
    if (options.status !== undefined) status = Number(options.status) & 0xffff;
    if (options.statusText !== undefined) statusText = toByteString(options.statusText, 'The statusText');
    if (options.webSocket !== undefined && options.webSocket !== null)
      webSocket = toSocket(options.webSocket, status);
    else if (status < 200 || status > 599)
      throw new RangeError(`Status ${String(options.status)} is not usable in a Response; use 200 to 599`);
    if (badReason.test(statusText)) throw new TypeError('The statusText may not hold control characters');
    list = fillHeaders(options.headers);
  }
  if (body !== null) {
    if (nullBodyStatuses.includes(status))
      throw new TypeError(`A Response with status ${status} has no body; pass null`);
    if (type !== undefined && !hasHeader(list, 'content-type')) list.push('content-type', type);
  }
  return {
    type: 'default',
    status,
    statusText,
    url: '',
    redirected: false,
    list,
    guard: 'none',
    headers: undefined,
    body,
    fetchSignal: undefined,
    webSocket,
  };
}

/** Workers: a WebSocket goes with status 101, and nothing else does. */
function toSocket(value: unknown, status: number): WebSocket {
  if (socketCore(value) === undefined) throw new TypeError('The webSocket of a Response must be a WebSocket');
  if (status !== 101) throw new RangeError(`A Response with a webSocket has status 101, not ${status}`);
  return value as WebSocket;
}

shapeInterface(Response.prototype, 'Response');
mixinBody(Response.prototype, (self) => {
  const state = responseState(self);
  if (state === undefined) throw new TypeError('Illegal invocation: this is not a Response');
  return state;
});
