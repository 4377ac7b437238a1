import type { Instance, InstanceEnd, InstanceSpec, InstanceWatcher } from '#runtime/engine.ts';
import { In } from '#runtime/guest/protocol.ts';
import { IdTable } from '#runtime/id-table.ts';
import { bytesOf, type Sandbox } from './bootstrap.ts';
import { Entries, entryTimeoutMs, orphanBudgetMs, type Message, type Ran } from './entries.ts';
import { tryHere, type Again } from './first-message.ts';
import { Inbox, type PushOptions } from './inbox.ts';
import { createInvocation, openDesk, release, shareOut, type Invocation } from './invocations.ts';
import { MemoryFigure } from './memory-figure.ts';
import { Output } from './output.ts';
import { RowPolicy } from './row-policy.ts';
import { renewBudgets } from './socket-budgets.ts';
import { needsThread, serveAtOnce, serveNow } from './services/now.ts';
import { hereMs, isTimeout } from './startup.ts';
import { ThreadPolicy } from './thread-policy.ts';
import { isRunaway, type Watchdog } from './watchdog.ts';

export interface InstanceOptions {
  readonly limits: InstanceSpec['limits'];
  readonly watcher: InstanceWatcher;
  readonly watchdog: Watchdog;
  /** Quick entries in a row before entries run on this thread; Infinity: never. */
  readonly quickEntries: number;
  /** Lets the first message be tried on this thread; absent: it is not. */
  readonly again?: Again | undefined;
  /** What it takes, where that is known; 0: it is measured now. */
  readonly memoryBytes: number;
}

/** How long a stopped entry may take to end before the process is given up. */
const stopGraceMs = 1000;
/** How long the cell's own thread may go from entry to entry before others have their turn, in ms. */
const longestTurnMs = 2;

/**
 * One isolate of one deployment. Messages wait in a queue; all that wait go in together, one entry each, and only the
 * last one's end is awaited. CPU is exact per batch, and shared out within it by what the ticks saw. Functions that are
 * quick are entered on this thread (`thread-policy.ts`).
 */
export class IsolateInstance implements Instance {
  readonly #sandbox: Sandbox;
  readonly #limits: InstanceSpec['limits'];
  readonly #watcher: InstanceWatcher;
  readonly #entries: Entries;
  readonly #threads: ThreadPolicy;
  readonly #invocations: IdTable<Invocation> = new IdTable();
  /** CPU that ticks saw in the entries that run now, all invocations together. */
  #sampledMs = 0;
  readonly #entryTimeoutMs: number;
  readonly #rows = new RowPolicy();
  readonly #output: Output;
  readonly #inbox: Inbox = new Inbox();
  /** CPU seen in the entry that runs now, for an invocation that is over already. */
  #orphanMs = 0;
  #busy = false;
  #dead = false;
  #unhealthy = false;
  #stoppedAt = 0;
  #cpuNs: bigint;
  readonly #memory: MemoryFigure;
  #again: Again | undefined;
  /** It has asked on this thread for what takes one of its own. */
  #waits = false;

  constructor(sandbox: Sandbox, options: InstanceOptions) {
    const { limits, watcher, watchdog, quickEntries } = options;
    this.#sandbox = sandbox;
    this.#limits = limits;
    this.#watcher = watcher;
    this.#entryTimeoutMs = entryTimeoutMs(limits.cpuMs);
    this.#entries = new Entries(sandbox, watchdog, this.#entryTimeoutMs);
    this.#threads = new ThreadPolicy(quickEntries, this.#entryTimeoutMs);
    this.#cpuNs = sandbox.isolate.cpuTime;
    const find = (invocation: number): Invocation | undefined => this.#invocations.get(invocation);
    const desk = openDesk(limits.cpuMs, sandbox.shared, find);
    this.#output = new Output({
      watcher,
      logBytes: limits.logBytes,
      desk,
      find,
      push: (invocation, text, bytes, taken) => {
        if (this.#invocations.get(invocation) !== undefined) this.#push(invocation, text, bytes, { taken });
      },
    });
    sandbox.port.send = (text, bytes) => this.#output.receive(text, bytes);
    sandbox.port.overMemory = () => this.#kill();
    sandbox.port.serve = (call) => serveNow(desk, this.#running(), call);
    sandbox.port.serveAtOnce = (call) => {
      const reply = serveAtOnce(desk, this.#running(), call);
      if (reply === undefined) {
        this.#threads.forbid();
        this.#waits = true;
      }
      return reply ?? needsThread();
    };
    sandbox.onCatastrophe = (message) => watcher.condemned(message);
    this.#again = options.again;
    this.#memory = new MemoryFigure(() => bytesOf(sandbox), options.memoryBytes);
  }

  get inFlight(): number {
    return this.#invocations.size;
  }

  get memoryBytes(): number {
    return this.#dead || this.#busy ? this.#memory.last : this.#memory.known;
  }

  /** The same without measuring. */
  get lastBytes(): number {
    return this.#memory.last;
  }

  begin(invocation: number, message: string, bytes: Uint8Array): void {
    if (this.#dead) return this.#watcher.ended(invocation, { cause: 'instance', cpuMs: 0, peakBytes: 0 });
    this.#invocations.add(invocation, createInvocation(invocation));
    this.#push(invocation, message, bytes, { begins: true });
  }

  message(invocation: number, message: string, bytes: Uint8Array): void {
    if (this.#invocations.get(invocation) !== undefined) this.#push(invocation, message, bytes);
  }

  drop(invocation: number): void {
    const found = this.#invocations.get(invocation);
    if (found === undefined) return;
    this.#forget(found);
    this.#inbox.drop(invocation);
    this.#push(invocation, `[${In.Drop},${invocation}]`, undefined);
  }

  dispose(): void {
    if (this.#dead) return;
    if (!this.#busy) {
      this.#sandbox.deliver.release();
      this.#sandbox.start.release();
      this.#sandbox.context.release();
    }
    this.#kill();
    this.#lose(undefined, 'instance');
  }

  /** Watchdog: an entry runs; charge the invocation it works for, and stop it when its budget is gone. */
  tick(cpuMs: number): void {
    if (this.#stoppedAt > 0) {
      if (performance.now() - this.#stoppedAt <= stopGraceMs) return;
      this.#lose(this.#running(), 'cpuMs');
      this.#watcher.condemned('an entry could not be stopped');
      return;
    }
    const { marker } = this.#sandbox;
    // Nothing was begun: the entry waits for a thread, which other isolates have.
    if (marker[1] === 0) return;
    const found = this.#running();
    if (found === undefined) return this.#tickOrphan(cpuMs);
    found.sampledMs += cpuMs;
    this.#sampledMs += cpuMs;
    // What ticks see is an estimate: entries that end are judged by the exact figure, runaways by this one.
    if (!isRunaway(found.cpuMs + found.sampledMs, this.#limits.cpuMs)) return;
    found.over = 'cpuMs';
    this.#stop(found);
  }

  /** What runs on after its invocation was dropped has no budget but this; its neighbours cannot wait for it. */
  #tickOrphan(cpuMs: number): void {
    this.#orphanMs += cpuMs;
    if (this.#orphanMs < orphanBudgetMs(this.#limits.cpuMs, this.#invocations.size)) return;
    this.#stoppedAt = performance.now();
    this.#kill();
  }

  /** Ends the entry that runs for `found`: at once when that hurts nobody else, else at its own timeout. */
  #stop(found: Invocation): void {
    if (this.#invocations.size > 1) {
      if (found.cpuMs + found.sampledMs > this.#entryTimeoutMs) this.#stoppedAt = performance.now();
      return;
    }
    this.#stoppedAt = performance.now();
    this.#kill();
  }

  #kill(): void {
    this.#dead = true;
    if (!this.#sandbox.isolate.isDisposed) this.#sandbox.isolate.dispose();
    if (!this.#unhealthy) this.#retire();
  }

  #retire(): void {
    this.#unhealthy = true;
    this.#watcher.unhealthy();
  }

  #push(invocation: number, text: string, bytes: Uint8Array | undefined, more: PushOptions = {}): void {
    if (this.#dead) return;
    this.#inbox.push(invocation, text, bytes, more);
    if (!this.#busy) {
      this.#busy = true;
      queueMicrotask(() => void this.#pump());
    }
  }

  async #pump(): Promise<void> {
    let began = performance.now();
    if (this.#again !== undefined && !this.#tryFirst(this.#again)) return;
    while (this.#inbox.length > 0 && !this.#dead) {
      if (!this.#threads.direct) {
        const batch = this.#inbox.take();
        const isRow = this.#rows.allow(batch);
        this.#prepare(batch, isRow);
        this.#over(batch, isRow, await this.#entries[isRow ? 'row' : 'each'](this, batch));
      } else if (performance.now() - began <= longestTurnMs) {
        this.#enterHere();
      } else {
        await new Promise(setImmediate);
        began = performance.now();
      }
    }
    this.#busy = false;
  }

  /**
   * The first message, on this thread for `hereMs` at most. False when it takes longer or waits for a service: nothing it sent
   * has left this place, and all begins anew in another isolate, on its own thread.
   */
  #tryFirst(again: Again): boolean {
    this.#again = undefined;
    if (!again.may()) return true;
    const { first } = this.#inbox;
    if (first === undefined || this.#dead) return true;
    this.#prepare([first], false);
    const { ran, held } = tryHere(this.#sandbox, () => this.#entries.oneHere(first, hereMs));
    if (this.#waits || (ran.failure !== undefined && isTimeout(ran.failure.error))) {
      this.#startAnew(again);
      return false;
    }
    this.#inbox.take(1);
    for (const [text, bytes] of held) this.#output.receive(text, bytes);
    this.#over([first], false, ran);
    return true;
  }

  #startAnew(again: Again): void {
    this.#dead = true;
    if (!this.#sandbox.isolate.isDisposed) this.#sandbox.isolate.dispose();
    for (const found of this.#invocations.values()) this.#forget(found);
    again.start(this.#inbox.take());
  }

  /** As much of what waits as a turn has time for as one row, or the first of it, on this thread. */
  #enterHere(): void {
    const { length } = this.#inbox;
    const fits = Math.min(this.#rows.fit(longestTurnMs), length);
    const isRow = this.#rows.allow(this.#inbox.all) && fits > 1;
    const batch = this.#inbox.take(isRow ? fits : 1);
    const [first] = batch;
    if (first === undefined) return;
    this.#prepare(batch, isRow);
    this.#over(batch, isRow, isRow ? this.#entries.rowHere(batch) : this.#entries.oneHere(first));
  }

  #prepare(batch: readonly Message[], isRow: boolean): void {
    this.#sandbox.marker.fill(0);
    this.#orphanMs = 0;
    if (!isRow) renewBudgets(batch, this.#invocations, this.#limits);
  }

  #over(batch: readonly Message[], isRow: boolean, { usedMs, failure }: Ran): void {
    if (failure !== undefined) this.#failed(failure.error, batch);
    this.#settle(isRow ? this.#splitRow(batch) : batch, usedMs);
    if (!isRow) for (const message of batch) message.taken?.();
  }

  /** The part of a row that was begun; the rest goes back to the head of the queue. */
  #splitRow(batch: readonly Message[]): readonly Message[] {
    const begun = this.#rows.begun(batch, this.#sandbox.marker[1]);
    if (begun === batch.length) return batch;
    const isAlive = ({ invocation }: Message): boolean => this.#invocations.get(invocation) !== undefined;
    this.#inbox.putBack(batch.slice(begun).filter(isAlive));
    return batch.slice(0, begun);
  }

  /** The last entry of a batch did not end well: V8 stopped it, the isolate is gone, or a rejection nobody handled. */
  #failed(error: unknown, batch: readonly Message[]): void {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#sandbox.isolate.isDisposed) {
      if (!this.#dead) this.#kill();
      // One that did not get as far as its beginning died of what it was handed.
      const handed = this.#sandbox.marker[1] === 0 ? (batch.at(-1)?.invocation ?? 0) : 0;
      return this.#lose(this.#running() ?? this.#invocations.get(handed), 'memoryMb');
    }
    const last = this.#sandbox.marker[1] || (batch.at(-1)?.invocation ?? 0);
    if (message.startsWith('Script execution timed out')) {
      const found = this.#invocations.get(last);
      if (found !== undefined) found.over = 'cpuMs';
      this.#inbox.putBack([{ invocation: 0, text: `[${In.Flush}]`, bytes: undefined, plain: false }]);
      if (!this.#unhealthy) this.#retire();
      return;
    }
    if (this.#invocations.get(last) !== undefined)
      this.#watcher.line(last, 'L', JSON.stringify(['error', `Uncaught (in promise) ${message}`]));
  }

  /** The isolate is gone: whoever spent a budget is named, `blamed` with `cause`, and all others were neighbours. */
  #lose(blamed: Invocation | undefined, cause: InstanceEnd['cause']): void {
    this.#dead = true;
    for (const found of this.#invocations.values()) {
      const own = found.over ?? (found === blamed ? cause : undefined);
      this.#end(found, own ?? 'instance');
    }
  }

  /** An entry, or several, have ended: count, end what is finished or over its budget, measure. */
  #settle(batch: readonly Message[], usedMs: number): void {
    if (this.#dead) return;
    this.#stoppedAt = 0;
    this.#charge(batch, usedMs);
    this.#memory.look(usedMs);
    const { last } = this.#memory;
    for (const message of batch) {
      const found = this.#invocations.get(message.invocation);
      if (found === undefined) continue;
      if (found.peakBytes < last) found.peakBytes = last;
      if (found.over === undefined && found.cpuMs > this.#limits.cpuMs) found.over = 'cpuMs';
      if (found.over === undefined) continue;
      this.#end(found, found.over);
      this.#push(found.number, `[${In.Drop},${found.number}]`, undefined);
    }
    for (const found of this.#output.takeFinished())
      if (this.#invocations.get(found.number) === found) this.#end(found, 'finished');
  }

  #charge(batch: readonly Message[], usedMs: number): void {
    const before = this.#cpuNs;
    this.#cpuNs = this.#sandbox.isolate.cpuTime;
    // V8's figure leaves out the way to the isolate's thread, the watchdog's what other processes had.
    const total = Math.min(Number(this.#cpuNs - before) / 1e6, usedMs);
    const sampled = this.#sampledMs;
    this.#sampledMs = 0;
    this.#rows.note(total, batch.length);
    this.#threads.note(total, batch.length);
    shareOut(batch, this.#invocations, { total, sampled });
  }

  #end(found: Invocation, cause: InstanceEnd['cause']): void {
    this.#forget(found);
    const { answer, peakBytes } = found;
    const end = { cause, cpuMs: found.cpuBeforeMs + found.cpuMs + found.sampledMs, peakBytes };
    if (cause !== 'finished' || answer === undefined) return this.#watcher.ended(found.number, end);
    this.#watcher.answered(found.number, answer.json, answer.bytes, end);
  }

  #forget(found: Invocation): void {
    release(found);
    this.#invocations.take(found.number);
  }

  /** Whom the entry that runs works for, as the guest's runtime says; undefined when it has begun none, or that is over. */
  #running(): Invocation | undefined {
    const { marker } = this.#sandbox;
    return this.#invocations.get(marker[0] || marker[1] || 0);
  }
}
