/** Mean CPU of a message above which messages get entries of their own, in ms. */
const quickMs = 0.5;
/** Weight of the newest batch in the mean. */
const weight = 0.1;
/** Batches without rows after one whose requests did not end within it. */
const pauseBatches = 64;

/**
 * Whether waiting requests go in together. A row saves most of what an entry costs, and is exact as long as each of its
 * requests ends within it: for functions that answer at once, and quickly. All others get an entry for each message.
 */
export class RowPolicy {
  #meanMs = quickMs * 4;
  #paused = 0;

  allow(batch: readonly { readonly plain: boolean }[]): boolean {
    if (this.#paused > 0) {
      this.#paused--;
      return false;
    }
    return batch.length > 1 && this.#meanMs < quickMs && batch.every((message) => message.plain);
  }

  /** How many messages take about so long; at least one. */
  fit(ms: number): number {
    return Math.max(1, Math.floor(ms / Math.max(this.#meanMs, 0.001)));
  }

  /** A batch of so many messages took so much CPU. */
  note(cpuMs: number, messages: number): void {
    if (messages > 0) this.#meanMs += (cpuMs / messages - this.#meanMs) * weight;
  }

  /** How many of a row were begun when `last` was the last: less than all where that one waited for something. */
  begun(row: readonly { readonly invocation: number }[], last: number | undefined): number {
    const begun = row.findIndex(({ invocation }) => invocation === last) + 1;
    if (begun < row.length) this.#paused = pauseBatches;
    return begun;
  }
}
