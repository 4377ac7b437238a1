import type { Operation } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import { parseHeaders } from './headers.ts';
import type { FlatHeaders } from './headers.ts';

export type Body = Uint8Array | AsyncIterable<Uint8Array>;

/** A request as it goes out: checked, nothing in it that a guest may not set. */
export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: FlatHeaders;
  readonly body: Body | undefined;
  readonly redirect: 'follow' | 'manual' | 'error';
}

const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Fetch standard, 2.2.1: methods no fetch may use. */
const forbiddenMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Throws TypeError for what is no request, HostError ERR_EGRESS_REFUSED for an address that may not be called. */
export function parseRequest(operation: Operation): OutgoingRequest {
  const args = operation.args;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw new TypeError('fetch arguments are not an object; send { url, method, headers, redirect }');
  }
  const { url, method, headers, redirect, length } = args as Readonly<Record<string, unknown>>;
  const body = operation.stream ?? operation.bytes;
  const parsedMethod = parseMethod(method ?? 'GET');
  if (body !== undefined && (parsedMethod === 'GET' || parsedMethod === 'HEAD')) {
    throw new TypeError(`fetch with method ${parsedMethod} cannot have a body; use POST or PUT`);
  }
  return {
    url: parseAddress(url),
    method: parsedMethod,
    headers: [...parseHeaders(headers), ...lengthHeader(operation, length)],
    body,
    redirect: parseRedirect(redirect ?? 'follow'),
  };
}

/** Of a stream whose length the guest knows; bytes say their own. A body of another length breaks the request off. */
function lengthHeader({ stream }: Operation, length: unknown): FlatHeaders {
  if (length === undefined || stream === undefined) return [];
  if (typeof length === 'number' && Number.isSafeInteger(length) && length >= 0)
    return ['content-length', String(length)];
  throw new TypeError('fetch length is no number of bytes');
}

/** An absolute http(s) URL without credentials. */
export function parseAddress(value: unknown, base?: URL): URL {
  const url = typeof value === 'string' ? URL.parse(value, base?.href) : null;
  if (url === null) throw new TypeError(`fetch address ${quote(value)} is not a URL; use "https://…"`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new HostError(
      'ERR_EGRESS_REFUSED',
      `Cannot fetch ${quote(url.href)}: functions may not call ${JSON.stringify(url.protocol)} addresses; use http: or https:`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(
      `fetch address for ${JSON.stringify(url.host)} holds credentials; use an authorization header`,
    );
  }
  return url;
}

function parseMethod(value: unknown): string {
  if (typeof value !== 'string' || !methodPattern.test(value)) {
    throw new TypeError(`fetch method ${quote(value)} is not a token; use GET, POST, …`);
  }
  if (forbiddenMethods.has(value.toUpperCase())) {
    throw new TypeError(`fetch method ${value} is forbidden; use GET, POST, …`);
  }
  return value;
}

function parseRedirect(value: unknown): OutgoingRequest['redirect'] {
  if (value === 'follow' || value === 'manual' || value === 'error') return value;
  throw new TypeError(`fetch redirect ${quote(value)} is unknown; use follow, manual or error`);
}

function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : `of type ${typeof value}`;
}
