import type { Headers } from './head.ts';
import { maxHeadLength, maxNameLength } from './limits.ts';

type Named = Readonly<Record<string, unknown>>;

/** Which cache: undefined is `caches.default`, `null` all of them in order. */
export type Which = string | undefined | null;

/** What a request is compared by. */
export interface Query {
  readonly cache: Which;
  /** Its fragment does not count; undefined: every request. */
  readonly url: string | undefined;
  readonly headers: Headers;
  readonly ignoreSearch: boolean;
  readonly ignoreVary: boolean;
}

export interface Put {
  readonly cache: string | undefined;
  readonly url: string;
  readonly requestHeaders: Headers;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly responseUrl: string;
  readonly type: string;
}

/** Checks of what a guest sends; TypeError for what its own code would not have sent. */
function named(args: unknown): Named {
  if (typeof args === 'object' && args !== null && !Array.isArray(args)) return args as Named;
  throw new TypeError('Cache arguments are not an object; use the Cache API');
}

export function parseName(args: unknown): string {
  return toName(named(args)['name']);
}

function toName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError('A cache name must be a string');
  if (name.length > maxNameLength)
    throw new TypeError(`A cache name has ${name.length} characters; use at most ${maxNameLength}`);
  return name;
}

export function parseQuery(args: unknown): Query {
  const { cache, url, headers, ignoreSearch, ignoreVary } = named(args);
  return {
    cache: cache === null ? null : cache === undefined ? undefined : toName(cache),
    url: url === undefined ? undefined : toUrl(url),
    headers: toHeaders(headers),
    ignoreSearch: ignoreSearch === true,
    ignoreVary: ignoreVary === true,
  };
}

export function parsePut(args: unknown): Put {
  const { cache, url, requestHeaders, status, statusText, headers, responseUrl, type } = named(args);
  if (typeof status !== 'number' || !(status >= 0 && status <= 599))
    throw new TypeError('A cached response needs a status');
  if (status === 206) throw new TypeError('A part of a response (206) cannot be cached; put the whole');
  if (JSON.stringify(args).length > maxHeadLength)
    throw new TypeError(`Address and headers of a cached response are longer than ${maxHeadLength}`);
  return {
    cache: cache === undefined ? undefined : toName(cache),
    url: toUrl(url),
    requestHeaders: toHeaders(requestHeaders),
    status,
    statusText: toText(statusText),
    headers: toHeaders(headers),
    responseUrl: toText(responseUrl),
    type: toText(type),
  };
}

/** The key a head was answered with. */
export function parseHeadKey(args: unknown): string {
  return toText(named(args)['key']);
}

function toUrl(value: unknown): string {
  const url = URL.parse(toText(value));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TypeError('Only http: and https: addresses can be cached');
  return url.href;
}

function toHeaders(value: unknown): Headers {
  if (!Array.isArray(value) || value.length % 2 !== 0)
    throw new TypeError('Headers are a flat list of pairs');
  return value.map((item, index) => (index % 2 === 0 ? toText(item).toLowerCase() : toText(item)));
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`A cache argument is of type ${typeof value}; it must be a string`);
}
