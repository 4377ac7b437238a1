import type { Engine, InstanceWatcher, ScriptSpec, Started } from '#runtime/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { openSandbox, type GuestBundle, type Sandbox } from './bootstrap.ts';
import { IsolateInstance } from './instance.ts';
import { Spares } from './spares.ts';
import { isQuicklyRead, Startup } from './startup.ts';
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

/** A start, and how soon its instance may run on this thread (Infinity: never). */
interface StartOrder {
  readonly spec: ScriptSpec;
  readonly watcher: InstanceWatcher;
  readonly quickEntries: number;
}

/** What a bundle has in it that may wait for services of the cell (runtime/node): it needs a thread to wait on. */
const openServices = 'islet.services';

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
    const quickEntries = spec.source.includes(openServices) ? Infinity : this.#quickEntries;
    const order = { spec, watcher, quickEntries };
    const here = quickEntries < Infinity && this.#mayStartHere(spec.cache);
    const started = await this.#startOn(here, order);
    if (started !== undefined) return started;
    if (spec.cache !== undefined) this.#slow.add(spec.cache);
    return (await this.#startOn(false, order)) as Started;
  }

  /** What is compiled already and has not shown to be slow may run its top level on this thread. */
  #mayStartHere(cache: Uint8Array | undefined): boolean {
    return cache !== undefined && !this.#slow.has(cache) && isQuicklyRead(cache);
  }

  /** Undefined when it was tried on this thread and needs its own. */
  async #startOn(here: boolean, { spec, watcher, quickEntries }: StartOrder): Promise<Started | undefined> {
    const spare = this.#stock.take(spec.limits.memoryMb);
    const sandbox = spare ?? (await this.#open(spec.limits.memoryMb));
    const startup = new Startup({ sandbox, spec, watcher, watchdog: this.#watchdog, here });
    const ran = await startup.run();
    if (ran === undefined) return undefined;
    return {
      instance: new IsolateInstance(sandbox, {
        limits: spec.limits,
        watcher,
        watchdog: this.#watchdog,
        quickEntries,
      }),
      kinds: ran.kinds,
      spare: spare !== undefined,
      cached: ran.cached,
      phases: {
        create: spare === undefined ? sandbox.createMs : 0,
        bootstrap: spare === undefined ? sandbox.bootstrapMs : 0,
        load: ran.loadMs,
        topLevel: ran.topLevelMs,
      },
    };
  }
}
