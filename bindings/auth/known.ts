import type { Caller } from '#runtime/caller.ts';

/** What a credential that was checked says. */
export interface Known {
  readonly caller: Caller;
  readonly sessionId: string;
  readonly userId: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
  readonly generation: number;
}

const mostKnown = 10_000;

/**
 * Credentials of one pool that were checked, whichever of its functions they were shown to: what makes them good is the
 * pool's alone. Whether one still stands is asked each time. The oldest go first.
 */
export class KnownCredentials {
  /** Cookies are under another name, which no token has: neither counts as the other. */
  readonly #known = new Map<string, Known>();

  get(credential: string): Known | undefined {
    return this.#known.get(credential);
  }

  clear(): void {
    this.#known.clear();
  }

  remember(credential: string, known: Known): void {
    if (this.#known.size >= mostKnown) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(credential, known);
  }
}
