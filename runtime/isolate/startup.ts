import type ivm from 'isolated-vm';
import { StartFailure, type InstanceWatcher, type ScriptSpec, type StartProblem } from '#runtime/engine.ts';
import { toExternal, type Sandbox } from './bootstrap.ts';
import { parseArray, parseLine } from './lines.ts';
import { closeTab, ServiceDesk, type Payer } from './services/desk.ts';
import { needsThread, serveAtOnce, serveNow } from './services/now.ts';
import { isRunaway, type Watchdog } from './watchdog.ts';

/** A top level that waits for something for longer than this has failed to start, in ms. */
const startWallMs = 10_000;
/** Code caches up to this size are read on the cell's own thread. */
const atOnceBytes = 64 * 1024;
/**
 * How long a top level, and then a first message, may hold the cell's own thread before all is begun anew on the isolate's, in
 * ms. The same for both: isolated-vm starts a thread for a timeout that is to come before the last one.
 */
export const hereMs = 25;

export interface StartupOptions {
  readonly sandbox: Sandbox;
  readonly spec: ScriptSpec;
  readonly watcher: InstanceWatcher;
  readonly watchdog: Watchdog;
}

/** What a top level came to. */
export interface Ran {
  readonly kinds: readonly string[];
  readonly cached: boolean;
  readonly loadMs: number;
  readonly topLevelMs: number;
}

interface Counted extends Ran {
  readonly cpuMs: number;
}

/** One run of a top level: its budgets, its log, its verdict. */
export class Startup {
  readonly #sandbox: Sandbox;
  readonly #spec: ScriptSpec;
  readonly #watcher: InstanceWatcher;
  readonly #watchdog: Watchdog;
  /** Pays for what the top level asks of the cell. */
  readonly #payer: Payer = { cpuMs: 0, over: undefined, tab: undefined };
  #cpuMs = 0;
  #logBytes = 0;
  #kinds: readonly string[] = [];
  #here = false;
  /** Log lines of a run that may have to be begun anew. */
  readonly #kept: string[] = [];
  #problem: StartProblem | undefined;
  #overAt = 0;
  #needsThread = false;

  constructor({ sandbox, spec, watcher, watchdog }: StartupOptions) {
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
    sandbox.port.serveAtOnce = (call) => {
      const reply = serveAtOnce(desk, this.#payer, call);
      if (reply === undefined) this.#needsThread = true;
      return reply ?? needsThread();
    };
  }

  /** On the isolate's own thread. Rejects with StartFailure. */
  async run(): Promise<Ran> {
    try {
      return this.#judge(await this.#runThere());
    } catch (error) {
      throw this.#fail(error);
    } finally {
      closeTab(this.#payer);
    }
  }

  /**
   * At once on this thread, for `hereMs` at most. Undefined when it takes longer or needs a thread to wait on: nothing came of
   * it, and it has to begin anew. Throws StartFailure.
   */
  runHere(): Ran | undefined {
    this.#here = true;
    try {
      const ran = this.#loadHere();
      if (this.#needsThread) return this.#giveUp();
      this.#judge(ran);
      this.#passOn();
      return ran;
    } catch (error) {
      if (this.#needsThread || isTimeout(error)) return this.#giveUp();
      const failure = this.#fail(error);
      this.#passOn();
      throw failure;
    } finally {
      closeTab(this.#payer);
    }
  }

  #judge(ran: Counted): Ran {
    if (ran.cpuMs + this.#payer.cpuMs > this.#spec.limits.startupCpuMs)
      this.#problem ??= { kind: 'exceeded', limit: 'startupCpuMs' };
    if (this.#problem !== undefined) throw new StartFailure(this.#problem);
    return ran;
  }

  #fail(error: unknown): StartFailure {
    const { isolate } = this.#sandbox;
    const problem = this.#problem ?? this.#explain(error);
    if (!isolate.isDisposed) isolate.dispose();
    return new StartFailure(problem);
  }

  /** What this run did is nobody's: another one begins in an isolate of its own. */
  #giveUp(): undefined {
    const { isolate } = this.#sandbox;
    if (!isolate.isDisposed) isolate.dispose();
    return undefined;
  }

  #passOn(): void {
    for (const json of this.#kept.splice(0)) this.#watcher.line(0, 'L', json);
  }

  async #runThere(): Promise<Counted> {
    const { isolate } = this.#sandbox;
    const before = isolate.cpuTime;
    const overtime = setTimeout(() => this.#stop({ kind: 'exceeded', limit: 'startupCpuMs' }), startWallMs);
    this.#watchdog.enter(this);
    try {
      const ran = await this.#load();
      const usedMs = this.#watchdog.leave(this);
      return { ...ran, cpuMs: Math.min(Number(isolate.cpuTime - before) / 1e6, usedMs) };
    } finally {
      this.#watchdog.leave(this);
      clearTimeout(overtime);
    }
  }

  #loadHere(): Counted {
    const before = process.threadCpuUsage();
    const { prepare, start } = this.#sandbox;
    const { head } = this.#spec;
    const began = performance.now();
    const module = this.#compileHere();
    const loaded = performance.now();
    const limit = { timeout: hereMs };
    prepare.applySync(undefined, [head, performance.timeOrigin + performance.now(), true]);
    module.evaluateSync(limit);
    prepare.release();
    start.applySync(undefined, [module.namespace.derefInto({ release: true }), head], limit);
    const ran = this.#ran(module, { began, loaded });
    const { user, system } = process.threadCpuUsage(before);
    return { ...ran, cpuMs: (user + system) / 1000 };
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
    return this.#ran(module, { began, loaded });
  }

  #ran(module: ivm.Module, at: { readonly began: number; readonly loaded: number }): Ran {
    const rejected = (module as { readonly cachedDataRejected?: boolean }).cachedDataRejected;
    module.release();
    return {
      kinds: this.#kinds,
      cached: rejected === false,
      loadMs: at.loaded - at.began,
      topLevelMs: performance.now() - at.loaded,
    };
  }

  /**
   * The module, instantiated. What is small and compiled already is read here at once: it runs no guest code, and each
   * trip to the isolate's thread costs more. All else is compiled on that thread.
   */
  async #compile(): Promise<ivm.Module> {
    if (isQuicklyRead(this.#spec.cache)) return this.#compileHere();
    const { isolate, context } = this.#sandbox;
    const options = this.#compileOptions();
    const module = await isolate.compileModule(this.#spec.source, options);
    options.cachedData?.release();
    await module.instantiate(context, noImports);
    return module;
  }

  #compileHere(): ivm.Module {
    const { isolate, context } = this.#sandbox;
    const options = this.#compileOptions();
    const module = isolate.compileModuleSync(this.#spec.source, options);
    // Not left to the collector: isolated-vm aborts a process in whose end it comes to that.
    options.cachedData?.release();
    module.instantiateSync(context, noImports);
    return module;
  }

  #compileOptions(): { filename: string; cachedData?: ivm.ExternalCopy<ArrayBuffer> } {
    const { cache } = this.#spec;
    const cached = cache !== undefined && cache.length > 0;
    return { filename: 'file:///index.js', ...(cached ? { cachedData: toExternal(cache) } : {}) };
  }

  #explain(error: unknown): StartProblem {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#sandbox.isolate.isDisposed) return { kind: 'exceeded', limit: 'memoryMb' };
    if (isTimeout(error)) return { kind: 'exceeded', limit: 'startupCpuMs' };
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
    if (this.#here) this.#kept.push(json);
    else this.#watcher.line(0, 'L', json);
  }
}

/** A code cache that is read in less time than the way to another thread takes. */
export function isQuicklyRead(cache: Uint8Array | undefined): boolean {
  return cache !== undefined && cache.length > 0 && cache.length <= atOnceBytes;
}

/** V8 was told to stop it. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Script execution timed out');
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
