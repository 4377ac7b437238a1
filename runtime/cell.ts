import { Arrivals } from './arrivals.ts';
import { Channel, type Pipe } from './channel.ts';
import { Compiles } from './compiles.ts';
import { StartFailure, type InstanceEnd, type InstanceWatcher, type Started } from './engine.ts';
import {
  formatEnd,
  Frame,
  longestToCell,
  type CellConfig,
  type CellReport,
  type GoneReason,
  type LoadedReport,
  type NotLoadedReport,
} from './frames.ts';
import { Engines } from './engines.ts';
import { IdTable } from './id-table.ts';
import type { GuestBundle } from './isolate/bootstrap.ts';
import { collectAtExit } from './isolate/collect-at-exit.ts';
import { KnownStarts, type KnownStart } from './known-starts.ts';
import { MemoryWatch } from './memory-watch.ts';
import { Slot } from './slot.ts';
import { Warm } from './warm.ts';

export interface CellOptions {
  /** It is configured: from now on nothing is read from disk by this program, and guests may come. */
  readonly sealed?: () => void;
  /** How this process ends itself when it cannot go on; in the host's own process: nothing. */
  readonly exit: (why: string) => void;
}

/** Quick entries in a row before a function's entries run on this thread. */
const quickEntries = 32;

/**
 * One cell: instances behind a channel. The same program runs in a child process and, with `isolation: 'none'`, inside
 * the host; only the pipe differs.
 */
export class Cell {
  readonly #channel: Channel;
  readonly #exit: CellOptions['exit'];
  readonly #sealed: () => void;
  readonly #slots: Map<number, Slot> = new Map();
  readonly #invocations: IdTable<Slot> = new IdTable();
  readonly #engines: Engines = new Engines();
  readonly #starts: KnownStarts = new KnownStarts();
  #warm: Warm<Slot> | undefined;
  #config: CellConfig | undefined;
  #disposed = 0;
  #condemned = false;
  readonly #compiles: Compiles = new Compiles();
  #memory: MemoryWatch | undefined;
  /** The cache was asked for it in this turn: once does for all calls that came together. */
  #touched: Slot | undefined;
  readonly #arrivals: Arrivals = new Arrivals({
    report: (slot, { memoryBytes, kinds, spare, cached, phases }) => {
      const report: LoadedReport = { kinds, memoryBytes, spare, cached, phases };
      this.#channel.send(Frame.Loaded, slot.id, JSON.stringify(report));
    },
    settle: (slot, { keep }) => {
      if (slot.gone === undefined) this.#warm?.add(slot.id, slot, { keep });
      else this.#channel.send(Frame.Gone, slot.id, slot.gone);
      this.#drained(slot);
    },
  });

  constructor(pipe: Pipe, options: CellOptions) {
    this.#exit = options.exit;
    this.#sealed = options.sealed ?? (() => undefined);
    this.#channel = new Channel(pipe, longestToCell, {
      frame: (type, id, text, bytes) => this.#frame(type, id, text, bytes),
      turn: () => {
        this.#touched = undefined;
        this.#arrivals.turn();
      },
      closed: () => this.#close(),
    });
  }

  #frame(type: number, id: number, text: string, bytes: Buffer): void {
    switch (type) {
      case Frame.Begin:
        return this.#begin(id, text, bytes);
      case Frame.Message:
        return this.#message(id, text, bytes);
      case Frame.Drop:
        return this.#drop(id);
      case Frame.Load:
        this.#load(id, this.#starts.read(text), bytes);
        return;
      case Frame.Retire:
        return this.#retire(id, text as GoneReason);
      case Frame.Compile:
        void this.#compile(id, text === 'script' ? 'script' : 'module', bytes);
        return;
      case Frame.Ping:
        this.#channel.send(Frame.Pong, id, JSON.stringify(this.#report()));
        return;
      case Frame.Configure:
        void this.#configure(JSON.parse(text) as CellConfig, bytes);
        return;
      default:
        return;
    }
  }

  async #configure(config: CellConfig, bytes: Buffer): Promise<void> {
    this.#config = config;
    const { inProcess, warmBytes } = config;
    const beat = (): void => this.#memory?.look();
    if (inProcess) collectAtExit();
    else this.#memory = new MemoryWatch({ warmBytes, exceeded: () => this.#outgrow() });
    if (config.wasmFolder !== undefined && !config.compiler) this.#engines.openWasm(config.wasmFolder, beat);
    this.#sealed();
    if (!config.compiler) {
      this.#warm = new Warm<Slot>({
        bytes: config.warmBytes,
        idleMs: config.idleMs,
        evicted: (id, slot, reason) => this.#evicted(id, slot, reason),
      });
      await this.#engines.openIsolates({
        bundle: bundleOf(config, bytes),
        spares: config.spares,
        beat,
        ...(inProcess ? {} : { quickEntries }),
      });
    }
    this.#channel.send(Frame.Ready, 0, '');
  }

  #load(id: number, start: KnownStart, bytes: Buffer): void {
    const { codeId, keep } = start.spec;
    const slot = new Slot(id, codeId);
    const starting = this.#engines.start(start, bytes, {
      watcher: this.#watch(slot),
      isNew: () => slot.gone === undefined && slot.arrival?.spoken === false,
      anew: (messages, again) => {
        slot.startAnew(messages);
        void this.#await(slot, again, keep);
      },
    });
    if (starting === undefined) return this.#notLoaded(id, { needCode: true });
    this.#slots.set(id, slot);
    if (starting instanceof Promise) void this.#await(slot, starting, keep);
    else this.#arrived(slot, starting, keep);
  }

  async #await(slot: Slot, starting: Promise<Started>, keep: boolean): Promise<void> {
    const { id } = slot;
    let started: Started;
    try {
      started = await starting;
    } catch (error) {
      this.#slots.delete(id);
      this.#engines.drop(slot.codeId);
      for (const { id: invocation } of slot.waiting) this.#invocations.take(invocation);
      const problem =
        error instanceof StartFailure ? error.problem : { kind: 'crashed' as const, message: String(error) };
      return this.#notLoaded(id, { outcome: problem });
    }
    this.#arrived(slot, started, keep);
    if (slot.gone !== undefined) this.#arrivals.settle(slot);
    else this.#arrivals.turn();
  }

  /** It runs, and what waits for it begins. */
  #arrived(slot: Slot, started: Started, keep: boolean): void {
    const { waiting } = slot;
    slot.instance = started.instance;
    slot.waiting = [];
    this.#arrivals.add(slot, started, keep);
    for (const { id, message, hand } of waiting) {
      if (this.#invocations.get(id) !== slot) continue;
      this.#arrivals.begun(slot, message);
      hand(started.instance);
    }
  }

  #notLoaded(id: number, report: NotLoadedReport): void {
    this.#channel.send(Frame.NotLoaded, id, JSON.stringify(report));
  }

  #begin(id: number, text: string, bytes: Buffer): void {
    const cut = text.indexOf('\n');
    const slot = this.#slots.get(Number(text.slice(0, cut)));
    // Asking the cache may be what finds it idle for too long.
    if (slot?.instance !== undefined && slot.gone === undefined && slot !== this.#touched) {
      this.#touched = slot;
      this.#warm?.get(slot.id);
    }
    if (slot === undefined || slot.gone !== undefined) {
      this.#channel.send(Frame.Returned, id, '');
      return;
    }
    this.#invocations.add(id, slot);
    const message = text.slice(cut + 1);
    this.#arrivals.begun(slot, message);
    if (slot.instance !== undefined) {
      slot.instance.begin(id, message, bytes);
      return;
    }
    slot.waiting.push({ id, message, hand: (instance) => instance.begin(id, message, bytes) });
  }

  #message(id: number, text: string, bytes: Buffer): void {
    const slot = this.#invocations.get(id);
    if (slot === undefined) return;
    if (slot.instance !== undefined) return slot.instance.message(id, text, bytes);
    slot.waiting.push({ id, message: text, hand: (instance) => instance.message(id, text, bytes) });
  }

  #drop(id: number): void {
    const slot = this.#invocations.take(id);
    if (slot === undefined) return;
    slot.instance?.drop(id);
    this.#drained(slot);
  }

  #retire(id: number, reason: GoneReason): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#arrivals.settle(slot);
    if (slot.instance === undefined) slot.gone ??= reason;
    else this.#warm?.remove(id, reason);
  }

  /** The warm cache lets it go: no new calls, and disposed when those under way are done. */
  #evicted(id: number, slot: Slot, reason: GoneReason): void {
    if (slot.gone !== undefined) return;
    slot.gone = reason;
    this.#channel.send(Frame.Gone, id, reason);
    this.#drained(slot);
  }

  /** Disposes a slot that is gone and has nothing under way. */
  #drained(slot: Slot): void {
    if (slot.gone === undefined || slot.instance === undefined || slot.inFlight > 0) return;
    if (!this.#slots.delete(slot.id)) return;
    this.#disposed++;
    this.#engines.drop(slot.codeId);
    slot.instance.dispose();
  }

  #watch(slot: Slot): InstanceWatcher {
    const channel = this.#channel;
    return {
      line: (invocation, letter, json, bytes) => {
        if (invocation === 0) channel.send(Frame.TopLevelLog, slot.id, json);
        else channel.send(Frame.Line, invocation, letter + json, bytes);
        if (slot.arrival !== undefined) this.#arrivals.spoke(slot);
      },
      answered: (invocation, json, bytes, end) => {
        channel.send(Frame.Answered, invocation, `${formatEnd(end)}\n${json}`, bytes);
        if (slot.arrival !== undefined) this.#arrivals.spoke(slot);
        this.#ended(slot, invocation);
      },
      ended: (invocation, end: InstanceEnd) => {
        channel.send(Frame.Ended, invocation, formatEnd(end));
        if (slot.arrival !== undefined) this.#arrivals.spoke(slot);
        this.#ended(slot, invocation);
      },
      unhealthy: () => {
        // An instance that is being disposed says so from within the cache's own eviction: it is out already.
        this.#arrivals.settle(slot);
        if (slot.gone === undefined) this.#warm?.remove(slot.id, 'unhealthy');
      },
      condemned: (why) => this.#condemn(why),
    };
  }

  #ended(slot: Slot, invocation: number): void {
    this.#invocations.take(invocation);
    this.#warm?.resize(slot.id);
    if (slot.gone !== undefined) queueMicrotask(() => this.#drained(slot));
  }

  #outgrow(): void {
    this.#condemn('memory of the process');
    setTimeout(() => this.#exit('memory of the process'), 20);
  }

  /** Tells the host, which starts another cell, answers or replays what is under way, and ends this process. */
  #condemn(why: string): void {
    if (this.#condemned) return;
    this.#condemned = true;
    this.#channel.send(Frame.Condemned, 0, why);
    this.#channel.flush();
  }

  async #compile(id: number, kind: 'script' | 'module', bytes: Buffer): Promise<void> {
    try {
      const eager = this.#config?.inProcess === false;
      const cache = await this.#compiles.compile({ kind, bytes, eager });
      this.#channel.send(Frame.Compiled, id, '', cache);
    } catch (error) {
      this.#channel.send(Frame.Compiled, id, error instanceof Error ? error.message : String(error));
    }
  }

  #report(): CellReport {
    return {
      rssBytes: process.memoryUsage.rss(),
      warmBytes: this.#warm?.bytes ?? 0,
      instances: this.#slots.size,
      spares: this.#engines.spares,
      disposed: this.#disposed,
      evictions: { ...(this.#warm?.counts ?? { idle: 0, full: 0, replaced: 0, unhealthy: 0 }) },
    };
  }

  #close(): void {
    this.#warm?.close();
    for (const slot of this.#slots.values()) slot.instance?.dispose();
    this.#slots.clear();
    this.#engines.close();
    this.#exit('the host has gone');
  }
}

/** The guest bundle as the host sends it, its code cache behind its source. */
function bundleOf({ cacheBytes }: CellConfig, bytes: Buffer): GuestBundle {
  const sourceBytes = bytes.length - cacheBytes;
  const source = bytes.toString('utf8', 0, sourceBytes);
  return cacheBytes === 0 ? { source } : { source, cache: new Uint8Array(bytes.subarray(sourceBytes)) };
}
