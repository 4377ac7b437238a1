import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

/** Makes V8's code cache of a source; undefined when it cannot. */
export type Compiler = (kind: 'script' | 'module', source: string) => Promise<Uint8Array | undefined>;

/**
 * V8's code caches on disk, made only by the cell that compiles, never taken from anybody. They are machine code: the
 * folder is 0700 and the files 0600, and each name carries V8's version, the machine and the hash of the source.
 */
export class CodeCache {
  readonly #folder: string;
  readonly #compile: Compiler;
  readonly #making: Map<string, Promise<Uint8Array | undefined>> = new Map();

  constructor(folder: string, compile: Compiler) {
    this.#folder = folder;
    this.#compile = compile;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** What is on disk, or undefined. */
  async find(kind: 'script' | 'module', source: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await readFile(this.#path(kind, source));
      const sum = bytes.subarray(0, 32);
      const cache = bytes.subarray(32);
      if (createHash('sha256').update(cache).digest().equals(sum)) return cache;
    } catch {
      // Not there, or not readable: as good as not there.
    }
    return undefined;
  }

  /** From disk, or made now and kept. Never rejects: without a cache a start is slower, no more. */
  async make(kind: 'script' | 'module', source: string): Promise<Uint8Array | undefined> {
    const found = await this.find(kind, source);
    if (found !== undefined) return found;
    const path = this.#path(kind, source);
    const running = this.#making.get(path);
    if (running !== undefined) return running;
    const made = this.#write(path, kind, source)
      .catch(() => undefined)
      .finally(() => this.#making.delete(path));
    this.#making.set(path, made);
    return made;
  }

  async #write(path: string, kind: 'script' | 'module', source: string): Promise<Uint8Array | undefined> {
    const cache = await this.#compile(kind, source);
    if (cache === undefined || cache.length === 0) return undefined;
    const temporary = `${path}.${process.pid}`;
    try {
      const sum = createHash('sha256').update(cache).digest();
      await writeFile(temporary, Buffer.concat([sum, cache]), { mode: 0o600 });
      await rename(temporary, path);
    } catch {
      // A full disk costs speed, not the function.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
    return cache;
  }

  #path(kind: string, source: string): string {
    const hash = createHash('sha256').update(source).digest('hex').slice(0, 32);
    return join(this.#folder, `${process.versions.v8}-${process.arch}-${kind}-${hash}.bin`);
  }
}
