import type ivm from 'isolated-vm';
import {
  StartFailure,
  type Engine,
  type InstanceWatcher,
  type ScriptSpec,
  type StartProblem,
  type Started,
} from '#runtime/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { openSandbox, toExternal, type GuestBundle, type Sandbox } from './bootstrap.ts';
import { IsolateInstance } from './instance.ts';
import { parseArray, parseLine } from './lines.ts';
import { closeTab, ServiceDesk, type Payer } from './services/desk.ts';
import { serveNow } from './services/now.ts';
import { Spares } from './spares.ts';
import { isRunaway, Watchdog, type Watched } from './watchdog.ts';

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

/** A top level that waits for something for longer than this has failed to start, in ms. */
const startWallMs = 10_000;
/** What a bundle has in it that may wait for services of the cell (runtime/node): it needs a thread to wait on. */
const openServices = 'islet.services';
/** Code caches up to this size are read on the cell's own thread. */
const atOnceBytes = 64 * 1024;

/** The V8 engine: one isolated-vm isolate an instance. */
export class IsolateEngine implements Engine<ScriptSpec> {
  readonly kind = 'isolate';
  readonly #bundle: GuestBundle;
  readonly #stock: Spares;
  readonly #watchdog: Watchdog;
  readonly #quickEntries: number;

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
    const spare = this.#stock.take(spec.limits.memoryMb);
    const sandbox = spare ?? (await this.#open(spec.limits.memoryMb));
    const startup = new Startup(sandbox, spec, watcher, this.#watchdog);
    const ran = await startup.run();
    return {
      instance: new IsolateInstance(sandbox, {
        limits: spec.limits,
        watcher,
        watchdog: this.#watchdog,
        quickEntries: spec.source.includes(openServices) ? Infinity : this.#quickEntries,
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

interface Ran {
  readonly kinds: readonly string[];
  readonly cached: boolean;
  readonly loadMs: number;
  readonly topLevelMs: number;
}

/** One run of a top level: its budgets, its log, its verdict. */
class Startup {
  readonly #sandbox: Sandbox;
  readonly #spec: ScriptSpec;
  readonly #watcher: InstanceWatcher;
  readonly #watchdog: Watchdog;
  /** Pays for what the top level asks of the cell. */
  readonly #payer: Payer = { cpuMs: 0, over: undefined, tab: undefined };
  #cpuMs = 0;
  #logBytes = 0;
  #kinds: readonly string[] = [];
  #problem: StartProblem | undefined;
  #overAt = 0;

  constructor(sandbox: Sandbox, spec: ScriptSpec, watcher: InstanceWatcher, watchdog: Watchdog) {
    this.#sandbox = sandbox;
    this.#spec = spec;
    this.#watcher = watcher;
    this.#watchdog = watchdog;
    sandbox.port.send = (text) => this.#receive(text);
    sandbox.port.overMemory = () => this.#stop({ kind: 'exceeded', limit: 'memoryMb' });
    sandbox.onCatastrophe = (message) => watcher.condemned(message);
    const desk = new ServiceDesk({
      cpuMs: spec.limits.startupCpuMs,
      shared: sandbox.shared,
      isOpen: () => !sandbox.isolate.isDisposed,
    });
    sandbox.port.serve = (call) => serveNow(desk, this.#payer, call);
  }

  async run(): Promise<Ran> {
    const { isolate } = this.#sandbox;
    const before = isolate.cpuTime;
    const overtime = setTimeout(() => this.#stop({ kind: 'exceeded', limit: 'startupCpuMs' }), startWallMs);
    this.#watchdog.enter(this);
    try {
      const ran = await this.#load();
      const usedMs = this.#watchdog.leave(this);
      const cpuMs = Math.min(Number(isolate.cpuTime - before) / 1e6, usedMs) + this.#payer.cpuMs;
      if (cpuMs > this.#spec.limits.startupCpuMs)
        this.#problem ??= { kind: 'exceeded', limit: 'startupCpuMs' };
      if (this.#problem !== undefined) throw new StartFailure(this.#problem);
      return ran;
    } catch (error) {
      const problem = this.#problem ?? this.#explain(error);
      if (!isolate.isDisposed) isolate.dispose();
      throw new StartFailure(problem);
    } finally {
      this.#watchdog.leave(this);
      clearTimeout(overtime);
      closeTab(this.#payer);
    }
  }

  /** Watchdog. The estimate stops runaways only; what ends by itself is judged by V8's exact figure. */
  tick(cpuMs: number): void {
    const { startupCpuMs } = this.#spec.limits;
    this.#cpuMs += cpuMs;
    if (this.#overAt > 0 && performance.now() - this.#overAt > 1000)
      return this.#watcher.condemned('a top level could not be stopped');
    if (this.#overAt > 0 || !isRunaway(this.#cpuMs + this.#payer.cpuMs, startupCpuMs)) return;
    this.#stop({ kind: 'exceeded', limit: 'startupCpuMs' });
  }

  #stop(problem: StartProblem): void {
    this.#problem ??= problem;
    this.#overAt = performance.now();
    if (!this.#sandbox.isolate.isDisposed) this.#sandbox.isolate.dispose();
  }

  async #load(): Promise<Ran> {
    const { prepare, start } = this.#sandbox;
    const { head } = this.#spec;
    const began = performance.now();
    const module = await this.#compile();
    const loaded = performance.now();
    prepare.applyIgnored(undefined, [head, performance.timeOrigin + performance.now()]);
    await module.evaluate();
    prepare.release();
    const timeout = this.#spec.limits.startupCpuMs * 4 + 100;
    await start.apply(undefined, [module.namespace.derefInto({ release: true }), head], { timeout });
    const rejected = (module as { readonly cachedDataRejected?: boolean }).cachedDataRejected;
    module.release();
    return {
      kinds: this.#kinds,
      cached: rejected === false,
      loadMs: loaded - began,
      topLevelMs: performance.now() - loaded,
    };
  }

  /**
   * The module, instantiated. What is small and compiled already is read here at once: it runs no guest code, and each
   * trip to the isolate's thread costs more. All else is compiled on that thread.
   */
  async #compile(): Promise<ivm.Module> {
    const { isolate, context } = this.#sandbox;
    const { source, cache } = this.#spec;
    const cached = cache !== undefined && cache.length > 0;
    const options = { filename: 'file:///index.js', ...(cached ? { cachedData: toExternal(cache) } : {}) };
    if (cached && cache.length <= atOnceBytes) {
      const module = isolate.compileModuleSync(source, options);
      module.instantiateSync(context, noImports);
      return module;
    }
    const module = await isolate.compileModule(source, options);
    await module.instantiate(context, noImports);
    return module;
  }

  #explain(error: unknown): StartProblem {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#sandbox.isolate.isDisposed) return { kind: 'exceeded', limit: 'memoryMb' };
    if (message.startsWith('Script execution timed out')) return { kind: 'exceeded', limit: 'startupCpuMs' };
    if (error instanceof Error && typeof error.stack === 'string') {
      const [stack = message] = error.stack.split('\n    at (<isolated-vm boundary>)');
      return { kind: 'threw', error: { name: error.name, message, stack, phase: 'startup' } };
    }
    return { kind: 'threw', error: { name: 'Error', message: `Uncaught ${message}`, phase: 'startup' } };
  }

  #receive(text: unknown): void {
    if (typeof text !== 'string') return;
    for (const part of text.split('\n')) {
      const line = parseLine(part);
      if (line === undefined) continue;
      if (line.letter === 'S') this.#kinds = toNames(parseArray(line.json));
      if (line.letter === 'Z') this.#problem ??= toProblem(parseArray(line.json));
      if (line.letter === 'L') this.#log(line.json);
    }
  }

  #log(json: string): void {
    const text = parseArray(json)?.[1];
    if (typeof text !== 'string') return;
    this.#logBytes += Buffer.byteLength(text);
    if (this.#logBytes > this.#spec.limits.logBytes)
      return this.#stop({ kind: 'exceeded', limit: 'logBytes' });
    this.#watcher.line(0, 'L', json);
  }
}

function noImports(specifier: string): never {
  throw new Error(`Cannot find module ${JSON.stringify(specifier)}; bundle it with the function`);
}

function toNames(value: readonly unknown[] | undefined): readonly string[] {
  const list = Array.isArray(value?.[0]) ? (value[0] as readonly unknown[]) : (value ?? []);
  return list.filter((name): name is string => typeof name === 'string');
}

function toProblem(value: readonly unknown[] | undefined): StartProblem {
  const [name, message, stack] = value ?? [];
  return {
    kind: 'threw',
    error: {
      name: typeof name === 'string' ? name : 'Error',
      message: typeof message === 'string' ? message : '',
      ...(typeof stack === 'string' ? { stack } : {}),
      phase: 'startup',
    },
  };
}
