import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { HostError } from '#runtime/errors.ts';
import type { WasmProgram } from '#runtime/deployment.ts';
import { Places } from './wasm-places.ts';
import { runCompiler, type CompileBounds, type CompileEnd } from './wasm-process.ts';

export interface WasmCompilerOptions {
  /** What the largest module may take; smaller ones may take less, by `boundsOf`. */
  readonly bounds?: Partial<CompileBounds>;
  /** Bytes of the longest module that is given to a process at all. */
  readonly mostModuleBytes?: number;
  /** Compiling processes at once, beside one more for modules of up to 1 MiB. Default 1, from four cores on 2. */
  readonly atOnce?: number;
}

export interface CompileRequest {
  /** The function's, for messages. */
  readonly name: string;
  readonly module: Uint8Array;
  /** Where the artifact goes. */
  readonly path: string;
  /** Aborts when nobody wants it any more: its place is free at once. */
  readonly signal?: AbortSignal;
}

export interface AddonInfo {
  /** Names all that compiled code depends on; hex. */
  readonly engineHash: string;
  readonly sourceHash: string;
}

/** Ruby, the largest module of use there is (29 MB), takes 25 s of CPU and 1 GB. */
const defaultBounds: CompileBounds = { wallMs: 120_000, cpuMs: 120_000, memoryBytes: 2 * 2 ** 30 };
const describeMs = 30_000;
/** Modules up to this size never wait behind larger ones. */
const smallBytes = 2 ** 20;

/**
 * What compiling a module of this size may take: so much, and so much more for each MB. Real modules take 0.3 to 1 s of
 * CPU a MB; a small one that takes long was made for it, and is not to have a place for as long as Ruby needs one.
 */
function boundsOf(moduleBytes: number, most: CompileBounds): CompileBounds {
  const mb = moduleBytes / 2 ** 20;
  const cpuMs = Math.min(most.cpuMs, 5000 + mb * 2000);
  return {
    cpuMs,
    // Calls come first: on a busy machine it gets a third of a core, or less.
    wallMs: Math.min(most.wallMs, cpuMs * 4),
    memoryBytes: Math.min(most.memoryBytes, (512 + mb * 32) * 2 ** 20),
  };
}

/** Compiles modules, each in a process of its own that may die of it. */
export class WasmCompiler {
  readonly #bounds: CompileBounds;
  readonly #mostModuleBytes: number;
  readonly #places: Places;
  readonly #closing: AbortController = new AbortController();
  #count = 0;
  #addon: Promise<AddonInfo> | undefined;

  constructor(options: WasmCompilerOptions = {}) {
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#mostModuleBytes = options.mostModuleBytes ?? 64 * 2 ** 20;
    this.#places = new Places({ any: options.atOnce ?? (availableParallelism() < 4 ? 1 : 2), small: 1 });
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
   * Compiles a module to a file of mode 0600, which is there whole or not at all. Rejects with HostError ERR_BUILD
   * (malformed, unsupported, or imports that nothing satisfies), ERR_DEPLOY_TOO_LARGE, ERR_DEPLOY_FAILED (it took too
   * long, too much memory, or the compiler died of it), ERR_NO_WASM or ERR_CLOSING; with the signal's reason when that
   * aborts.
   */
  async compile({ name, module, path, signal }: CompileRequest): Promise<WasmProgram['guest']> {
    if (module.length > this.#mostModuleBytes) {
      throw new HostError(
        'ERR_DEPLOY_TOO_LARGE',
        `Cannot deploy "${name}": its module is ${module.length} bytes, at most ${this.#mostModuleBytes} are compiled; strip it`,
      );
    }
    const place = await this.#places.take(module.length <= smallBytes, signal);
    try {
      if (this.#closing.signal.aborted) throw closing();
      return await this.#compile({ name, module, path, ...(signal === undefined ? {} : { signal }) });
    } finally {
      this.#places.give(place);
    }
  }

  /** Kills what is being compiled; what waits is refused. */
  close(): void {
    this.#closing.abort();
  }

  async #compile({ name, module, path, signal }: CompileRequest): Promise<WasmProgram['guest']> {
    const temporary = `${path}.${process.pid}.${++this.#count}.tmp`;
    const bounds = boundsOf(module.length, this.#bounds);
    try {
      const file = await open(temporary, 'wx', 0o600);
      const end = await this.#run({ module, bounds, file, signal });
      if (end.kind !== 'made') {
        if (this.#closing.signal.aborted) throw closing();
        signal?.throwIfAborted();
        throw refusal(name, end, bounds);
      }
      await rename(temporary, path);
      return end.guest;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async #run({ module, bounds, file, signal }: Run): Promise<CompileEnd> {
    const own = this.#closing.signal;
    try {
      const end = await runCompiler({
        module,
        artifact: file.fd,
        bounds,
        signal: signal === undefined ? own : AbortSignal.any([own, signal]),
      });
      if (end.kind !== 'made') return end;
      await file.sync();
      const { size } = await file.stat();
      return size === end.bytes ? end : { kind: 'died', words: `it wrote ${size} of ${end.bytes} bytes` };
    } finally {
      await file.close();
    }
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
}

interface Run {
  readonly module: Uint8Array;
  readonly bounds: CompileBounds;
  readonly file: FileHandle;
  readonly signal: AbortSignal | undefined;
}

type Failure = Exclude<CompileEnd, { readonly kind: 'made' }>;

function refusal(name: string, end: Failure, bounds: CompileBounds): HostError {
  switch (end.kind) {
    case 'refused': {
      const needs = end.missing.map((entry) => `\n  ${entry}`).join('');
      const why = needs === '' ? end.message : `it imports what nothing here provides:${needs}`;
      return new HostError('ERR_BUILD', `Cannot build "${name}": ${why}`);
    }
    case 'exceeded':
      return new HostError(
        'ERR_DEPLOY_FAILED',
        `Cannot deploy "${name}": ${describeLimit(end.limit, bounds)}`,
      );
    case 'absent':
      return new HostError('ERR_NO_WASM', `Cannot deploy "${name}": ${end.reason}`);
    case 'addon':
    case 'died': {
      const words = end.kind === 'died' && end.words !== '' ? ` (${lastLine(end.words)})` : '';
      return new HostError(
        'ERR_DEPLOY_FAILED',
        `Cannot deploy "${name}": the compiler died of its module${words}; check it with wasm-tools validate`,
      );
    }
  }
}

function describeLimit(limit: keyof typeof unitOf, bounds: CompileBounds): string {
  return `compiling its module takes more than ${unitOf[limit](bounds)}; strip it or split its largest functions`;
}

const unitOf = {
  cpu: ({ cpuMs }: CompileBounds): string => `${Math.round(cpuMs)} ms of CPU, for its size`,
  wall: ({ wallMs }: CompileBounds): string => `${Math.round(wallMs)} ms, for its size`,
  memory: ({ memoryBytes }: CompileBounds): string => `${Math.round(memoryBytes / 2 ** 20)} MB, for its size`,
};

function closing(): HostError {
  return new HostError('ERR_CLOSING', 'Cannot compile: this host is closing; open another');
}

function lastLine(words: string): string {
  return words.slice(words.lastIndexOf('\n') + 1);
}
