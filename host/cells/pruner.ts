import type { CodeInUse } from '../deploy/deployments.ts';
import type { CodeCache } from './code-cache.ts';
import type { WasmCache } from './wasm-cache.ts';

export interface PrunerOptions {
  readonly codeCache: CodeCache;
  readonly wasmCache: WasmCache;
  /** The code of every version there is. */
  readonly codes: () => readonly CodeInUse[];
}

/** A deployment makes its files before its version is stored: what is younger stays, in ms. */
const graceMs = 60_000;

/** Removes from the code caches what belongs to no version any more. */
export class Pruner {
  readonly #options: PrunerOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  /** At once; files younger than this stay. Never rejects. */
  async run(youngerMs: number = graceMs): Promise<void> {
    const { codeCache, wasmCache } = this.#options;
    const scripts = new Set<string>();
    const modules: { cordon: string; module: string; files: string }[] = [];
    for (const { cordon, code } of this.#options.codes()) {
      if (code.kind === 'script') scripts.add(code.hash);
      else modules.push({ cordon, module: code.module, files: code.hash });
    }
    await codeCache.prune(scripts, youngerMs);
    await wasmCache.prune(modules, youngerMs);
  }

  /** Some versions may have gone: in a while, once for all who say so until then. */
  soon(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.run();
    }, graceMs * 2);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
