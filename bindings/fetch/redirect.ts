import { HostError } from '#runtime/errors.ts';
import { withoutHeaders } from './headers.ts';
import { parseAddress } from './request.ts';
import type { OutgoingRequest } from './request.ts';

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const bodyHeaders: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
]);
/** Not sent on to another origin: the standard names authorization; cookies set by hand are as secret. */
const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie']);

export function isRedirect(status: number): boolean {
  return redirectStatuses.has(status);
}

/**
 * The request that follows a redirect: Fetch standard, 4.4 "HTTP-redirect fetch". Throws HostError ERR_FETCH_FAILED
 * where the standard has a network error, ERR_EGRESS_REFUSED for an address that may not be called.
 */
export function redirectedRequest(
  request: OutgoingRequest,
  status: number,
  location: string,
): OutgoingRequest {
  const url = parseLocation(location, request.url);
  const crossOrigin = url.origin !== request.url.origin;
  const headers = crossOrigin
    ? withoutHeaders(request.headers, (name) => secretHeaders.has(name))
    : request.headers;
  if (becomesGet(request.method, status)) {
    return {
      ...request,
      url,
      method: 'GET',
      body: undefined,
      headers: withoutHeaders(headers, (name) => bodyHeaders.has(name)),
    };
  }
  if (status !== 303 && request.body !== undefined && !(request.body instanceof Uint8Array)) {
    throw refuse(
      request.url,
      'a streamed body cannot be sent a second time; send bytes, or redirect: "manual"',
    );
  }
  return { ...request, url, headers };
}

function becomesGet(method: string, status: number): boolean {
  if (status === 301 || status === 302) return method === 'POST';
  return status === 303 && method !== 'GET' && method !== 'HEAD';
}

function parseLocation(location: string, base: URL): URL {
  let url: URL;
  try {
    url = parseAddress(location, base);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw refuse(base, 'it leads to an address that cannot be used', error);
  }
  if (url.hash === '') url.hash = base.hash;
  return url;
}

function refuse(from: URL, reason: string, cause?: unknown): HostError {
  return new HostError(
    'ERR_FETCH_FAILED',
    `Cannot follow the redirect of ${JSON.stringify(from.host)}: ${reason}`,
    {
      cause,
    },
  );
}
