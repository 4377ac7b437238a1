import type { Engine, InstanceWatcher, ScriptSpec, Started } from '#runtime/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { openSandbox, type GuestBundle, type Sandbox } from './bootstrap.ts';
import type { Message } from './entries.ts';
import type { Again } from './first-message.ts';
import { IsolateInstance } from './instance.ts';
import { Spares } from './spares.ts';
import { isQuicklyRead, Startup, type Ran } from './startup.ts';
import { Watchdog, type Watched } from './watchdog.ts';

export interface IsolateEngineOptions {
  readonly bundle: GuestBundle;
  /** Bootstrapped isolates kept ready for each memory size in use. */
  readonly spares: number;
  /** Called every few ms while guests run. */
  readonly beat: () => void;
  /** CPU of this process that another engine's threads took, in ms. */
  readonly otherCpuMs?: () => number;
  /**
   * Quick entries in a row after which a function's entries run on this thread (`thread-policy.ts`). Absent: never, where
   * the thread is not the cell's own.
   */
  readonly quickEntries?: number;
}

interface Order {
  readonly spec: ScriptSpec;
  readonly watcher: InstanceWatcher;
  /** How soon its instance may run on this thread; Infinity: never, its top level neither. */
  readonly quickEntries: number;
  readonly again?: Again;
}

interface Site {
  readonly sandbox: Sandbox;
  readonly spare: boolean;
}

/** What a bundle has in it that may wait for services of the cell (runtime/node): it needs a thread to wait on. */
const openServices = 'islet.services';
const shortMs = 1;

/** The V8 engine: one isolated-vm isolate an instance. */
export class IsolateEngine implements Engine<ScriptSpec> {
  readonly kind = 'isolate';
  readonly #bundle: GuestBundle;
  readonly #stock: Spares;
  readonly #watchdog: Watchdog;
  readonly #quickEntries: number;
  /** Code caches of top levels that took too long for this thread. */
  readonly #slow: WeakSet<Uint8Array> = new WeakSet();

  constructor(options: IsolateEngineOptions) {
    this.#bundle = options.bundle;
    this.#quickEntries = options.quickEntries ?? Infinity;
    this.#watchdog = new Watchdog(options.beat, options.otherCpuMs ?? (() => 0));
    this.#stock = new Spares(options.spares, defaultLimits.memoryMb, (memoryMb) => this.#open(memoryMb));
  }

  get spares(): number {
    return this.#stock.count;
  }

  /** Fills the stock of spares; resolves when it is full. */
  fill(): Promise<void> {
    return this.#stock.fill();
  }

  close(): void {
    this.#stock.close();
  }

  /** Watched, so that the CPU it takes is not put down to guests that run meanwhile. */
  async #open(memoryMb: number): Promise<Sandbox> {
    const work: Watched = { tick: () => undefined };
    this.#watchdog.enter(work);
    try {
      return await openSandbox(this.#bundle, memoryMb);
    } finally {
      this.#watchdog.leave(work);
    }
  }

  async start(spec: ScriptSpec, watcher: InstanceWatcher): Promise<Started> {
    const { memoryMb } = spec.limits;
    const order = this.#order(spec, watcher);
    let site = await this.#site(memoryMb);
    if (this.#mayStartHere(order)) {
      const ran = this.#startup(site, order).runHere();
      if (ran !== undefined) return this.#started(site, ran, order);
      this.#keepOff(spec);
      site = await this.#site(memoryMb);
    }
    return this.#started(site, await this.#startup(site, order).run(), order);
  }

  /**
   * The same at once, on this thread, and the first message too: undefined when there is no spare, or the code has to run on
   * the thread of its isolate. Throws StartFailure. `again` is asked for another start of the same when the first message
   * turns out to be not for this thread.
   */
  startNow(spec: ScriptSpec, watcher: InstanceWatcher, again: Again): Started | undefined {
    const order = this.#order(spec, watcher);
    if (!this.#mayStartHere(order)) return undefined;
    const sandbox = this.#stock.take(spec.limits.memoryMb);
    if (sandbox === undefined) return undefined;
    const site = { sandbox, spare: true };
    const ran = this.#startup(site, order).runHere();
    if (ran === undefined) return this.#keepOff(spec);
    const from = (messages: readonly Message[]): void => {
      this.#keepOff(spec);
      again.start(messages);
    };
    return this.#started(site, ran, { ...order, again: { may: () => again.may(), start: from } });
  }

  /** Searches the source, and so once a start. */
  #order(spec: ScriptSpec, watcher: InstanceWatcher): Order {
    const never = spec.apart === true || spec.source.includes(openServices);
    return { spec, watcher, quickEntries: never ? Infinity : this.#quickEntries };
  }

  /** What is compiled already and has not shown to be slow may run its top level on this thread. */
  #mayStartHere({ spec: { cache }, quickEntries }: Order): boolean {
    return quickEntries < Infinity && cache !== undefined && !this.#slow.has(cache) && isQuicklyRead(cache);
  }

  /** Later starts of the same code begin on their own thread. */
  #keepOff({ cache }: ScriptSpec): undefined {
    if (cache !== undefined) this.#slow.add(cache);
    return undefined;
  }

  async #site(memoryMb: number): Promise<Site> {
    const spare = this.#stock.take(memoryMb);
    return spare === undefined
      ? { sandbox: await this.#open(memoryMb), spare: false }
      : { sandbox: spare, spare: true };
  }

  #startup({ sandbox }: Site, { spec, watcher }: Order): Startup {
    return new Startup({ sandbox, spec, watcher, watchdog: this.#watchdog });
  }

  #started({ sandbox, spare }: Site, ran: Ran, order: Order): Started {
    const { spec, watcher, quickEntries, again } = order;
    const { loadMs: load, topLevelMs: topLevel } = ran;
    const instance = new IsolateInstance(sandbox, {
      limits: spec.limits,
      watcher,
      watchdog: this.#watchdog,
      quickEntries,
      again,
      // A top level that was over so soon has not made much.
      memoryBytes: topLevel < shortMs ? sandbox.restingBytes : 0,
    });
    const { createMs: create, bootstrapMs: bootstrap } = sandbox;
    return {
      instance,
      memoryBytes: instance.lastBytes,
      kinds: ran.kinds,
      spare,
      cached: ran.cached,
      phases: { ...(spare ? { create: 0, bootstrap: 0 } : { create, bootstrap }), load, topLevel },
    };
  }
}
