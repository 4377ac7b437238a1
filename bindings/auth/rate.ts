interface Window {
  readonly since: number;
  count: number;
}

const most = 50_000;

/** Requests of each address to each endpoint, in fixed windows; of one pool, in memory. Accounts are kept by Lockout. */
export class Rates {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `window` in seconds; `retryAfter` too. */
  consume(
    key: string,
    rule: { readonly window: number; readonly max: number },
  ): { allowed: boolean; retryAfter: number | null } {
    const now = this.#now();
    const open = this.#windows.get(key);
    if (open === undefined || now - open.since >= rule.window * 1000) {
      this.#windows.delete(key);
      if (this.#windows.size >= most) this.#sweep();
      this.#windows.set(key, { since: now, count: 1 });
      return { allowed: true, retryAfter: null };
    }
    open.count++;
    if (open.count <= rule.max) return { allowed: true, retryAfter: null };
    return {
      allowed: false,
      retryAfter: Math.max(1, Math.ceil((open.since + rule.window * 1000 - now) / 1000)),
    };
  }

  /** The oldest go first: those that are new are those that count. */
  #sweep(): void {
    let left = Math.ceil(most / 10);
    for (const key of this.#windows.keys()) {
      if (left-- === 0) return;
      this.#windows.delete(key);
    }
  }
}
