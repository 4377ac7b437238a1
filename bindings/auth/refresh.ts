import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Store } from '#bindings/store/store.ts';
import type { Places } from './places.ts';
import { change } from './state.ts';

/** One chain of refresh tokens: each use gives the next, and only the last one is good (RFC 9700, 4.14.2). */
interface Family {
  readonly sessionId: string;
  readonly userId: string;
  /** Hex SHA-256 of the one token that is good. */
  readonly current: string;
  readonly expiresAt: number;
}

export type Refreshed =
  | { readonly kind: 'rotated'; readonly token: string; readonly sessionId: string; readonly userId: string }
  /** A token that was used before came again: somebody has a copy. The family is gone; its session must go, too. */
  | { readonly kind: 'reused'; readonly sessionId: string }
  | { readonly kind: 'unknown' };

const pattern = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export class RefreshTokens {
  readonly #store: Store;
  readonly #places: Places;

  constructor(store: Store, places: Places) {
    this.#store = store;
    this.#places = places;
  }

  /** The first token of a new family. `expiresAt` in ms since the epoch. */
  async start(sessionId: string, userId: string, expiresAt: number): Promise<string> {
    const id = randomBytes(16).toString('base64url');
    const { token, current } = draw(id);
    await change<Family, void>(this.#store, this.#key(id), () => ({
      next: { value: { sessionId, userId, current, expiresAt }, expiresAt },
      result: undefined,
    }));
    return token;
  }

  async rotate(presented: string, expiresAt: number): Promise<Refreshed> {
    const id = pattern.exec(presented)?.[1];
    if (id === undefined) return { kind: 'unknown' };
    const { token, current } = draw(id);
    return await change<Family, Refreshed>(this.#store, this.#key(id), (family) => {
      if (family === undefined) return { next: undefined, result: { kind: 'unknown' } };
      const { sessionId, userId } = family;
      if (!same(family.current, sum(presented)))
        return { next: undefined, result: { kind: 'reused', sessionId } };
      return {
        next: { value: { sessionId, userId, current, expiresAt }, expiresAt },
        result: { kind: 'rotated', token, sessionId, userId },
      };
    });
  }

  #key(id: string): string {
    return this.#places.other('f', id);
  }
}

function draw(id: string): { readonly token: string; readonly current: string } {
  const token = `${id}.${randomBytes(32).toString('base64url')}`;
  return { token, current: sum(token) };
}

function sum(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function same(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));
}
