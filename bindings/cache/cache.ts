import type { Store } from '#bindings/store/store.ts';
import type { Answer, Attachment, Operation } from '#runtime/binding.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { parseHeadKey, parseName, parsePut, parseQuery } from './arguments.ts';
import { spacePrefix } from './keys.ts';
import { maxSpaceBytes } from './limits.ts';
import { viewOf } from './partial.ts';
import { Space, type Found } from './space.ts';
import { varyNames } from './vary.ts';

/** `caches` of guests; in no manifest: operations `cache.…` of binding "". */
export interface CacheBinding {
  /** Functions have caches of their own, by cordon and name; the versions of one share them. */
  attach(deployment: Pick<DeploymentHead, 'function' | 'cordon'>): Pick<Attachment, 'grant'>;
}

export interface CacheOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** Bytes that the caches of one function may hold. Default 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * Serves `cache.open`, `has`, `drop`, `names`, `match`, `all`, `read`, `keys`, `put`, `delete`; their arguments are in
 * arguments.ts. Rejects with TypeError for what is no request or response to cache, HostError ERR_CACHE_TOO_LARGE,
 * ERR_CACHE_GONE, ERR_STORE_*.
 */
export function createCacheBinding(store: Store, options: CacheOptions = {}): CacheBinding {
  const { now = Date.now, maxBytes = maxSpaceBytes } = options;
  const spaces = new Map<string, Promise<Space>>();
  const open = (prefix: string): Promise<Space> => {
    const known = spaces.get(prefix);
    if (known !== undefined) return known;
    const opened = Space.open(store, prefix, { now, maxBytes });
    spaces.set(prefix, opened);
    opened.catch(() => spaces.delete(prefix));
    return opened;
  };
  return {
    attach({ function: name, cordon }) {
      const prefix = spacePrefix(cordon, name);
      return { grant: () => ({ call: async (operation) => run(await open(prefix), operation) }) };
    },
  };
}

async function run(space: Space, { method, args, bytes, stream }: Operation): Promise<Answer> {
  switch (method) {
    case 'cache.open':
      await space.names.add(parseName(args));
      return {};
    case 'cache.has':
      return { value: space.names.has(parseName(args)) };
    case 'cache.drop':
      return { value: await space.drop(parseName(args)) };
    case 'cache.names':
      return { value: space.names.list() };
    case 'cache.match':
      return match(space, args);
    case 'cache.all': {
      const found = await space.find(parseQuery(args));
      return { value: found.map(({ key, head }) => ({ key, ...describe(head) })) };
    }
    case 'cache.read': {
      const found = await space.read(parseHeadKey(args));
      if (found === undefined)
        throw new HostError('ERR_CACHE_GONE', 'The cached response went before it was read; fetch it anew');
      return bodyOf(space, found, 0, found.head.bodyBytes);
    }
    case 'cache.keys': {
      const found = await space.find(parseQuery(args));
      return { value: found.map(({ head }) => ({ url: head.url, headers: head.requestHeaders })) };
    }
    case 'cache.put': {
      const put = parsePut(args);
      if (varyNames(put.headers).includes('*'))
        throw new TypeError('A response with "vary: *" cannot be cached: it answers one request only');
      return { value: await space.put(put, stream ?? bytes) };
    }
    case 'cache.delete':
      return { value: await space.delete(parseQuery(args)) };
    default:
      throw new TypeError(`The cache has no operation ${JSON.stringify(method.slice(0, 100))}`);
  }
}

async function match(space: Space, args: unknown): Promise<Answer> {
  const query = parseQuery(args);
  const [found] = await space.find(query, 1);
  if (found === undefined) return {};
  const { head } = found;
  const view = viewOf(head, query.headers);
  if (view.kind === 'not-modified')
    return { value: { ...describe(head), status: 304, statusText: 'Not Modified', hasBody: false } };
  if (view.kind === 'whole') return { value: describe(head), ...bodyOf(space, found, 0, head.bodyBytes) };
  const { start, end } = view;
  const headers = head.headers.filter((_, at) => head.headers[at - (at % 2)] !== 'content-length');
  const part = [
    'content-range',
    `bytes ${start}-${end - 1}/${head.bodyBytes}`,
    'content-length',
    `${end - start}`,
  ];
  return {
    value: { ...describe(head), status: 206, statusText: 'Partial Content', headers: [...headers, ...part] },
    ...bodyOf(space, found, start, end),
  };
}

function bodyOf(space: Space, found: Found, start: number, end: number): Pick<Answer, 'bytes' | 'stream'> {
  if (!found.head.hasBody) return {};
  if (found.head.pieces === 0) return { bytes: found.inline.slice(start, end) };
  return { stream: space.open(found, start, end) };
}

/** What a guest needs to make the Response. */
function describe(head: Found['head']): Readonly<Record<string, unknown>> {
  const { status, statusText, headers, responseUrl, type, hasBody } = head;
  return { status, statusText, headers, url: responseUrl, type, hasBody };
}
