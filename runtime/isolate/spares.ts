import { bytesOf, type Sandbox } from './bootstrap.ts';

/** After a spare was taken its successor is made this much later, in ms. */
const restMs = 40;

/**
 * Bootstrapped isolates that wait for a function, by memory size: the default size, and sizes asked for lately.
 * Refilled one at a time, after the cold start that took one has had its turn.
 */
export class Spares {
  readonly #open: (memoryMb: number) => Promise<Sandbox>;
  readonly #wanted: number;
  readonly #waiting: Map<number, Sandbox[]> = new Map();
  readonly #sizes: number[];
  #filling = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(wanted: number, memoryMb: number, open: (memoryMb: number) => Promise<Sandbox>) {
    this.#open = open;
    this.#wanted = wanted;
    this.#sizes = [memoryMb];
  }

  get count(): number {
    let count = 0;
    for (const list of this.#waiting.values()) count += list.length;
    return count;
  }

  /** A spare of exactly this size, or undefined; either way this size is kept in stock from now on. */
  take(memoryMb: number): Sandbox | undefined {
    this.#remember(memoryMb);
    const found = this.#waiting.get(memoryMb)?.shift();
    this.#refillSoon();
    return found;
  }

  /** Not while the start that took one still runs: a new isolate would take its core. */
  #refillSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.fill();
    }, restMs);
    this.#timer.unref();
  }

  /** Makes spares until each size has its number. Resolves when done; failures leave the stock short. */
  async fill(): Promise<void> {
    if (this.#filling || this.#closed) return;
    this.#filling = true;
    try {
      for (let size = this.#missing(); size !== undefined; size = this.#missing()) {
        const sandbox = await this.#open(size);
        await sandbox.rehearse.apply(undefined, []);
        sandbox.marker.fill(0);
        sandbox.restingBytes = bytesOf(sandbox);
        if (this.#closed) {
          sandbox.isolate.dispose();
          return;
        }
        const list = this.#waiting.get(size) ?? [];
        list.push(sandbox);
        this.#waiting.set(size, list);
      }
    } catch {
      // Out of memory, or an isolate that could not be made: the next cold start makes its own and reports it.
    } finally {
      this.#filling = false;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const list of this.#waiting.values()) for (const sandbox of list) sandbox.isolate.dispose();
    this.#waiting.clear();
  }

  #missing(): number | undefined {
    return this.#sizes.find((size) => (this.#waiting.get(size)?.length ?? 0) < this.#wanted);
  }

  /** The default size and the two asked for last; spares of a size that falls out are freed. */
  #remember(memoryMb: number): void {
    const at = this.#sizes.indexOf(memoryMb);
    if (at === 0) return;
    if (at > 0) this.#sizes.splice(at, 1);
    this.#sizes.splice(1, 0, memoryMb);
    const dropped = this.#sizes.splice(3);
    for (const size of dropped) {
      for (const sandbox of this.#waiting.get(size) ?? []) sandbox.isolate.dispose();
      this.#waiting.delete(size);
    }
  }
}
