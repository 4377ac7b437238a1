/** How often the heap is measured, at the most, in ms. */
const sampleMs = 20;
/** An entry that took longer may have used much memory, in ms of CPU. */
const shortMs = 1;

/** What an isolate takes, in bytes, as it was a short while ago: to measure it takes longer than most entries. */
export class MemoryFigure {
  readonly #measure: () => number;
  #bytes: number;
  /** When that was measured; 0: it never was. */
  #at = 0;

  /** `bytes`: what is known of it from before; 0 when nothing is, and it is measured now. */
  constructor(measure: () => number, bytes: number) {
    this.#measure = measure;
    this.#bytes = bytes;
    if (bytes === 0) this.#sample(performance.now());
  }

  get last(): number {
    return this.#bytes;
  }

  /** The same; what was never measured is measured now. */
  get known(): number {
    if (this.#at === 0) this.#sample(performance.now());
    return this.#bytes;
  }

  /** An entry is over that took so much CPU. */
  look(usedMs: number): void {
    const now = performance.now();
    const isRecent = this.#at === 0 ? usedMs < shortMs : now - this.#at <= sampleMs;
    if (!isRecent) this.#sample(now);
  }

  #sample(now: number): void {
    this.#at = now;
    this.#bytes = this.#measure();
  }
}
