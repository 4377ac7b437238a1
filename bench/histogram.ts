/** How a set of durations is spread, in ms. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
}

const fine = 100_000;
const coarse = 10_000;

/** Counts by microsecond up to 0.1 s and by millisecond after that: a million latencies take no memory. */
export class Histogram {
  readonly #fine: Uint32Array = new Uint32Array(fine);
  readonly #coarse: Uint32Array = new Uint32Array(coarse);
  #sum = 0;
  count = 0;

  add(micros: number): void {
    this.count++;
    this.#sum += micros;
    const at = Math.floor(micros);
    if (at < fine) this.#fine[at]!++;
    else this.#coarse[Math.min(coarse - 1, Math.floor(at / 1000))]!++;
  }

  spreadMs(): Spread {
    const { count } = this;
    return {
      count,
      p50: this.#quantile(0.5),
      p99: this.#quantile(0.99),
      mean: count === 0 ? 0 : this.#sum / count / 1000,
    };
  }

  #quantile(share: number): number {
    let left = this.count * share;
    for (let i = 0; i < fine; i++) {
      left -= this.#fine[i]!;
      if (left <= 0) return (i + 0.5) / 1000;
    }
    for (let i = 0; i < coarse; i++) {
      left -= this.#coarse[i]!;
      if (left <= 0) return i + 0.5;
    }
    return coarse;
  }
}

/** The same of a few values that are all at hand, by the nearest rank. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  const sum = sorted.reduce((total, value) => total + value, 0);
  return { count: sorted.length, p50: rank(0.5), p99: rank(0.99), mean: sum / Math.max(1, sorted.length) };
}

/** Middle value, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[sorted.length >> 1] ?? 0;
  const low = sorted[(sorted.length - 1) >> 1] ?? 0;
  return (low + high) / 2;
}
