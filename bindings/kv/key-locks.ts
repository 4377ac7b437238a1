/** Turns on keys, first come first served, for what must read and write a key with nobody in between. */
export class KeyLocks {
  /** A key is there while somebody has it: who waits for it next. */
  readonly #waiting: Map<string, (() => void)[]> = new Map();

  /** Waits for all of `keys` and gives what lets them go. Keys are taken in one order, so that two never wait for each other. */
  async hold(keys: readonly string[]): Promise<() => void> {
    const sorted = [...new Set(keys)].toSorted();
    for (const key of sorted) await this.#take(key);
    return () => {
      for (const key of sorted) this.#pass(key);
    };
  }

  #take(key: string): Promise<void> | undefined {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, []);
      return undefined;
    }
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  }

  #pass(key: string): void {
    const next = this.#waiting.get(key)?.shift();
    if (next === undefined) this.#waiting.delete(key);
    else next();
  }
}
