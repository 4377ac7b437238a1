import type { MiddlewareHandler } from 'hono';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';

export interface IsletMiddlewareOptions {
  /** The function that answers. Default: the first segment of the path, as `name` or `name@version`. */
  readonly name?: string;
  /** What comes before the function's part of the path, e.g. `/fn` for `app.use('/fn/*', …)`. Default none. */
  readonly prefix?: string;
}

/**
 * A Hono middleware that answers from a host: `app.use('/fn/*', isletMiddleware(host, { prefix: '/fn' }))`. What comes
 * before the function's own path is stripped and told in `x-forwarded-prefix`. Goes on to `next()`, the request's body
 * unread, when the path does not begin with `prefix` or there is no such function or version.
 */
export function isletMiddleware(
  host: Pick<Host, 'fetch'>,
  options: IsletMiddlewareOptions = {},
): MiddlewareHandler {
  const base = (options.prefix ?? '').replace(/\/+$/, '');
  return async (context, next) => {
    const { raw } = context.req;
    const url = new URL(raw.url);
    const address = findAddress(url.pathname, base, options.name);
    if (address === undefined) return next();
    try {
      const request = address.prefix === '' ? raw : underPrefix(raw, url, address.prefix);
      const version = address.version === undefined ? undefined : { version: address.version };
      return await host.fetch(address.name, request, version);
    } catch (error) {
      const absent =
        error instanceof HostError && (error.code === 'ERR_NO_FUNCTION' || error.code === 'ERR_NO_VERSION');
      if (!absent) throw error;
    }
    return next();
  };
}

interface Address {
  readonly name: string;
  readonly version?: number;
  readonly prefix: string;
}

const segmentPattern = /^\/([a-z0-9-]{1,63})(?:@([1-9][0-9]{0,8}))?(?=\/|$)/;

function findAddress(path: string, base: string, name: string | undefined): Address | undefined {
  if (base !== '' && path !== base && !path.startsWith(`${base}/`)) return undefined;
  if (name !== undefined) return { name, prefix: base };
  const segment = segmentPattern.exec(path.slice(base.length));
  if (segment === null) return undefined;
  const version = segment[2] === undefined ? {} : { version: Number(segment[2]) };
  return { name: segment[1]!, ...version, prefix: base + segment[0] };
}

/** The request with its prefix stripped. Takes the body along as it is: it stays unread until the host reads it. */
function underPrefix(raw: Request, url: URL, prefix: string): Request {
  const headers = new Headers(raw.headers);
  headers.set('x-forwarded-prefix', prefix);
  const path = url.pathname.slice(prefix.length) || '/';
  const init: RequestInit = { method: raw.method, headers, signal: raw.signal };
  if (raw.body !== null) Object.assign(init, { body: raw.body, duplex: 'half' });
  return new Request(`${url.origin}${path}${url.search}`, init);
}
