import { AbortSignal, isAbortSignal } from './abort.ts';
import type { Blob } from './blob.ts';
import { blobOfUrl } from './blob-url.ts';
import { type Body, cloneBody, extractBody, isUsable, mixinBody, moveBody } from './body.ts';
import { appendNoCors, filterNoCors } from './cors-safelist.ts';
import { hasHeader, type HeaderList } from './header-list.ts';
import { createHeaders, fillHeaders, type Headers, type HeadersGuard } from './headers.ts';
import { isReadableStream } from './streams.ts';
import { toAbsoluteUrl, toRequestUrl } from './url.ts';
import { requireArguments, shapeInterface, toByteString, toDictionary, toText } from './webidl.ts';

/** The members a server has no use for, kept because programs read and copy them. */
interface RequestMeta {
  readonly mode: string;
  readonly credentials: string;
  readonly cache: string;
  readonly redirect: string;
  readonly referrer: string;
  readonly referrerPolicy: string;
  readonly integrity: string;
  readonly keepalive: boolean;
}

const safelistedMethods: readonly string[] = ['GET', 'HEAD', 'POST'];

export interface RequestState {
  method: string;
  /** Serialised, with its fragment. */
  url: string;
  list: HeaderList;
  guard: HeadersGuard;
  /** Made on the first look at `headers`; shares `list`. */
  headers: Headers | undefined;
  body: Body | null;
  meta: RequestMeta;
  /** Signals to follow; `signal` is made from them on the first look. */
  follows: (() => AbortSignal) | undefined;
  signal: AbortSignal | undefined;
  /** What a blob: URL stood for when it was parsed (URL, 4.4 "blob URL entry"). */
  blob?: Blob | undefined;
}

export const defaultMeta: RequestMeta = {
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
};

const choices: Readonly<Record<string, readonly string[]>> = {
  mode: ['same-origin', 'no-cors', 'cors'],
  credentials: ['omit', 'same-origin', 'include'],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  redirect: ['follow', 'error', 'manual'],
  priority: ['high', 'low', 'auto'],
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
};

/** The state behind a Request of ours; undefined for anything else. Never calls guest code. */
export let requestState: (value: unknown) => RequestState | undefined;
/** A Request over `state`, which it takes over. */
export let createRequest: (state: RequestState) => Request;

const key: unique symbol = Symbol('Request');

/** Fetch, 5.4. */
export class Request {
  readonly #state: RequestState;

  static {
    requestState = (value) =>
      typeof value === 'object' && value !== null && #state in value ? value.#state : undefined;
    createRequest = (state) => new Request(key, state);
  }

  /** For attributes that are the same everywhere: they too belong to a Request. */
  static #constant<T>(self: Request, value: T): T {
    if (#state in self) return value;
    throw new TypeError('Illegal invocation: this is not a Request');
  }

  constructor(input: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new Request');
    this.#state = input === key ? (init as RequestState) : toState(input, init);
  }

  get method(): string {
    return this.#state.method;
  }
  get url(): string {
    return this.#state.url;
  }
  get headers(): Headers {
    const state = this.#state;
    return (state.headers ??= createHeaders(state.list, state.guard));
  }
  get signal(): AbortSignal {
    return signalOf(this.#state);
  }
  get destination(): string {
    return Request.#constant(this, '');
  }
  get referrer(): string {
    return this.#state.meta.referrer;
  }
  get referrerPolicy(): string {
    return this.#state.meta.referrerPolicy;
  }
  get mode(): string {
    return this.#state.meta.mode;
  }
  get credentials(): string {
    return this.#state.meta.credentials;
  }
  get cache(): string {
    return this.#state.meta.cache;
  }
  get redirect(): string {
    return this.#state.meta.redirect;
  }
  get integrity(): string {
    return this.#state.meta.integrity;
  }
  get keepalive(): boolean {
    return this.#state.meta.keepalive;
  }
  get isReloadNavigation(): boolean {
    return Request.#constant(this, false);
  }
  get isHistoryNavigation(): boolean {
    return Request.#constant(this, false);
  }
  get duplex(): string {
    return Request.#constant(this, 'half');
  }

  clone(): Request {
    const state = this.#state;
    const body = state.body && cloneBody(state.body);
    return new Request(key, {
      ...state,
      list: [...state.list],
      headers: undefined,
      body,
      follows: () => signalOf(state),
      signal: undefined,
    });
  }
}

/** The signal of a Request, made on the first look. */
function signalOf(state: RequestState): AbortSignal {
  if (state.signal) return state.signal;
  const followed = state.follows?.();
  return (state.signal = AbortSignal.any(followed ? [followed] : []));
}

/** Fetch, 5.4, the constructor's steps. */
export function toState(input: unknown, init: unknown): RequestState {
  const source = requestState(input);
  const options =
    init === undefined || init === null ? undefined : toDictionary(init, 'The options of a Request');
  const state: RequestState = {
    method: source?.method ?? 'GET',
    url: source?.url ?? toRequestUrl(input),
    list: [],
    guard: 'none',
    headers: undefined,
    body: null,
    meta: source?.meta ?? defaultMeta,
    follows: source ? () => signalOf(source) : undefined,
    signal: undefined,
  };
  if (state.url.startsWith('blob:')) state.blob = source ? source.blob : blobOfUrl(state.url);
  if (options) {
    if (options.window !== undefined && options.window !== null)
      throw new TypeError('The option "window" of a Request may only be null');
    state.meta = toMeta(options, state.meta);
    if (options.method !== undefined) state.method = normalizeMethod(options.method);
    const { signal } = options;
    if (signal === null) state.follows = undefined;
    else if (signal !== undefined) {
      if (!isAbortSignal(signal))
        throw new TypeError('The option "signal" of a Request must be an AbortSignal');
      state.follows = () => signal;
    }
    if (options.duplex !== undefined && toText(options.duplex) !== 'half')
      throw new TypeError('The option "duplex" of a Request may only be "half"');
  }
  const { meta } = state;
  if (meta.cache === 'only-if-cached' && meta.mode !== 'same-origin')
    throw new TypeError('A Request with cache "only-if-cached" needs the mode "same-origin"');
  state.list = options?.headers === undefined ? [...(source?.list ?? [])] : fillHeaders(options.headers);
  if (meta.mode === 'no-cors') {
    if (!safelistedMethods.includes(state.method))
      throw new TypeError(`A Request of mode "no-cors" cannot be ${state.method}; use GET, HEAD or POST`);
    state.guard = 'request-no-cors';
    state.list = filterNoCors(state.list);
  }
  state.body = toBody(state, source, options);
  return state;
}

function toBody(
  state: RequestState,
  source: RequestState | undefined,
  options: Record<string, unknown> | undefined,
): Body | null {
  const given = options?.body;
  const own = given !== undefined && given !== null;
  const inherited = source?.body ?? null;
  if ((own || inherited) && (state.method === 'GET' || state.method === 'HEAD'))
    throw new TypeError(`A ${state.method} request has no body; use another method or leave the body out`);
  if (!own) {
    if (inherited === null) return null;
    if (!isUsable(inherited))
      throw new TypeError(
        'The body of the request was used already or is locked; clone() it before the first use',
      );
    return moveBody(inherited);
  }
  if (isReadableStream(given)) {
    if (options?.duplex === undefined)
      throw new TypeError('A request with a stream as body needs duplex: "half"');
    if (options.keepalive) throw new TypeError('A request with a stream as body cannot be keepalive');
  }
  const { body, type } = extractBody(given);
  if (type !== undefined && !hasHeader(state.list, 'content-type')) {
    if (state.guard === 'none') state.list.push('content-type', type);
    else appendNoCors(state.list, 'content-type', type);
  }
  return body;
}

function toMeta(options: Record<string, unknown>, from: RequestMeta): RequestMeta {
  let meta: Record<string, unknown> | undefined;
  for (const name of Object.keys(choices)) {
    const value = options[name];
    if (value === undefined) continue;
    const text = toText(value);
    if (!choices[name]?.includes(text))
      throw new TypeError(`The option "${name}" of a Request cannot be ${JSON.stringify(text)}`);
    (meta ??= { ...from })[name] = text;
  }
  if (options.referrer !== undefined) (meta ??= { ...from }).referrer = toReferrer(options.referrer);
  if (options.integrity !== undefined) (meta ??= { ...from }).integrity = toText(options.integrity);
  if (options.keepalive !== undefined) (meta ??= { ...from }).keepalive = Boolean(options.keepalive);
  return (meta as RequestMeta | undefined) ?? from;
}

/** Step 14: "" is "no-referrer". There is no origin of our own here, so any URL may be one. */
function toReferrer(value: unknown): string {
  const text = toText(value);
  if (text === '') return '';
  const url = toAbsoluteUrl(text);
  if (url === undefined)
    throw new TypeError(`The option "referrer" of a Request is no URL: ${JSON.stringify(text)}`);
  return url;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const upperCased: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];

/** Fetch, 2.2.1 "normalize a method"; TypeError for what is no method or forbidden. */
function normalizeMethod(value: unknown): string {
  const method = toByteString(value, 'The method');
  if (!token.test(method)) throw new TypeError(`${JSON.stringify(method)} is not an HTTP method`);
  const upper = method.toUpperCase();
  if (upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK')
    throw new TypeError(`The method ${upper} is forbidden`);
  return upperCased.includes(upper) ? upper : method;
}

/** A signal somebody gave, not the Request's own follower of it; undefined when there is none. */
export function givenSignal(state: RequestState): AbortSignal | undefined {
  return state.signal ?? state.follows?.();
}

shapeInterface(Request.prototype, 'Request');
mixinBody(Request.prototype, (self) => {
  const state = requestState(self);
  if (state === undefined) throw new TypeError('Illegal invocation: this is not a Request');
  return state;
});
