import { availableParallelism } from 'node:os';
import { sep } from 'node:path';
import {
  StartFailure,
  type Engine,
  type InstanceWatcher,
  type Started,
  type StartProblem,
  type WasmSpec,
} from '#runtime/engine.ts';
import type { WasmProgram } from '#runtime/deployment.ts';
import type { StartHead } from '#runtime/guest/protocol.ts';
import { defaultCaps } from '#runtime/limits.ts';
import { WasmInstance } from './instance.ts';
import { openLines, startErrorOf, withLevels } from './open-lines.ts';
import type {
  Native,
  NativeEngine,
  NativeEvent,
  NativeLoaded,
  NativeRecipe,
  NativeRefused,
  NativeSpec,
} from './native.ts';

export interface WasmEngineOptions {
  readonly native: Native;
  /** Absolute path of the folder where artifacts and guests' folders lie. */
  readonly folder: string;
  /** Threads that run guests; default: one per core, 2 at least, 8 at the most. */
  readonly workers?: number;
  /** Stores alive at once; calls beyond that wait. Default 128. */
  readonly slots?: number;
  /** Called every few ms while guests run. */
  readonly beat: () => void;
}

const defaultSlots = 128;
const beatMs = 20;
/** Turns of the beat without a guest until it stops. */
const mostIdleBeats = 10;

/** The Wasmtime engine: guests run on the addon's threads; this thread passes messages. */
export class WasmEngine implements Engine<WasmSpec> {
  readonly kind = 'wasm';
  readonly spares = 0;
  readonly #options: WasmEngineOptions;
  readonly #instances: Map<number, Receiver> = new Map();
  /** Of specs that have started here. */
  readonly #recipes: WeakMap<WasmSpec, NativeRecipe> = new WeakMap();
  #engine: NativeEngine | undefined;
  #lastInstance = 0;
  #beat: NodeJS.Timeout | undefined;
  #idleBeats = 0;
  #closed = false;

  constructor(options: WasmEngineOptions) {
    this.#options = options;
  }

  /** Whether the pooling allocator could be had; undefined until the first start. */
  get pooled(): boolean | undefined {
    return this.#engine?.pooled;
  }

  /** CPU of the threads that run guests, in ms, since the first start: what the isolates' watchdog must not count. */
  get cpuMs(): number {
    return this.#engine?.cpuMs() ?? 0;
  }

  /** `start` within this call, where this very object has been started before; undefined: `start` it. */
  startNow(spec: WasmSpec, watcher: InstanceWatcher): Started | undefined {
    const recipe = this.#recipes.get(spec);
    if (recipe === undefined || this.#closed) return undefined;
    const number = ++this.#lastInstance;
    const loadMs = this.#open().loadNow(number, recipe);
    if (loadMs === null) return undefined;
    return this.#started(spec, { loadMs, startMs: 0 }, { number, watcher });
  }

  async start(spec: WasmSpec, listener: InstanceWatcher): Promise<Started> {
    const { protocol } = spec.wasm.program;
    const watcher = withLevels(protocol, listener);
    if (this.#closed) throw new StartFailure({ kind: 'crashed', message: 'the engine is closed' });
    const native = this.#open();
    const number = ++this.#lastInstance;
    const startup = new Startup(watcher);
    this.#instances.set(number, startup);
    const loaded = await this.#load(native, number, toNativeSpec(spec, this.#options.folder));
    if (!loaded.ok) {
      this.#instances.delete(number);
      throw new StartFailure(toProblem(protocol, loaded));
    }
    if (loaded.recipe !== undefined) this.#recipes.set(spec, loaded.recipe);
    const started = this.#started(spec, loaded, { number, watcher });
    if (this.#closed) started.instance.dispose();
    else if (startup.unhealthy) watcher.unhealthy();
    return started;
  }

  #started(
    { wasm, head }: WasmSpec,
    { loadMs, startMs }: Pick<NativeLoaded, 'loadMs' | 'startMs'>,
    { number, watcher }: { readonly number: number; readonly watcher: InstanceWatcher },
  ): Started {
    const { protocol } = wasm.program;
    const instance = new WasmInstance({
      native: this.#open(),
      number,
      watcher,
      lines: openLines(protocol, head),
      running: () => this.#keepBeating(),
      gone: () => this.#instances.delete(number),
    });
    this.#instances.set(number, instance);
    return {
      instance,
      // Asked for once the first answer has left: to ask the addon takes 17 us with nothing of it in the CPU's caches.
      get memoryBytes() {
        return instance.memoryBytes;
      },
      kinds: kindsOf[protocol],
      spare: false,
      cached: true,
      phases: { create: 0, bootstrap: 0, load: loadMs, topLevel: startMs },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#beat);
    for (const receiver of this.#instances.values()) receiver.dispose?.();
    this.#instances.clear();
    this.#engine?.close();
  }

  /** Made at the first start: its pool reserves address space, which cells without wasm need not. */
  #open(): NativeEngine {
    if (this.#engine !== undefined) return this.#engine;
    const { native, workers, slots } = this.#options;
    const options = {
      workers: workers ?? Math.min(8, Math.max(2, availableParallelism())),
      slots: slots ?? defaultSlots,
      maxMemoryMb: defaultCaps.memoryMb,
    };
    this.#engine = new native.Engine(options, () => this.#drain());
    return this.#engine;
  }

  async #load(native: NativeEngine, number: number, spec: string): Promise<NativeLoaded | NativeRefused> {
    this.#keepBeating();
    try {
      const loaded = await native.load(number, spec);
      // What it logged while it started is heard before the start has an end.
      this.#drain();
      return loaded;
    } catch (error) {
      return { ok: false, kind: 'crashed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  #drain(): void {
    if (this.#closed || this.#engine === undefined) return;
    for (const event of this.#engine.drain()) this.#instances.get(event.instance)?.event(event);
  }

  /**
   * Guests run from now on: somebody looks at this process every few ms until they are done. Nothing else of the addon
   * keeps a process alive that waits for an answer.
   */
  #keepBeating(): void {
    this.#idleBeats = 0;
    this.#beat ??= setInterval(() => this.#onBeat(), beatMs);
    this.#beat.ref();
  }

  #onBeat(): void {
    this.#options.beat();
    const busy = [...this.#instances.values()].some((receiver) => receiver.inFlight > 0);
    this.#idleBeats = busy ? 0 : this.#idleBeats + 1;
    if (!busy) this.#beat?.unref();
    if (this.#idleBeats < mostIdleBeats) return;
    clearInterval(this.#beat);
    this.#beat = undefined;
  }
}

/** Whatever events of an instance go to. */
interface Receiver {
  readonly inFlight: number;
  event(event: NativeEvent): void;
  dispose?(): void;
}

/** Stands for an instance while it starts: its log, and whether it fell ill before it was there. */
class Startup implements Receiver {
  readonly #watcher: InstanceWatcher;
  readonly inFlight = 1;
  unhealthy = false;

  constructor(watcher: InstanceWatcher) {
    this.#watcher = watcher;
  }

  event(event: NativeEvent): void {
    if (event.kind === 'unhealthy') this.unhealthy = true;
    if (event.kind === 'L') this.#watcher.line(0, 'L', event.text ?? '[]');
  }
}

const kindsOf = {
  http: ['fetch'],
  cgi: ['fetch', 'handler'],
  events: ['handler'],
  lambda: ['handler'],
} as const;

/** JSON of NativeSpec; what `head` says of the function goes on as it came. */
function toNativeSpec({ wasm, limits, head }: WasmSpec, folder: string): string {
  const { memoryMb, cpuMs, startupCpuMs, logBytes } = limits;
  const own: Omit<NativeSpec, keyof StartHead> = {
    artifact: `${folder}${sep}${wasm.artifact}`,
    program: wasm.program,
    ...(wasm.folder === undefined ? {} : { folder: `${folder}${sep}${wasm.folder}` }),
    limits: { memoryMb, cpuMs, startupCpuMs, logBytes },
  };
  return `${JSON.stringify(own).slice(0, -1)},${head.slice(1)}`;
}

function toProblem(protocol: WasmProgram['protocol'], refused: NativeRefused): StartProblem {
  const { kind, limit, message } = refused;
  if (kind === 'exceeded' && (limit === 'startupCpuMs' || limit === 'memoryMb' || limit === 'logBytes'))
    return { kind, limit };
  if (kind !== 'threw') return { kind: 'crashed', message };
  return { kind, error: startErrorOf(protocol, refused) };
}
