import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
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
  readonly #unnamed: Set<string> = new Set();

  constructor(folder: string, compile: Compiler) {
    this.#folder = folder;
    this.#compile = compile;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** What is on disk, or undefined. `name`: a hash that names the source; default: its own. */
  async find(kind: 'script' | 'module', source: string, name?: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await readFile(this.#path(kind, source, name));
      const sum = bytes.subarray(0, 32);
      const cache = bytes.subarray(32);
      if (createHash('sha256').update(cache).digest().equals(sum)) return cache;
    } catch {
      // Not there, or not readable: as good as not there.
    }
    return undefined;
  }

  /** From disk, or made now and kept. Never rejects: without a cache a start is slower, no more. */
  async make(kind: 'script' | 'module', source: string, name?: string): Promise<Uint8Array | undefined> {
    const found = await this.find(kind, source, name);
    if (found !== undefined) return found;
    const path = this.#path(kind, source, name);
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

  /**
   * Removes caches of other V8s and machines, and of sources that are not among `names`, older than `graceMs`. Those this
   * process has asked for by no name (the guest bundle) stay. Never rejects.
   */
  async prune(names: ReadonlySet<string>, graceMs: number): Promise<void> {
    const kept = new Set([...names].map((name) => fileName('module', name)));
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (kept.has(name) || this.#unnamed.has(name) || !/\.bin(?:\.\d+)?$/.test(name)) continue;
      const path = join(this.#folder, name);
      const info = await stat(path).catch(() => undefined);
      if (info !== undefined && Date.now() - info.ctimeMs >= graceMs)
        await rm(path, { force: true }).catch(() => undefined);
    }
  }

  #path(kind: 'script' | 'module', source: string, name: string | undefined): string {
    const file = fileName(kind, name ?? createHash('sha256').update(source).digest('hex'));
    if (name === undefined) this.#unnamed.add(file);
    return join(this.#folder, file);
  }
}

function fileName(kind: 'script' | 'module', name: string): string {
  return `${process.versions.v8}-${process.arch}-${kind}-${name.slice(0, 32)}.bin`;
}
