import type { EgressPolicy } from '#runtime/deployment.ts';
import { FetchClient } from './client.ts';
import { Guard } from './guard.ts';
import type { GuardOptions } from './guard.ts';
import { Slots } from './slots.ts';

/** The way out under one policy: its connections are its own, and so is their number. */
export interface Outlet {
  readonly policy: EgressPolicy;
  readonly client: FetchClient;
  readonly slots: Slots;
}

interface Kept extends Outlet {
  usedAt: number;
}

/** One nobody has used for this long is closed when another is opened. */
const idleMs = 60_000;

/**
 * Outlets by key. Connections are shared under one key only: what one function's requests did to a connection (a
 * request smuggled past a careless server, a policy of its own) must not reach another's.
 */
export class Outlets {
  readonly #options: GuardOptions;
  readonly #kept: Map<string, Kept> = new Map();
  #closed = false;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The same key must always come with the same policy. */
  of(key: string, policy: EgressPolicy): Outlet {
    const known = this.#kept.get(key);
    if (known !== undefined) {
      known.usedAt = performance.now();
      return known;
    }
    this.#sweep();
    const client = new FetchClient(new Guard(policy, this.#options));
    const outlet: Kept = {
      policy,
      client,
      slots: new Slots(policy.connections),
      usedAt: performance.now(),
    };
    if (this.#closed) void client.close();
    else this.#kept.set(key, outlet);
    return outlet;
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#kept.values()].map(({ client }) => client.close()));
    this.#kept.clear();
  }

  #sweep(): void {
    const now = performance.now();
    for (const [key, { client, slots, usedAt }] of this.#kept) {
      if (slots.busy > 0 || now - usedAt < idleMs) continue;
      this.#kept.delete(key);
      void client.close();
    }
  }
}
