/** Something that runs in an isolate just now and is watched. */
export interface Watched {
  /** About `cpuMs` of CPU were used since the last tick; the entry has run for `wallMs`. */
  tick(cpuMs: number, wallMs: number): void;
}

interface Entry {
  readonly watched: Watched;
  readonly since: number;
  /** Reading of the process's CPU from just before. */
  readonly baseMs: number;
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
/** What runs for less than this is not worth asking the system: two calls, 3 µs. */
const shortMs = 1;

/**
 * Looks at running entries every few ms, and tells what CPU they had. isolated-vm's `cpuTime` is the wall clock of an isolate
 * that runs: on a busy machine several times its CPU. The system tells the CPU of the process; less the main thread's and
 * WebAssembly's it is that of all entries together. While they run it is shared out over those that ran throughout.
 */
export class Watchdog {
  #entries: Entry[] = [];
  readonly #beat: () => void;
  readonly #otherCpuMs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #lastCpuMs = 0;
  /** The latest reading, whoever asked for it. */
  #baseMs = 0;
  #lastAt = 0;
  #busyAt = 0;

  /** `beat` is called on every tick while anything runs; `otherCpuMs`: CPU of threads that run no isolate. */
  constructor(beat: () => void, otherCpuMs: () => number) {
    this.#beat = beat;
    this.#otherCpuMs = otherCpuMs;
  }

  enter(watched: Watched): void {
    const now = performance.now();
    this.#busyAt = now;
    const sleeps = this.#timer === undefined;
    if (sleeps) {
      this.#lastAt = now;
      this.#lastCpuMs = this.#guestCpuMs();
    }
    this.#entries.push({ watched, since: now, baseMs: this.#baseMs, ticked: false });
    if (!sleeps) return;
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  /**
   * An entry is over. Its CPU in ms: its wall clock where that is short, else no more than what all entries of the process
   * have used since it began, or a few ms before.
   */
  leave(watched: Watched): number {
    const at = this.#entries.findIndex((entry) => entry.watched === watched);
    const [entry] = at >= 0 ? this.#entries.splice(at, 1) : [];
    if (entry === undefined) return 0;
    const wallMs = performance.now() - entry.since;
    return wallMs < shortMs ? wallMs : Math.min(wallMs, Math.max(0, this.#guestCpuMs() - entry.baseMs));
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

  /** CPU of every thread but this one, whose entries end before a tick can come, and those of the other engine. */
  #guestCpuMs(): number {
    const all = process.cpuUsage();
    const own = process.threadCpuUsage();
    this.#baseMs = (all.user + all.system - own.user - own.system) / 1000 - this.#otherCpuMs();
    return this.#baseMs;
  }
}
