import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { WasmCode } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { WasmStart } from '#runtime/frames.ts';
import type { CodeHead } from '../registry.ts';
import { holdsFiles, writeAppFolder } from './app-folder.ts';
import type { WasmCompiler } from './wasm-compiler.ts';
import { pruneWasmFolder, type WasmInUse } from './wasm-prune.ts';

export type WasmHead = Extract<CodeHead, { readonly kind: 'wasm' }>;

/** Whose code, and where it runs. */
export interface WasmTarget {
  readonly function: string;
  readonly cordon: string;
  readonly code: WasmHead;
  /** Reads module and files; asked only when something has to be made. */
  readonly load: () => Promise<WasmCode>;
}

/** Digits of the engine's hash in the names of artifacts. */
const engineDigits = 32;

/**
 * Compiled modules and unpacked files on disk, one folder (0700) for each cordon: `<module>-<engine>.cwasm` (0600) with its
 * SHA-256 in `.sum`, and `app-<files>/`. Artifacts are machine code: made only by the compiling process, compared with their
 * sum before their first use in this process. What is missing, damaged or of another engine is made again.
 */
export class WasmCache {
  readonly #folder: string;
  readonly #compiler: WasmCompiler;
  /** Paths that were made or verified by this process. */
  readonly #good: Set<string> = new Set();
  /** By name, so that cordons do not compile the same module side by side. */
  readonly #making: Map<string, Promise<unknown>> = new Map();
  readonly #given: Set<string> = new Set();
  #engine: string | undefined;
  #count = 0;

  constructor(folder: string, compiler: WasmCompiler) {
    this.#folder = folder;
    this.#compiler = compiler;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Absolute path of a cordon's folder, made if need be. */
  folderOf(cordon: string): string {
    const folder = join(this.#folder, cordon);
    this.#given.add(cordon);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** What to start from, when all of it is there and was verified; reads no file. */
  ready(cordon: string, code: WasmHead): WasmStart | undefined {
    if (this.#engine === undefined) return undefined;
    const start = toStart(code, this.#engine);
    const names = start.folder === undefined ? [start.artifact] : [start.artifact, start.folder];
    const paths = names.map((name) => join(this.#folder, cordon, name));
    return paths.every((path) => this.#good.has(path) && existsSync(path)) ? start : undefined;
  }

  /** The same, after making what is missing. Rejects as WasmCompiler's `addon` and `compile` do, or with what `load` rejects with. */
  async make(target: WasmTarget): Promise<WasmStart> {
    const { engineHash } = await this.#compiler.addon();
    this.#engine = engineHash.slice(0, engineDigits);
    const start = toStart(target.code, this.#engine);
    const folder = this.folderOf(target.cordon);
    const { files } = target.code;
    // One read of the store for both, and none when both are there.
    let reading: Promise<WasmCode> | undefined;
    const load = (): Promise<WasmCode> => (reading ??= target.load());
    await this.#inTurn(start.artifact, () => this.#makeArtifact(target, join(folder, start.artifact), load));
    if (start.folder === undefined || files === undefined) return start;
    const path = join(folder, start.folder);
    await this.#inTurn(path, () => this.#makeFolder(path, files, load));
    return start;
  }

  /** Removes what no version needs, older than `graceMs`. Never rejects. */
  async prune(inUse: readonly WasmInUse[], graceMs: number): Promise<void> {
    const engine = this.#engine;
    const options = { inUse, graceMs, given: this.#given, ...(engine === undefined ? {} : { engine }) };
    await pruneWasmFolder(this.#folder, options).catch(() => undefined);
  }

  /** Whoever asks for the same name waits for those who asked before, and then finds it made. */
  async #inTurn(name: string, make: () => Promise<void>): Promise<void> {
    const before = this.#making.get(name) ?? Promise.resolve();
    const turn = before.then(make);
    const settled = turn.catch(() => undefined);
    this.#making.set(name, settled);
    try {
      await turn;
    } finally {
      if (this.#making.get(name) === settled) this.#making.delete(name);
    }
  }

  async #makeArtifact(target: WasmTarget, path: string, load: () => Promise<WasmCode>): Promise<void> {
    if (this.#good.has(path) && existsSync(path)) return;
    if ((await isWhole(path)) || (await this.#takeFromOther(path))) {
      this.#good.add(path);
      return;
    }
    const { module } = await load();
    const guest = await this.#compiler.compile(target.function, module, path);
    if (guest !== target.code.program.guest) {
      await rm(path, { force: true });
      throw new HostError(
        'ERR_DEPLOY_FAILED',
        `Cannot deploy "${target.function}": its module is a ${guest}`,
      );
    }
    const sum = await sumOf(path);
    await writeFile(`${path}.sum.tmp`, sum, { mode: 0o600 });
    await rename(`${path}.sum.tmp`, `${path}.sum`);
    this.#good.add(path);
  }

  /** Another cordon has it: the same bytes under one more name. */
  async #takeFromOther(path: string): Promise<boolean> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    for (const other of this.#good) {
      if (other === path || !other.endsWith(name) || !(await isWhole(other))) continue;
      for (const ending of ['', '.sum']) {
        await rm(path + ending, { force: true });
        await link(other + ending, path + ending).catch(() => copyFile(other + ending, path + ending));
      }
      return isWhole(path);
    }
    return false;
  }

  async #makeFolder(path: string, hash: string, load: () => Promise<WasmCode>): Promise<void> {
    if (this.#good.has(path) && existsSync(path)) return;
    if (!(await holdsFiles(path, hash))) {
      const { files } = await load();
      await writeAppFolder(path, `${path}.${process.pid}.${++this.#count}.tmp`, files);
    }
    this.#good.add(path);
  }
}

function toStart({ module, files, program }: WasmHead, engine: string): WasmStart {
  return {
    artifact: `${module}-${engine}.cwasm`,
    program,
    ...(files === undefined ? {} : { folder: `app-${files}` }),
  };
}

/** True when the file is what its sum was made of. */
async function isWhole(path: string): Promise<boolean> {
  try {
    return (await readFile(`${path}.sum`, 'utf8')) === (await sumOf(path));
  } catch {
    return false;
  }
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}
