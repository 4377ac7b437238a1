import type { Test } from 'tap';
import { createCacheBinding, type CacheOptions } from '#bindings/cache/cache.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Answer, GrantContext, Operation } from '#runtime/binding.ts';
import { parseFunctionName } from '#runtime/deployment.ts';
import { temporaryStore } from './store-files.ts';
import { asked } from './asked.ts';

export type Flat = readonly string[];

/** The caches of one function, by operations as its guests send them; `cache` absent is `caches.default`. */
export interface TestCaches {
  call(method: string, args: object, body?: Pick<Operation, 'bytes' | 'stream'>): Promise<Answer>;
  put(url: string, body: string | Uint8Array | AsyncIterable<Uint8Array>, more?: PutMore): Promise<unknown>;
  /** Text of the match, undefined for none. */
  text(url: string, more?: object): Promise<string | undefined>;
}

interface PutMore {
  readonly cache?: string;
  readonly requestHeaders?: Flat;
  readonly headers?: Flat;
  readonly status?: number;
}

export interface CachesOptions extends CacheOptions {
  readonly name?: string;
  readonly cordon?: string;
}

export function openCaches(
  store: Store,
  { name = 'shop', cordon = 'default', ...options }: CachesOptions = {},
): TestCaches {
  const binding = createCacheBinding(store, options);
  const attachment = binding.attach({ function: parseFunctionName(name), cordon });
  const context = { invocationId: 'i', signal: new AbortController().signal } as GrantContext;
  const call: TestCaches['call'] = (method, args, body = {}) =>
    asked(attachment.grant(context)).call({ method: `cache.${method}`, args, ...body });
  return {
    call,
    async put(url, body, { headers = [], requestHeaders = [], status = 200, cache } = {}) {
      const args = { url, requestHeaders, status, statusText: '', headers, responseUrl: '', type: 'default' };
      const bytes = typeof body === 'string' ? new Uint8Array(Buffer.from(body)) : body;
      const sent = bytes instanceof Uint8Array ? { bytes } : { stream: bytes };
      return (await call('put', { ...args, ...(cache === undefined ? {} : { cache }) }, sent)).value;
    },
    async text(url, more = {}) {
      const answer = await call('match', { url, headers: [], ...more });
      return answer.value === undefined ? undefined : textOf(answer);
    },
  };
}

/** The same over a store of its own. */
export function temporaryCaches(t: Test, options: CachesOptions = {}): TestCaches {
  return openCaches(temporaryStore(t, options.now), options);
}

export async function textOf({ bytes, stream }: Answer): Promise<string> {
  if (stream === undefined) return Buffer.from(bytes ?? []).toString();
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
