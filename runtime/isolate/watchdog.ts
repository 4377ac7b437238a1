/** Something that runs in an isolate just now and is watched. */
export interface Watched {
  /** About `cpuMs` of CPU were used since the last tick; the entry has run for `wallMs`. */
  tick(cpuMs: number, wallMs: number): void;
}

interface Entry {
  readonly watched: Watched;
  readonly since: number;
  ticked: boolean;
}

/**
 * When an estimate proves a runaway: twice the budget and 50 ms. Estimates are high when other threads of the process are
 * busy, and what ends by itself is judged by the exact figure anyway.
 */
export function isRunaway(estimateMs: number, budgetMs: number): boolean {
  return estimateMs > budgetMs * 2 + 50;
}

const tickMs = 5;
const restMs = 250;

/**
 * Looks at running entries every few ms. V8 tells an isolate's CPU time exactly, but only once an entry is over; while
 * it runs this takes the process's CPU less the main thread's and WebAssembly's and shares it out over the entries that ran throughout.
 */
export class Watchdog {
  #entries: Entry[] = [];
  readonly #beat: () => void;
  readonly #otherCpuMs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #lastCpuMs = 0;
  #lastAt = 0;
  #busyAt = 0;

  /** `beat` is called on every tick while anything runs; `otherCpuMs`: CPU of threads that run no isolate. */
  constructor(beat: () => void, otherCpuMs: () => number) {
    this.#beat = beat;
    this.#otherCpuMs = otherCpuMs;
  }

  enter(watched: Watched): void {
    const now = performance.now();
    this.#entries.push({ watched, since: now, ticked: false });
    this.#busyAt = now;
    if (this.#timer !== undefined) return;
    this.#lastAt = now;
    this.#lastCpuMs = this.#guestCpuMs();
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  leave(watched: Watched): void {
    const at = this.#entries.findIndex((entry) => entry.watched === watched);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  #tick(): void {
    const now = performance.now();
    if (this.#entries.length === 0) {
      this.#rest(now);
      return;
    }
    this.#busyAt = now;
    const cpuMs = this.#guestCpuMs();
    const used = Math.max(0, cpuMs - this.#lastCpuMs);
    const elapsed = now - this.#lastAt;
    this.#lastCpuMs = cpuMs;
    this.#lastAt = now;
    const share = Math.min(used / this.#entries.length, elapsed);
    this.#beat();
    for (const entry of this.#entries.slice()) {
      const wallMs = now - entry.since;
      entry.watched.tick(entry.ticked ? share : Math.min(share, wallMs), wallMs);
      entry.ticked = true;
    }
  }

  #rest(now: number): void {
    if (now - this.#busyAt < restMs) {
      // Keep the base line fresh, so that the next entry is not charged for what came before it.
      this.#lastCpuMs = this.#guestCpuMs();
      this.#lastAt = now;
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** CPU of every thread but this one, which never runs guest code, and those of the other engine. */
  #guestCpuMs(): number {
    const all = process.cpuUsage();
    const own = process.threadCpuUsage();
    return (all.user + all.system - own.user - own.system) / 1000 - this.#otherCpuMs();
  }
}
