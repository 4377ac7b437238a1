import type { LoadedReport, NotLoadedReport, WasmStart } from '#runtime/frames.ts';
import type { WasmCode } from '#runtime/deployment.ts';
import type { StartProblem } from '#runtime/engine.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { CellClient, StartOrder } from '../cells/cell-client.ts';
import type { CodeCache } from '../cells/code-cache.ts';
import type { WasmCache, WasmCaller, WasmTarget } from '../cells/wasm-cache.ts';
import { redactOf } from '../redact.ts';
import type { Target } from '../registry.ts';
import type { HostInstance } from './host-instance.ts';
import { StackMapper } from './source-map.ts';
import { StartTexts, usual } from './start-texts.ts';
import type { CodeSizes, Manner } from './start-texts.ts';

export interface StartEvents {
  /** Its code is on the way: messages may follow. */
  loading(): void;
  loaded(): void;
  notLoaded(report: NotLoadedReport): void;
  gone(): void;
  lost(): void;
  log(level: string, message: string): void;
}

/** Hears of every start. */
export type StartObserver = (target: Target, report: LoadedReport) => void;

export interface StarterOptions {
  readonly codeCache: CodeCache;
  readonly wasmCache: WasmCache;
  /** navigator.userAgent of guests. */
  readonly agent: string;
  readonly started: StartObserver;
  readonly failed: (error: unknown, what: string) => void;
}

export interface CheckOptions {
  /** Aborts when nobody waits for it any more. */
  readonly signal?: AbortSignal;
  /** How often the cell was sent its code. */
  readonly sent?: number;
}

/** Source and code cache as they cross the channel, or the names of files the cell reads. */
interface Code extends CodeSizes {
  readonly bytes: Buffer;
}

/** A start that is on its way to a cell. */
interface Order {
  readonly events: StartEvents;
  readonly code: Code;
  /** How often it was sent, this time included; default 1. */
  readonly sent?: number;
}

const noBytes: Buffer = Buffer.alloc(0);

/** Code kept in memory, so that a cold start reads no disk, in bytes. */
const keptBytes = 64 * 2 ** 20;
/** How often a cell may ask for the code of one instance. */
const mostSends = 3;
/** Deployments whose stacks can be mapped at once. */
const keptMappers = 200;

/** Gets code into cells: scripts from memory or the store with V8's cache of them, WebAssembly as files. */
export class Starter {
  readonly #options: StarterOptions;
  readonly #texts: StartTexts;
  readonly #codes: Map<string, Code> = new Map();
  /** Read with the code, so that a line can be mapped when it comes. */
  readonly #stacks: Map<string, StackMapper> = new Map();
  #bytes = 0;

  constructor(options: StarterOptions) {
    this.#options = options;
    this.#texts = new StartTexts(options.agent);
  }

  /** Calls of it are to come: what can be made ready of its starts without reading anything is. */
  expect(target: Target): void {
    const known = this.#known(target);
    if (known !== undefined) this.#texts.of(target, known, usual);
  }

  /** Starts `instance`; at once when its code is in memory. */
  load(target: Target, instance: HostInstance, events: StartEvents): void {
    const known = this.#known(target);
    if (known !== undefined) return this.#send(target, instance, { events, code: known });
    this.#readAndSend(target, instance, { events });
  }

  #readAndSend(target: Target, instance: HostInstance, order: Omit<Order, 'code'>): void {
    const { events } = order;
    void this.#read(target, false).then(
      (code) => {
        const { cell, waiting } = instance;
        const retired = instance.state === 'gone';
        if (retired && waiting.size === 0) return;
        if (cell.state === 'dead' || cell.state === 'draining') return events.lost();
        this.#send(target, instance, { ...order, code });
        // It was let go while its code was read, and calls wait for it: those are its last.
        if (retired) cell.retire(instance.number, 'replaced');
        return;
      },
      (error: unknown) => {
        this.#options.failed(error, `Reading the code of ${target.deployment.function}`);
        events.notLoaded({ outcome: { kind: 'crashed', message: 'its code could not be read' } });
      },
    );
  }

  /**
   * Reads the code of scripts into memory while there is time, so that first requests after a restart find it there: half
   * as much as is kept. Ends early when `goOn` says so. Rejects when the store fails.
   */
  async readAhead(targets: readonly Target[], goOn: () => boolean): Promise<void> {
    for (const target of targets) {
      if (target.code?.kind === 'wasm' || this.#codes.has(target.deployment.id)) continue;
      if (!goOn() || this.#bytes > keptBytes / 2) return;
      await this.#readScript(target, false);
      this.expect(target);
    }
  }

  /** Makes what starts of this version need beside the store. Rejects with HostError where it cannot be made. */
  async prepare(target: Target): Promise<void> {
    await this.#read(target, true);
  }

  /**
   * Starts an instance only to see it start; its code cache is made first. Resolves to how that ended, rejects with
   * HostError when its module cannot be compiled, or with the signal's reason.
   */
  async check(cell: CellClient, target: Target, options: CheckOptions = {}): Promise<Outcome | undefined> {
    const { signal, sent = 1 } = options;
    const caller = { deploying: true, ...(signal === undefined ? {} : { signal }) };
    const code = await this.#read(target, true, caller);
    return await new Promise((resolve) => {
      const number: number = cell.load(this.#order(target, code, usual), code.bytes, {
        loaded: () => {
          cell.retire(number, 'replaced');
          resolve(undefined);
        },
        notLoaded: (report) => {
          if (report.needCode !== true || sent === mostSends) return resolve(this.explain(target, report));
          return resolve(this.check(cell, target, { ...options, sent: sent + 1 }));
        },
        gone: () => undefined,
        log: () => undefined,
        lost: () => resolve({ kind: 'crashed', cause: 'cell' }),
      });
    });
  }

  /** A stack, or a line with one in it, in the author's files and lines. */
  trace(target: Target, text: string): string {
    return this.#stacks.get(target.deployment.id)?.map(text) ?? text;
  }

  explain(target: Target, report: NotLoadedReport): Outcome {
    const problem = report.outcome as StartProblem | undefined;
    if (problem?.kind === 'threw') {
      const { stack } = problem.error;
      const mapped = stack === undefined ? {} : { stack: this.trace(target, stack) };
      return { kind: 'threw', error: { ...problem.error, ...mapped, phase: 'startup' } };
    }
    if (problem?.kind === 'exceeded') return { kind: 'exceeded', limit: problem.limit };
    const unloadable = problem === undefined ? undefined : refusedByPool(problem.message);
    if (unloadable !== undefined) {
      return { kind: 'threw', error: { name: 'Error', message: unloadable, phase: 'startup' } };
    }
    this.#options.failed(redactOf(target)(problem?.message ?? 'no reason given'), 'Starting an instance');
    return { kind: 'crashed', cause: 'internal' };
  }

  #send(target: Target, instance: HostInstance, { events, code, sent = 1 }: Order): void {
    const { cell } = instance;
    instance.number = cell.load(this.#order(target, code, instance), code.bytes, {
      loaded: (report) => {
        if (instance.state === 'loading') instance.state = 'ready';
        this.#options.started(target, report);
        events.loaded();
      },
      notLoaded: (report) => {
        const missing = report.needCode !== true && this.#isMissing(target, code);
        if (sent === mostSends || (report.needCode !== true && !missing)) return events.notLoaded(report);
        for (const invocation of instance.waiting) invocation.unplaced();
        const again = { events, sent: sent + 1 };
        if (!missing) return this.#send(target, instance, { ...again, code });
        instance.number = 0;
        if (instance.state === 'loading') instance.state = 'opening';
        return this.#readAndSend(target, instance, again);
      },
      gone: () => events.gone(),
      lost: () => events.lost(),
      log: (json) => {
        const [level, message] = JSON.parse(json) as readonly unknown[];
        events.log(String(level), String(message));
      },
    });
    instance.state = 'loading';
    events.loading();
  }

  /** True for WebAssembly whose files somebody removed: it did not start for that, and they can be made again. */
  #isMissing(target: Target, { wasm }: Code): boolean {
    return wasm !== undefined && !this.#options.wasmCache.isThere(target.deployment.cordon, wasm);
  }

  #order(target: Target, code: Code, manner: Manner): StartOrder {
    return { codeId: target.deployment.id, text: this.#texts.of(target, code, manner) };
  }

  /** Code that can be sent in this turn. */
  #known(target: Target): Code | undefined {
    const { id, cordon } = target.deployment;
    if (target.code?.kind === 'wasm') {
      const wasm = this.#options.wasmCache.ready(cordon, target.code);
      return wasm === undefined ? undefined : toCode(wasm);
    }
    const known = this.#codes.get(id);
    if (known === undefined) return undefined;
    // Most recently used last.
    this.#codes.delete(id);
    this.#codes.set(id, known);
    return known;
  }

  async #read(target: Target, make: boolean, caller: WasmCaller = {}): Promise<Code> {
    const wasm = toWasmTarget(target);
    return wasm === undefined
      ? this.#readScript(target, make)
      : toCode(await this.#options.wasmCache.make({ ...wasm, ...caller }));
  }

  async #readScript(target: Target, make: boolean): Promise<Code> {
    const { codeCache } = this.#options;
    const { id } = target.deployment;
    const script = await target.load();
    if (script.kind !== 'script') throw new TypeError(`Code of deployment ${id} is not what its record says`);
    const { source, sourceMap } = script;
    const name = target.code?.kind === 'script' ? target.code.hash : undefined;
    const found = await (make
      ? codeCache.make('module', source, name)
      : codeCache.find('module', source, name));
    if (found === undefined && !make) void codeCache.make('module', source, name);
    const text = Buffer.from(source);
    const code: Code = {
      bytes: Buffer.concat([text, found ?? new Uint8Array()]),
      sourceBytes: text.length,
      cacheBytes: found?.length ?? 0,
    };
    this.#stacks.set(id, new StackMapper(sourceMap));
    for (const oldest of this.#stacks.keys()) {
      if (this.#stacks.size <= keptMappers) break;
      this.#stacks.delete(oldest);
    }
    if (found !== undefined) this.#keep(id, code);
    return code;
  }

  #keep(id: string, code: Code): void {
    this.#bytes -= this.#codes.get(id)?.bytes.length ?? 0;
    this.#codes.delete(id);
    this.#codes.set(id, code);
    this.#bytes += code.bytes.length;
    for (const [oldest, { bytes }] of this.#codes) {
      if (this.#bytes <= keptBytes || oldest === id) return;
      this.#codes.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}

function toCode(wasm: WasmStart): Code {
  return { bytes: noBytes, sourceBytes: 0, cacheBytes: 0, wasm };
}

/** Undefined for scripts. */
function toWasmTarget({ code, deployment, load }: Target): WasmTarget | undefined {
  if (code?.kind !== 'wasm') return undefined;
  return {
    function: deployment.function,
    cordon: deployment.cordon,
    code,
    load: async (): Promise<WasmCode> => {
      const loaded = await load();
      if (loaded.kind === 'wasm') return loaded;
      throw new TypeError(`Code of deployment ${deployment.id} is not what its record says`);
    },
  };
}

/** A module that compiles and asks for more tables or memories than a store has room for: why, without the file's path. */
function refusedByPool(message: string): string | undefined {
  const reason = /^Cannot load the compiled code: .*?\.cwasm: (.+)$/s.exec(message)?.[1];
  return reason === undefined ? undefined : `The module asks for more than an instance may have: ${reason}`;
}
