import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { HostError } from '#runtime/errors.ts';
import type { WasmProgram } from '#runtime/deployment.ts';
import { runCompiler, type CompileBounds, type CompileEnd } from './wasm-process.ts';

export interface WasmCompilerOptions {
  readonly bounds?: Partial<CompileBounds>;
  /** Bytes of the longest module that is given to a process at all. */
  readonly mostModuleBytes?: number;
  /** Compiling processes at once. Default 1, from four cores on 2. */
  readonly atOnce?: number;
}

export interface AddonInfo {
  /** Names all that compiled code depends on; hex. */
  readonly engineHash: string;
  readonly sourceHash: string;
}

/** Ruby, the largest module of use there is, takes 25 s of CPU and 1 GB. */
const defaultBounds: CompileBounds = { wallMs: 120_000, cpuMs: 120_000, memoryBytes: 2 * 2 ** 30 };
const describeMs = 30_000;

/** Compiles modules, each in a process of its own that may die of it. */
export class WasmCompiler {
  readonly #bounds: CompileBounds;
  readonly #mostModuleBytes: number;
  readonly #atOnce: number;
  readonly #closing: AbortController = new AbortController();
  readonly #queue: (() => void)[] = [];
  #running = 0;
  #count = 0;
  #addon: Promise<AddonInfo> | undefined;

  constructor(options: WasmCompilerOptions = {}) {
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#mostModuleBytes = options.mostModuleBytes ?? 64 * 2 ** 20;
    this.#atOnce = options.atOnce ?? (availableParallelism() < 4 ? 1 : 2);
  }

  /** Which addon there is; asked of a process once. Rejects with HostError ERR_NO_WASM that says what is missing. */
  addon(): Promise<AddonInfo> {
    if (this.#addon !== undefined) return this.#addon;
    const asked = this.#describe();
    this.#addon = asked;
    asked.catch(() => {
      // It may be built while the host runs.
      if (this.#addon === asked) this.#addon = undefined;
    });
    return asked;
  }

  /**
   * Compiles a module to a file of mode 0600, which is there whole or not at all. `name` is the function's, for messages.
   * Rejects with HostError ERR_BUILD (malformed, unsupported, or imports that nothing satisfies), ERR_DEPLOY_TOO_LARGE,
   * ERR_DEPLOY_FAILED (it took too long, too much memory, or the compiler died of it), ERR_NO_WASM or ERR_CLOSING.
   */
  async compile(name: string, module: Uint8Array, path: string): Promise<WasmProgram['guest']> {
    if (module.length > this.#mostModuleBytes) {
      throw new HostError(
        'ERR_DEPLOY_TOO_LARGE',
        `Cannot deploy "${name}": its module is ${module.length} bytes, at most ${this.#mostModuleBytes} are compiled; strip it`,
      );
    }
    await this.#turn();
    const temporary = `${path}.${process.pid}.${++this.#count}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      const end = await this.#run(module, file);
      if (end.kind !== 'made') return this.#refuse(name, end);
      await rename(temporary, path);
      return end.guest;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      this.#release();
    }
  }

  /** Kills what is being compiled; what waits is refused. */
  close(): void {
    this.#closing.abort();
  }

  async #run(module: Uint8Array, file: FileHandle): Promise<CompileEnd> {
    try {
      const end = await runCompiler({
        module,
        artifact: file.fd,
        bounds: this.#bounds,
        signal: this.#closing.signal,
      });
      if (end.kind !== 'made') return end;
      await file.sync();
      const { size } = await file.stat();
      return size === end.bytes ? end : { kind: 'died', words: `it wrote ${size} of ${end.bytes} bytes` };
    } finally {
      await file.close();
    }
  }

  /** Waits until fewer than `atOnce` run. */
  async #turn(): Promise<void> {
    if (this.#running < this.#atOnce) this.#running++;
    else {
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    }
    if (!this.#closing.signal.aborted) return;
    this.#release();
    throw closing();
  }

  /** Hands the place to whoever waits. */
  #release(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  async #describe(): Promise<AddonInfo> {
    const bounds = { ...this.#bounds, wallMs: describeMs };
    const end = await runCompiler({ bounds, signal: this.#closing.signal });
    if (end.kind === 'addon') return end;
    if (this.#closing.signal.aborted) throw closing();
    if (end.kind === 'absent') throw new HostError('ERR_NO_WASM', `Cannot run WebAssembly: ${end.reason}`);
    const words = end.kind === 'died' ? end.words : end.kind;
    throw new HostError(
      'ERR_NO_WASM',
      `Cannot run WebAssembly: the addon does not start (${words}); see \`islet doctor\``,
    );
  }

  #refuse(name: string, end: Exclude<CompileEnd, { readonly kind: 'made' }>): never {
    if (this.#closing.signal.aborted) throw closing();
    switch (end.kind) {
      case 'refused': {
        const needs = end.missing.map((entry) => `\n  ${entry}`).join('');
        const why = needs === '' ? end.message : `it imports what nothing here provides:${needs}`;
        throw new HostError('ERR_BUILD', `Cannot build "${name}": ${why}`);
      }
      case 'exceeded':
        throw new HostError(
          'ERR_DEPLOY_FAILED',
          `Cannot deploy "${name}": ${this.#describeLimit(end.limit)}`,
        );
      case 'absent':
        throw new HostError('ERR_NO_WASM', `Cannot deploy "${name}": ${end.reason}`);
      case 'addon':
      case 'died': {
        const words = end.kind === 'died' && end.words !== '' ? ` (${lastLine(end.words)})` : '';
        throw new HostError(
          'ERR_DEPLOY_FAILED',
          `Cannot deploy "${name}": the compiler died of its module${words}; check it with wasm-tools validate`,
        );
      }
    }
  }

  #describeLimit(limit: 'wall' | 'cpu' | 'memory'): string {
    const { wallMs, cpuMs, memoryBytes } = this.#bounds;
    if (limit === 'memory')
      return `compiling its module takes more than ${Math.round(memoryBytes / 2 ** 20)} MB; split its largest functions`;
    const took = limit === 'cpu' ? `${cpuMs} ms of CPU` : `${wallMs} ms`;
    return `compiling its module takes more than ${took}; strip it or split its largest functions`;
  }
}

function closing(): HostError {
  return new HostError('ERR_CLOSING', 'Cannot compile: this host is closing; open another');
}

function lastLine(words: string): string {
  return words.slice(words.lastIndexOf('\n') + 1);
}
