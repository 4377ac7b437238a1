import type { Started } from './engine.ts';
import type { Slot } from './slot.ts';

/** An instance that runs and that the host or the warm cache has not heard of yet. */
export interface Arrival {
  readonly started: Started;
  readonly keep: boolean;
  /** Calls that began since. */
  calls: number;
  /** One of them has a body to come, which the host sends once it knows that the instance is there. */
  streams: boolean;
  spoken: boolean;
}

export interface ArrivalsOptions {
  /** Tells the host. */
  readonly report: (slot: Slot, started: Started) => void;
  /** Puts it where warm instances are, or lets it go. */
  readonly settle: (slot: Slot, arrival: Arrival) => void;
}

/** In the head of a request whose body follows (guest/protocol.ts). */
const bodyFollows = '"b":2,';
/** How long a report waits for what the first call says. */
const waitMs = 20;

/**
 * Starts whose report waits until the first thing a call of theirs says has left: a first answer has nothing measured,
 * written, read or counted before it that is not for it (bench: wasm). Where no call has begun, or one has a body to
 * come, nothing waits.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** Some of them have settled since. */
  #pending: Slot[] = [];
  #timed = false;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  add(slot: Slot, started: Started, keep: boolean): void {
    slot.arrival = { started, keep, calls: 0, streams: false, spoken: false };
    this.#pending.push(slot);
    if (this.#timed) return;
    this.#timed = true;
    setTimeout(() => this.#late(), waitMs).unref();
  }

  /** A call of `slot` begins with `message`. */
  begun({ arrival }: Slot, message: string): void {
    if (arrival === undefined) return;
    arrival.calls++;
    if (message.includes(bodyFollows)) arrival.streams = true;
  }

  /** A call of `slot` said something: the report and the rest can wait until that has left, at the end of this turn. */
  spoke(slot: Slot): void {
    if (slot.arrival === undefined || slot.arrival.spoken) return;
    slot.arrival.spoken = true;
    setImmediate(() => this.settle(slot));
  }

  /** All messages of this turn have been handed over. */
  turn(): void {
    if (this.#pending.length === 0) return;
    for (const slot of this.#pending) {
      const { arrival } = slot;
      if (arrival !== undefined && (arrival.calls === 0 || arrival.streams)) this.settle(slot);
    }
    this.#pending = this.#pending.filter(({ arrival }) => arrival !== undefined);
  }

  settle(slot: Slot): void {
    const { arrival } = slot;
    if (arrival === undefined) return;
    slot.arrival = undefined;
    this.#options.report(slot, arrival.started);
    this.#options.settle(slot, arrival);
  }

  #late(): void {
    this.#timed = false;
    for (const slot of this.#pending) this.settle(slot);
    this.#pending = [];
  }
}
