import { createHash } from 'node:crypto';
import type { Store } from '#bindings/store/store.ts';
import type { Places } from './places.ts';

/** The library takes codes of the step before and after, 30 s each. */
const goodMs = 120_000;

/** One-time codes that were used: none is good twice (RFC 6238, 5.2). */
export class UsedCodes {
  readonly #store: Store;
  readonly #places: Places;
  readonly #now: () => number;

  constructor(store: Store, places: Places, now: () => number) {
    this.#store = store;
    this.#places = places;
    this.#now = now;
  }

  /** False when this user used the code before. */
  async use(userId: string, code: string): Promise<boolean> {
    const sum = createHash('sha256')
      .update(JSON.stringify([userId, code]))
      .digest('hex');
    const key = this.#places.other('c', sum);
    const expiresAt = this.#now() + goodMs;
    const put = { kind: 'put', key, value: new Uint8Array([1]), expiresAt } as const;
    return (await this.#store.write([put], [{ key, revision: 0 }])).ok;
  }
}
