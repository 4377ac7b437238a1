/** CPU of one message, in ms, from which a function has shown that it is not quick. */
const slowMs = 2;
/** The most quick entries that are ever asked for. */
const mostQuick = 4096;
/** After so many times what was asked for, what happened before is forgotten. */
const forgetAfter = 64;
/** Longest time the cell's own thread may stand still for an entry that does not end, in ms. */
const longestBlockMs = 1000;

/**
 * Which thread an instance's entries run on. The way to the isolate's own thread and back takes longer than most entries;
 * on the cell's thread they stop all its other functions meanwhile. So functions that have shown to be quick run here,
 * and all others there. One that turns slow goes back, and has to be quick for twice as long the next time.
 */
export class ThreadPolicy {
  readonly #least: number;
  #wanted: number;
  #quick = 0;
  #never: boolean;

  /**
   * `least`: quick entries in a row before entries run on the cell's thread, Infinity for never; `timeoutMs`: how long an
   * entry may take before it is stopped.
   */
  constructor(least: number, timeoutMs: number) {
    this.#least = least;
    this.#wanted = least;
    this.#never = timeoutMs > longestBlockMs;
  }

  /** The next entry runs on the cell's own thread. */
  get direct(): boolean {
    return !this.#never && this.#quick >= this.#wanted;
  }

  /** An entry, or several, of so many messages took so much CPU. */
  note(cpuMs: number, messages: number): void {
    if (cpuMs > slowMs * messages) {
      this.#quick = 0;
      this.#wanted = Math.max(this.#least, Math.min(this.#wanted * 2, mostQuick));
      return;
    }
    this.#quick++;
    if (this.#quick >= this.#wanted * forgetAfter) this.#wanted = this.#least;
  }

  /** It needs a thread of its own, always. */
  forbid(): void {
    this.#never = true;
  }
}
