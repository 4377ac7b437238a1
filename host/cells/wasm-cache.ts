import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import process from 'node:process';
import type { WasmCode } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { WasmStart } from '#runtime/frames.ts';
import type { CodeHead } from '../registry.ts';
import { holdsFiles, writeAppFolder } from './app-folder.ts';
import type { WasmCompiler } from './wasm-compiler.ts';
import { pruneWasmFolder, type WasmInUse } from './wasm-prune.ts';

export type WasmHead = Extract<CodeHead, { readonly kind: 'wasm' }>;

/** Who waits for it. */
export interface WasmCaller {
  /** Aborts when nobody wants it any more: what is being made for it alone is given up. */
  readonly signal?: AbortSignal;
  /** A deployment: it is refused when many of them wait already. A call is not: its function is deployed. */
  readonly deploying?: boolean;
}

/** Whose code, and where it runs. */
export interface WasmTarget extends WasmCaller {
  readonly function: string;
  readonly cordon: string;
  readonly code: WasmHead;
  /** Reads module and files; asked only when something has to be made. */
  readonly load: () => Promise<WasmCode>;
}

interface Known {
  readonly cordon: string;
  readonly start: WasmStart;
  readonly paths: readonly string[];
}

/** Digits of the engine's hash in the names of artifacts. */
const engineDigits = 32;
/** Deployments whose modules are being compiled or wait for that; each holds its module in memory. */
const defaultDeployments = 16;

/**
 * Compiled modules and unpacked files on disk, one folder (0700) for each cordon: `<module>-<engine>.cwasm` (0600) with its
 * SHA-256 in `.sum`, and `app-<files>/`. Artifacts are machine code: made only by the compiling process, compared with their
 * sum before their first use in this process. What is missing, damaged or of another engine is made again.
 */
export class WasmCache {
  readonly #folder: string;
  readonly #compiler: WasmCompiler;
  /** What was ready once, so that a start looks its paths up and puts nothing together. */
  readonly #known: WeakMap<WasmHead, Known> = new WeakMap();
  /** Paths that were made or verified by this process. */
  readonly #good: Set<string> = new Set();
  /** By name, so that cordons do not compile the same module side by side. */
  readonly #making: Map<string, Promise<unknown>> = new Map();
  readonly #given: Set<string> = new Set();
  readonly #mostDeployments: number;
  #engine: string | undefined;
  #count = 0;
  #deployments = 0;

  constructor(folder: string, compiler: WasmCompiler, mostDeployments: number = defaultDeployments) {
    this.#folder = resolve(folder);
    this.#compiler = compiler;
    this.#mostDeployments = mostDeployments;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Absolute path of a cordon's folder, made if need be. */
  folderOf(cordon: string): string {
    const folder = join(this.#folder, cordon);
    this.#given.add(cordon);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** What to start from, when all of it was made or verified by this process; the disk is not asked. */
  ready(cordon: string, code: WasmHead): WasmStart | undefined {
    if (this.#engine === undefined) return undefined;
    let known = this.#known.get(code);
    if (known?.cordon !== cordon) {
      const start = toStart(code, this.#engine);
      known = { cordon, start, paths: this.#pathsOf(cordon, start) };
      this.#known.set(code, known);
    }
    for (const path of known.paths) if (!this.#good.has(path)) return undefined;
    return known.start;
  }

  /** Whether all of it is on disk still; what is not, `make` makes again. */
  isThere(cordon: string, start: WasmStart): boolean {
    return this.#pathsOf(cordon, start).every((path) => existsSync(path));
  }

  /**
   * The same, after making what is missing. Rejects as WasmCompiler's `addon` and `compile` do, with what `load` rejects
   * with, with the signal's reason, or with HostError ERR_DEPLOY_BUSY.
   */
  async make(target: WasmTarget): Promise<WasmStart> {
    const { engineHash } = await this.#compiler.addon();
    this.#engine = engineHash.slice(0, engineDigits);
    const start = toStart(target.code, this.#engine);
    const folder = this.folderOf(target.cordon);
    const { files } = target.code;
    // One read of the store for both, and none when both are there.
    let reading: Promise<WasmCode> | undefined;
    const load = (): Promise<WasmCode> => (reading ??= target.load());
    const path = join(folder, start.artifact);
    await this.#admit(target, path, () =>
      abortable(
        this.#inTurn(start.artifact, () => this.#makeArtifact(target, path, load)),
        target.signal,
      ),
    );
    if (start.folder === undefined || files === undefined) return start;
    const appPath = join(folder, start.folder);
    await this.#inTurn(appPath, () => this.#makeFolder(appPath, files, load));
    return start;
  }

  /** Removes what no version needs, older than `graceMs`. Never rejects. */
  async prune(inUse: readonly WasmInUse[], graceMs: number): Promise<void> {
    const engine = this.#engine;
    const options = { inUse, graceMs, given: this.#given, ...(engine === undefined ? {} : { engine }) };
    await pruneWasmFolder(this.#folder, options).catch(() => undefined);
    for (const path of this.#good) if (!existsSync(path)) this.#good.delete(path);
  }

  #pathsOf(cordon: string, { artifact, folder }: WasmStart): readonly string[] {
    const names = folder === undefined ? [artifact] : [artifact, folder];
    return names.map((name) => `${this.#folder}${sep}${cordon}${sep}${name}`);
  }

  /** Counts the deployments that wait for a compiler; those that find their artifact made do not. */
  async #admit(target: WasmTarget, path: string, make: () => Promise<void>): Promise<void> {
    if (target.deploying !== true || this.#good.has(path)) return await make();
    if (this.#deployments >= this.#mostDeployments) {
      throw new HostError(
        'ERR_DEPLOY_BUSY',
        `Cannot deploy "${target.function}": ${this.#deployments} modules are being compiled or wait for it; deploy again in a moment`,
      );
    }
    this.#deployments++;
    try {
      await make();
    } finally {
      this.#deployments--;
    }
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
    const { signal } = target;
    signal?.throwIfAborted();
    const { module } = await load();
    const request = { name: target.function, module, path, ...(signal === undefined ? {} : { signal }) };
    const guest = await this.#compiler.compile(request);
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

/** Whoever leaves does not wait for others' turns. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason as Error);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
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
