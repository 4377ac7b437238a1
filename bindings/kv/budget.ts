import { HostError } from '#runtime/errors.ts';

/** A share of a budget; `release` gives it back once, however often it is called. */
export interface Hold {
  /** Keeps `bytes` of it and gives the rest back. */
  shrink(bytes: number): void;
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly admit: () => void;
}

/** Bytes of memory shared by the invocations of one deployment, first come first served. */
export class Budget {
  #free: number;
  readonly #queue: Waiting[] = [];

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** A hold when there is room and nobody waits. */
  tryHold(bytes: number): Hold | undefined {
    if (this.#queue.length > 0 || bytes > this.#free) return undefined;
    return this.#hold(bytes);
  }

  /** Waits for room. Rejects with HostError ERR_CLOSING when the signal aborts first. */
  async hold(bytes: number, signal: AbortSignal): Promise<Hold> {
    if (signal.aborted) throw over();
    const held = this.tryHold(bytes);
    if (held) return held;
    const { promise, resolve, reject } = Promise.withResolvers<Hold>();
    const waiting: Waiting = { bytes, signal, admit: () => resolve(this.#hold(bytes)) };
    const leave = (): void => {
      const place = this.#queue.indexOf(waiting);
      if (place >= 0) this.#queue.splice(place, 1);
      reject(over());
      this.#admit();
    };
    this.#queue.push(waiting);
    signal.addEventListener('abort', leave, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', leave));
  }

  #hold(bytes: number): Hold {
    let held = bytes;
    this.#free -= bytes;
    const shrink = (to: number): void => {
      if (to >= held) return;
      this.#free += held - to;
      held = to;
      this.#admit();
    };
    return { shrink, release: () => shrink(0) };
  }

  #admit(): void {
    for (let first = this.#queue[0]; first && first.bytes <= this.#free; first = this.#queue[0]) {
      this.#queue.shift();
      // One whose invocation is over leaves by its own listener, which may run after the release that admits.
      if (!first.signal.aborted) first.admit();
    }
  }
}

function over(): HostError {
  return new HostError(
    'ERR_CLOSING',
    'Cannot finish the KV operation: the invocation is over; await it before answering',
  );
}
