import { HostError } from '#runtime/errors.ts';
import type { CellConfig } from '#runtime/frames.ts';
import type { CellInfo, HostLogLine } from '../host.ts';
import { CellClient } from './cell-client.ts';
import { openInProcessCell } from './in-process.ts';
import { spawnCell, type CellProcess } from './process.ts';

export interface FleetOptions {
  readonly isolation: 'cells' | 'none';
  /** Cells of one cordon, at the most. */
  readonly cells: number;
  readonly config: Omit<CellConfig, 'compiler' | 'inProcess' | 'cacheBytes' | 'wasmFolder'>;
  /** Folder with a cordon's compiled wasm; absent: cells run none. */
  readonly wasmFolder?: (cordon: string) => string;
  readonly log: (level: HostLogLine['level'], message: string) => void;
}

/** How long the compiling cell waits for more work, in ms. */
const compilerIdleMs = 20_000;
/** A compile that takes longer is given up with its process, in ms. */
const compileMs = 30_000;
const beatMs = 1000;
/**
 * A cell that has work and says nothing for this long is taken for dead, in ms: well over what its own thread may stand
 * still for a guest (runtime/isolate/thread-policy.ts).
 */
const silenceMs = 3000;
/** Disposed isolates leave native memory behind: after this many a cell is replaced at leisure. */
const mostDisposed = 2000;
/** How long a cell that is being replaced may finish its calls, in ms. */
const drainMs = 30_000;

/** All cells: made per cordon, watched, replaced. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #groups: Map<string, CellClient[]> = new Map();
  readonly #held: Map<string, number> = new Map();
  readonly #failures: Map<string, number> = new Map();
  readonly #beat: NodeJS.Timeout;
  #bundle: Uint8Array = new Uint8Array();
  #cacheBytes = 0;
  #compiler: Promise<CellClient> | undefined;
  #compilerTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #checkedAt = performance.now();
  readonly #growing: Set<string> = new Set();
  /** Settles with the first cell: it is ready, or it died before it was. */
  readonly #first: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  /** Called when a cell died and its group has room again. */
  onDeath: (cordon: string) => void = () => undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#beat = setInterval(() => this.#check(), beatMs);
    this.#beat.unref();
    this.#first.promise.catch(() => undefined);
  }

  /**
   * Resolves when a cell is ready for guests. Rejects with HostError ERR_CELL when the first cell ends before it is:
   * this machine, or this installation, runs none.
   */
  ready(): Promise<void> {
    return this.#first.promise;
  }

  /** The guest bundle every new cell gets. */
  setBundle(source: string, cache: Uint8Array | undefined): void {
    this.#bundle = Buffer.concat([Buffer.from(source), cache ?? new Uint8Array()]);
    this.#cacheBytes = cache?.length ?? 0;
  }

  /** Cells of a cordon that take work. */
  cells(cordon: string): readonly CellClient[] {
    return (this.#groups.get(cordon) ?? []).filter(isOpen);
  }

  /** Cordons that have a cell. */
  cordons(): readonly string[] {
    return [...this.#groups.keys()].filter((cordon) => this.cells(cordon).length > 0);
  }

  /** True when a cordon may have one more cell. */
  mayGrow(cordon: string): boolean {
    return this.cells(cordon).length < this.#options.cells;
  }

  /** Starts one more cell of a cordon; resolves as soon as it can be sent work, which it queues until it is ready. */
  async grow(cordon: string): Promise<CellClient> {
    const process = this.#closed ? undefined : await this.#start();
    if (!this.#closed && process !== undefined) return this.#adopt(process, cordon);
    process?.kill();
    throw new HostError('ERR_CLOSING', 'Cannot start a cell: this host is closing; open another');
  }

  /** The same at once; undefined in this process, where the first cell takes a moment to import. */
  growNow(cordon: string): CellClient | undefined {
    if (this.#closed) return undefined;
    try {
      if (this.#options.isolation !== 'none') return this.#adopt(spawnCell(), cordon);
    } catch (error) {
      this.#options.log('error', `Starting a cell: ${String(error)}`);
      return undefined;
    }
    if (!this.#growing.has(cordon)) {
      this.#growing.add(cordon);
      void this.grow(cordon)
        .catch((error: unknown) => this.#options.log('error', `Starting a cell: ${String(error)}`))
        .finally(() => this.#growing.delete(cordon));
    }
    return undefined;
  }

  #adopt(process: CellProcess, cordon: string): CellClient {
    const client: CellClient = new CellClient(process, cordon, {
      ready: () => {
        this.#failures.delete(cordon);
        this.#first.resolve();
      },
      condemned: (why) => this.#condemned(client, why),
      closed: (why) => this.#closedCell(client, why),
    });
    this.#configure(client, false);
    const group = this.#groups.get(cordon) ?? [];
    group.push(client);
    this.#groups.set(cordon, group);
    return client;
  }

  /** Until this is disposed of, `shrink` leaves the cordon alone: a function that is not live yet starts there. */
  hold(cordon: string): Disposable {
    this.#held.set(cordon, (this.#held.get(cordon) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#held.get(cordon) ?? 1) - 1;
        if (left > 0) this.#held.set(cordon, left);
        else this.#held.delete(cordon);
      },
    };
  }

  /** Stops the cells of a cordon that no function uses any more, once they are idle. */
  shrink(cordon: string): void {
    if (this.#held.has(cordon)) return;
    for (const cell of this.cells(cordon)) this.#drain(cell);
  }

  async compile(kind: 'script' | 'module', source: string): Promise<Uint8Array | undefined> {
    if (this.#closed) return undefined;
    const cell = await this.#openCompiler();
    clearTimeout(this.#compilerTimer);
    const late = setTimeout(() => cell.kill(), compileMs);
    try {
      return await cell.compile(kind, source);
    } finally {
      clearTimeout(late);
      this.#compilerTimer = setTimeout(() => this.#closeCompiler(), compilerIdleMs);
      this.#compilerTimer.unref();
    }
  }

  info(): readonly CellInfo[] {
    return [...this.#groups.values()].flat().flatMap((cell) => {
      if (cell.state === 'dead') return [];
      const { report } = cell;
      return [
        {
          pid: cell.pid,
          cordon: cell.cordon,
          state: cell.state,
          instances: report.instances,
          spares: report.spares,
          inFlight: cell.inFlight,
          rssBytes: report.rssBytes,
          warmBytes: report.warmBytes,
          evictions: report.evictions,
        },
      ];
    });
  }

  /** Asks every cell how it is; the answers come within a turn or two. */
  ping(): void {
    for (const cell of [...this.#groups.values()].flat()) if (cell.state !== 'dead') cell.ping();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#beat);
    this.#closeCompiler();
    for (const cell of [...this.#groups.values()].flat()) cell.kill();
    this.#groups.clear();
  }

  async #start(): Promise<CellProcess> {
    return this.#options.isolation === 'none' ? openInProcessCell() : spawnCell();
  }

  #configure(client: CellClient, compiler: boolean): void {
    const inProcess = this.#options.isolation === 'none';
    const cacheBytes = compiler ? 0 : this.#cacheBytes;
    const { config, wasmFolder } = this.#options;
    const wasm = compiler || wasmFolder === undefined ? {} : { wasmFolder: wasmFolder(client.cordon) };
    client.configure(
      { ...config, ...wasm, cacheBytes, compiler, inProcess },
      compiler ? new Uint8Array() : this.#bundle,
    );
  }

  #openCompiler(): Promise<CellClient> {
    if (this.#compiler !== undefined) return this.#compiler;
    const opened: Promise<CellClient> = this.#start().then((process) => {
      const client: CellClient = new CellClient(process, '', {
        ready: () => undefined,
        condemned: () => client.kill(),
        closed: () => {
          if (this.#compiler === opened) this.#compiler = undefined;
        },
      });
      this.#configure(client, true);
      return client;
    });
    this.#compiler = opened;
    opened.catch(() => {
      if (this.#compiler === opened) this.#compiler = undefined;
    });
    return opened;
  }

  #closeCompiler(): void {
    clearTimeout(this.#compilerTimer);
    const compiler = this.#compiler;
    this.#compiler = undefined;
    void compiler?.then(
      (cell) => cell.kill(),
      () => undefined,
    );
  }

  #condemned(cell: CellClient, why: string): void {
    this.#options.log('warn', `cell ${cell.pid} is given up: ${why}`);
    this.#drain(cell, 1000);
  }

  #drain(cell: CellClient, graceMs: number = drainMs): void {
    if (cell.state === 'dead' || cell.state === 'draining') return;
    cell.state = 'draining';
    const until = performance.now() + graceMs;
    const timer = setInterval(() => {
      if (cell.inFlight > 0 && performance.now() < until) return;
      clearInterval(timer);
      cell.kill();
    }, 20);
    this.onDeath(cell.cordon);
  }

  #closedCell(cell: CellClient, why: string): void {
    const group = this.#groups.get(cell.cordon);
    const at = group?.indexOf(cell) ?? -1;
    if (at >= 0) group?.splice(at, 1);
    if (this.#closed || why.startsWith('killed by the host')) return;
    this.#options.log('warn', `cell ${cell.pid} (${cell.cordon}) is gone: ${why}`);
    this.#first.reject(new HostError('ERR_CELL', `Cannot start cells: ${why}; see \`islet doctor\``));
    const failures = (this.#failures.get(cell.cordon) ?? 0) + 1;
    this.#failures.set(cell.cordon, failures);
    // One that dies again and again before it is ready must not spin: wait longer each time, 5 s at the most.
    if (failures <= 2) return this.onDeath(cell.cordon);
    const timer = setTimeout(() => this.onDeath(cell.cordon), Math.min(5000, 2 ** failures * 20));
    timer.unref();
  }

  #check(): void {
    const now = performance.now();
    // When this process itself stood still, what cells have said meanwhile is not read yet.
    const late = now - this.#checkedAt > beatMs * 3;
    this.#checkedAt = now;
    for (const cell of [...this.#groups.values()].flat()) {
      if (cell.state === 'dead') continue;
      cell.ping();
      if (!late && cell.inFlight + cell.instances > 0 && now - cell.heardAt > silenceMs) {
        this.#options.log('warn', `cell ${cell.pid} does not answer`);
        cell.kill();
        this.onDeath(cell.cordon);
        continue;
      }
      if (cell.state === 'ready' && (cell.worn || cell.report.disposed > mostDisposed)) this.#drain(cell);
    }
  }
}

function isOpen(cell: CellClient): boolean {
  return cell.state === 'starting' || cell.state === 'ready';
}
