import { CodeTable } from './code-table.ts';
import { StartFailure, type InstanceWatcher, type Started } from './engine.ts';
import { IsolateEngine, type IsolateEngineOptions } from './isolate/engine.ts';
import type { Message } from './isolate/entries.ts';
import type { Again } from './isolate/first-message.ts';
import type { KnownStart } from './known-starts.ts';
import { loadAddon } from './wasm/addon.ts';
import { WasmEngine } from './wasm/engine.ts';

/** Who hears of an instance, and may have it started anew. */
export interface StartWatch {
  readonly watcher: InstanceWatcher;
  /** Nobody knows of the instance yet. */
  readonly isNew: () => boolean;
  /** It let go before it said anything: `starting` will be given what it was told. */
  readonly anew: (messages: readonly Message[], starting: Promise<Started>) => void;
}

/** The engines of one cell, and the code that instances of the isolates share. */
export class Engines {
  readonly #code: CodeTable = new CodeTable();
  #isolates: IsolateEngine | undefined;
  /** Why there is none, where there is none. */
  #wasm: WasmEngine | string = 'This cell was not made for WebAssembly';

  get spares(): number {
    return this.#isolates?.spares ?? 0;
  }

  /** Loads the addon, which takes the right to read files. */
  openWasm(folder: string, beat: () => void): void {
    const addon = loadAddon();
    this.#wasm = addon.ok ? new WasmEngine({ native: addon.native, folder, beat }) : addon.reason;
  }

  /** Resolves when the spares are ready. */
  openIsolates(options: Omit<IsolateEngineOptions, 'otherCpuMs'>): Promise<void> {
    const otherCpuMs = (): number => (typeof this.#wasm === 'string' ? 0 : this.#wasm.cpuMs);
    this.#isolates = new IsolateEngine({ ...options, otherCpuMs });
    return this.#isolates.fill();
  }

  /** Begins a start on the engine the spec is for; undefined when this cell does not have the code. Pair with `drop`. */
  start(
    { spec, wasm }: KnownStart,
    bytes: Buffer,
    { watcher, isNew, anew }: StartWatch,
  ): Promise<Started> | Started | undefined {
    if (wasm !== undefined) {
      const engine = this.#wasm;
      if (typeof engine === 'string')
        return Promise.reject(new StartFailure({ kind: 'crashed', message: engine }));
      return engine.startNow(wasm, watcher) ?? engine.start(wasm, watcher);
    }
    const { head, apart = false } = spec;
    const engine = this.#isolates;
    if (engine === undefined) return undefined;
    const code = this.#code.take(spec, bytes);
    if (code === undefined) return undefined;
    const order = { ...code, head, limits: spec, apart };
    const again: Again = {
      may: isNew,
      start: (messages) => anew(messages, engine.start(order, watcher)),
    };
    try {
      return engine.startNow(order, watcher, again) ?? engine.start(order, watcher);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** An instance of this code is no more, or never was. */
  drop(codeId: string): void {
    this.#code.drop(codeId);
  }

  close(): void {
    this.#isolates?.close();
    if (typeof this.#wasm !== 'string') this.#wasm.close();
  }
}
