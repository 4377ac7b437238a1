import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import type { Store } from '#bindings/store/store.ts';

const mostAttempts = 50;

/** What `change` makes of what is stored; undefined removes it. */
export interface Changed<T, R> {
  readonly next: { readonly value: T; readonly expiresAt?: number } | undefined;
  readonly result: R;
}

/** One JSON value under a key, changed only by compare-and-set; rejects with HostError ERR_CONFLICT when it never gets through. */
export async function change<T, R>(
  store: Store,
  key: string,
  work: (value: T | undefined) => Changed<T, R>,
): Promise<R> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const entry = await store.get(key);
    const { next, result } = work(entry === undefined ? undefined : (parse(entry.value) as T));
    if (next === undefined && entry === undefined) return result;
    const check = { key, revision: entry?.revision ?? 0 };
    const written = await store.write(
      [
        next === undefined
          ? { kind: 'delete', key }
          : {
              kind: 'put',
              key,
              value: Buffer.from(JSON.stringify(next.value)),
              ...(next.expiresAt === undefined ? {} : { expiresAt: next.expiresAt }),
            },
      ],
      [check],
    );
    if (written.ok) return result;
  }
  throw new HostError('ERR_CONFLICT', 'Cannot write: others changed the same state meanwhile; try again');
}

function parse(value: Uint8Array): unknown {
  return JSON.parse(Buffer.from(value).toString());
}
