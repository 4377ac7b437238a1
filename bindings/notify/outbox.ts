import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '#bindings/store/store.ts';
import { Lane } from './lane.ts';
import type { LaneNeeds } from './lane.ts';
import { Space, markerPrefix } from './space.ts';

export interface OutboxNeeds extends Pick<LaneNeeds, 'store' | 'now' | 'run' | 'failed'> {
  /** How long a job is this host's alone. Default: longer than any attempt may take. */
  readonly leaseMs?: number | undefined;
  /** How often other hosts' messages are looked for. */
  readonly pollMs?: number | undefined;
}

/** Jobs of this host at once. */
const mostRunning = 64;
/** By the channel's letter: attempts of mails and functions end within 60 s, others within 15 s. */
const leases: Readonly<Record<string, number>> = { e: 90_000, f: 90_000 };
const shortLease = 45_000;
const defaultPollMs = 5000;
/** What is under way when the host stops may end by itself for so long. */
const graceMs = 5000;

/** Delivers what all spaces have accepted, from `start` to `close`: a lane for each space that has something to do. */
export class Outbox {
  readonly #needs: OutboxNeeds;
  readonly #store: Store;
  readonly #lanes = new Map<string, Lane>();
  readonly #hungry = new Set<Lane>();
  readonly #stop = new AbortController();
  #running = 0;
  #poll: NodeJS.Timeout | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(needs: OutboxNeeds) {
    this.#needs = needs;
    this.#store = needs.store;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'open';
    void this.#look();
    this.#poll = setInterval(() => void this.#look(), this.#needs.pollMs ?? defaultPollMs).unref();
  }

  /** Something was accepted there. */
  wake(space: Space): void {
    if (this.#state === 'open') this.#lane(space).wake();
  }

  /** Begins nothing more, and waits for what is under way; what takes too long is given up and comes again. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearInterval(this.#poll);
    for (const lane of this.#lanes.values()) lane.close();
    const until = Date.now() + graceMs;
    while (this.#running > 0) {
      if (Date.now() > until) this.#stop.abort();
      if (Date.now() > until + graceMs) return;
      await sleep(10);
    }
  }

  async #look(): Promise<void> {
    try {
      const markers = await this.#store.list({ prefix: markerPrefix, keysOnly: true });
      for (const { key } of markers) this.wake(Space.ofMarker(key));
    } catch (error) {
      if (this.#state === 'open') this.#needs.failed(error, 'Looking for messages to deliver');
    }
  }

  #lane(space: Space): Lane {
    const known = this.#lanes.get(space.marker);
    if (known !== undefined) return known;
    const { store, now, run, failed, leaseMs } = this.#needs;
    const needs: LaneNeeds = {
      store,
      now,
      run,
      failed,
      signal: this.#stop.signal,
      leaseMs: (destination) => leaseMs ?? leases[destination.charAt(0)] ?? shortLease,
      admit: (lane) => this.#admit(lane),
      release: () => this.#release(),
    };
    const lane = new Lane(space, needs, () => {
      if (this.#lanes.get(space.marker) === lane) this.#lanes.delete(space.marker);
    });
    this.#lanes.set(space.marker, lane);
    return lane;
  }

  #admit(lane: Lane): boolean {
    if (this.#running >= mostRunning) {
      this.#hungry.add(lane);
      return false;
    }
    this.#running++;
    return true;
  }

  /** Whoever waits longest looks first. */
  #release(): void {
    this.#running--;
    const [lane] = this.#hungry;
    if (lane === undefined) return;
    this.#hungry.delete(lane);
    lane.resume();
  }
}
