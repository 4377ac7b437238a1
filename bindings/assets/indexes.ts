import type { AssetsHead } from '#runtime/deployment.ts';
import { Index } from './lookup.ts';
import { decodeList } from './list.ts';
import type { Parts } from './parts.ts';

/** Versions whose lists of files are in memory at once. */
const mostKept = 100;

/** Lists of files, read at their first use. */
export class Indexes {
  readonly #parts: Parts;
  readonly #kept: Map<string, Index | Promise<Index>> = new Map();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** At once where it is in memory. Rejects with HostError ERR_NO_VERSION when it is gone. */
  of(name: string, { hash }: AssetsHead): Index | Promise<Index> {
    const key = `${name}/${hash}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const loading = this.#load(name, hash).then(
      (index) => {
        if (this.#kept.get(key) === loading) this.#kept.set(key, index);
        return index;
      },
      (error: unknown) => {
        this.#kept.delete(key);
        throw error;
      },
    );
    this.#kept.set(key, loading);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostKept) break;
      this.#kept.delete(oldest);
    }
    return loading;
  }

  async #load(name: string, hash: string): Promise<Index> {
    return new Index(name, decodeList(await this.#parts.whole(name, hash)));
  }
}
