import { openSandbox, type GuestBundle, type Sandbox } from './bootstrap.ts';

/**
 * Bootstrapped isolates that wait for a function, by memory size: the default size, and sizes asked for lately.
 * Refilled one at a time, after the cold start that took one has had its turn.
 */
export class Spares {
  readonly #bundle: GuestBundle;
  readonly #wanted: number;
  readonly #waiting: Map<number, Sandbox[]> = new Map();
  readonly #sizes: number[];
  #filling = false;
  #closed = false;

  constructor(bundle: GuestBundle, wanted: number, memoryMb: number) {
    this.#bundle = bundle;
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
    setTimeout(() => void this.fill(), 1);
    return found;
  }

  /** Makes spares until each size has its number. Resolves when done; failures leave the stock short. */
  async fill(): Promise<void> {
    if (this.#filling || this.#closed) return;
    this.#filling = true;
    try {
      for (let size = this.#missing(); size !== undefined; size = this.#missing()) {
        const sandbox = await openSandbox(this.#bundle, size);
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
