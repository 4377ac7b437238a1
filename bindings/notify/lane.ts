import type { Change, Check, Store } from '#bindings/store/store.ts';
import { duePrefix, parseDue, putDue, dueKey } from './due.ts';
import type { Due, Job } from './due.ts';
import { priorities, remove } from './records.ts';
import type { Priority } from './records.ts';
import { toTime } from './space.ts';
import type { Space } from './space.ts';

/** What is to be written after a job: all of it or, when somebody else has the job by now, nothing. */
export interface Settlement {
  readonly changes: readonly Change[];
  readonly checks?: readonly Check[];
  /** The job goes on then; `attempts` is how often it was begun. */
  readonly again?: { readonly at: number; readonly attempts: number };
}

export interface JobRun {
  readonly space: Space;
  readonly job: Job;
  /** This one included; those that a crash cut short too. */
  readonly attempts: number;
  readonly signal: AbortSignal;
}

export interface LaneNeeds {
  readonly store: Store;
  readonly now: () => number;
  readonly run: (run: JobRun) => Promise<Settlement>;
  readonly failed: (error: unknown, what: string) => void;
  /** Aborts when the host stops and cannot wait. */
  readonly signal: AbortSignal;
  readonly leaseMs: (destination: string) => number;
  /** Takes a place among all jobs of the host; false when there is none: the lane is woken when there is. */
  readonly admit: (lane: Lane) => boolean;
  readonly release: () => void;
}

/** Jobs of one space at once, whatever waits: a space cannot take all places of the host. */
const mostRunning = 32;
/** Of those to one destination, by the channel's letter; `x` hands messages out. */
const mostOf: Readonly<Record<string, number>> = { f: 8, w: 8, e: 5, p: 16, i: 16, x: 16 };
const pageSize = 256;
/** Due keys held in memory at once, so that busy destinations in front do not hide the others behind them. */
const mostReady = 4096;
/** While some are held, looking for more takes this part of the time at most: a backlog costs a look, not one a job. */
const lookingShare = 0.1;
/** A job that the host itself failed at. */
const afterMistakeMs = 30_000;
const longestTimer = 60_000;

/**
 * One space's outbox on this host. A job that is due is leased: its key moves to the time the lease ends, and whoever
 * looks then, this host or another, begins it once more. What it leads to is written together with its key's removal.
 */
export class Lane {
  readonly space: Space;
  readonly #needs: LaneNeeds;
  readonly #running = new Map<string, number>();
  readonly #begun = new Set<string>();
  /** What was due when the store was last looked at, in order, by destination. */
  readonly #ready = new Map<string, Due[]>();
  #readyCount = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #scanning = false;
  #again = false;
  /** On performance.now()'s clock: not again before this time while some are held. */
  #nextLook = -Infinity;
  #closed = false;
  readonly #idle: () => void;

  constructor(space: Space, needs: LaneNeeds, idle: () => void) {
    this.space = space;
    this.#needs = needs;
    this.#idle = idle;
  }

  /** Something may be due. */
  wake(): void {
    if (this.#closed) return;
    if (this.#scanning) {
      this.#again = true;
      return;
    }
    const gapMs = this.#nextLook - performance.now();
    if (this.#readyCount > 0 && gapMs > 0) return this.#sleep(gapMs);
    this.#scanning = true;
    void this.#scanAll();
  }

  /** There is a place among the host's jobs. */
  resume(): void {
    this.#beginReady();
    this.wake();
  }

  /** Begins nothing new. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #scanAll(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#scan();
      } while (this.#again && !this.#closed);
    } catch (error) {
      if (!this.#closed) {
        this.#needs.failed(error, `Looking for what ${this.space.name} has to deliver`);
        this.#sleep(afterMistakeMs);
      }
    } finally {
      this.#scanning = false;
    }
  }

  async #scan(): Promise<void> {
    const { store, now } = this.#needs;
    clearTimeout(this.#timer);
    const began = performance.now();
    const marker = await store.get(this.space.marker);
    this.#ready.clear();
    this.#readyCount = 0;
    let next = Infinity;
    for (const priority of priorities) {
      await this.#collect(priority);
      next = Math.min(next, await this.#nextOf(priority));
    }
    const ended = performance.now();
    this.#nextLook = ended + (ended - began) / lookingShare;
    this.#beginReady();
    if (this.#closed) return;
    if (next !== Infinity) return this.#sleep(next - now());
    if (this.#count > 0 || this.#readyCount > 0 || (await this.#hasAny())) return;
    await this.#retire(marker?.revision ?? 0);
  }

  /** What is due of one priority, in order of time. */
  async #collect(priority: Priority): Promise<void> {
    const { store, now } = this.#needs;
    const prefix = duePrefix(this.space, priority);
    const before = prefix + toTime(now() + 1);
    let after: string | undefined;
    while (this.#readyCount < mostReady) {
      const from = after === undefined ? {} : { after };
      const page = await store.list({ prefix, before, limit: pageSize, keysOnly: true, ...from });
      for (const { key } of page) {
        if (this.#begun.has(key)) continue;
        const due = parseDue(key);
        const queue = this.#ready.get(due.destination) ?? [];
        if (queue.length === 0) this.#ready.set(due.destination, queue);
        queue.push(due);
        this.#readyCount++;
      }
      after = page.at(-1)?.key;
      if (page.length < pageSize) return;
    }
  }

  /** Begins as many as may be at once, of each destination and of all. */
  #beginReady(): void {
    for (const [destination, queue] of this.#ready) {
      const most = mostOf[destination.charAt(0)] ?? 1;
      while (queue.length > 0 && (this.#running.get(destination) ?? 0) < most) {
        if (this.#closed || this.#count >= mostRunning || !this.#needs.admit(this)) return;
        const due = queue.shift();
        if (due === undefined) break;
        this.#readyCount--;
        void this.#begin(due);
      }
      if (queue.length === 0) this.#ready.delete(destination);
    }
  }

  async #begin(due: Due): Promise<void> {
    const { failed, release } = this.#needs;
    const { key, destination } = due;
    this.#begun.add(key);
    this.#count++;
    this.#running.set(destination, (this.#running.get(destination) ?? 0) + 1);
    try {
      await this.#lease(due);
    } catch (error) {
      if (!this.#closed) failed(error, `Delivering ${due.job.kind} of ${this.space.name}`);
    } finally {
      this.#begun.delete(key);
      this.#count--;
      const left = (this.#running.get(destination) ?? 1) - 1;
      if (left === 0) this.#running.delete(destination);
      else this.#running.set(destination, left);
      release();
      this.resume();
    }
  }

  async #lease(due: Due): Promise<void> {
    const { store, now, leaseMs } = this.#needs;
    const entry = await store.get(due.key);
    if (entry === undefined) return;
    const attempts = Number(Buffer.from(entry.value).toString() || 0) + 1;
    const place = { ...due, at: now() + leaseMs(due.destination) };
    const leased = await store.write(
      [remove(due.key), putDue(this.space, place, attempts)],
      [{ key: due.key, revision: entry.revision }],
    );
    if (!leased.ok) return;
    const mine: Check = { key: dueKey(this.space, place), revision: leased.revision };
    const settlement = await this.#run(due, attempts);
    const written = await this.#settle(due, settlement, mine);
    // Something it read has changed meanwhile: once more from the start, unless the lease is another's by now.
    if (!written)
      await this.#settle(due, { changes: [], again: { at: now(), attempts: attempts - 1 } }, mine);
  }

  async #run({ job }: Due, attempts: number): Promise<Settlement> {
    const { run, failed, signal, now } = this.#needs;
    try {
      const settlement = await run({ space: this.space, job, attempts, signal });
      const cutShort = signal.aborted && settlement.again !== undefined;
      return cutShort ? { changes: [], again: { at: now(), attempts: attempts - 1 } } : settlement;
    } catch (error) {
      if (!signal.aborted) failed(error, `Delivering ${job.kind} of ${this.space.name}`);
      return { changes: [], again: { at: now() + afterMistakeMs, attempts } };
    }
  }

  async #settle(due: Due, { changes, checks = [], again }: Settlement, mine: Check): Promise<boolean> {
    const next = again === undefined ? [] : [putDue(this.space, { ...due, at: again.at }, again.attempts)];
    const written = await this.#needs.store.write([remove(mine.key), ...next, ...changes], [mine, ...checks]);
    return written.ok;
  }

  async #nextOf(priority: Priority): Promise<number> {
    const { store, now } = this.#needs;
    const prefix = duePrefix(this.space, priority);
    const [entry] = await store.list({ prefix, from: prefix + toTime(now() + 1), limit: 1, keysOnly: true });
    return entry === undefined ? Infinity : parseDue(entry.key).at;
  }

  async #hasAny(): Promise<boolean> {
    return (
      (await this.#needs.store.list({ prefix: this.space.under('due'), limit: 1, keysOnly: true })).length > 0
    );
  }

  /** Nothing is left. What comes now changes the marker, and is seen. */
  async #retire(revision: number): Promise<void> {
    const marker = this.space.marker;
    const written =
      revision === 0
        ? { ok: true }
        : await this.#needs.store.write([remove(marker)], [{ key: marker, revision }]);
    if (!written.ok || this.#again) {
      this.#again = true;
      return;
    }
    this.close();
    this.#idle();
  }

  #sleep(waitMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(waitMs, 1), longestTimer)).unref();
  }
}
