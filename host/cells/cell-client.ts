import { Channel } from '#runtime/channel.ts';
import {
  Frame,
  longestFromCell,
  parseEnd,
  type CellConfig,
  type CellReport,
  type EndReport,
  type GoneReason,
  type LoadedReport,
  type NotLoadedReport,
} from '#runtime/frames.ts';
import { IdTable } from '#runtime/id-table.ts';
import type { CellProcess } from './process.ts';
import { parseCellReport, parseLoaded, parseNotLoaded } from './reports.ts';

/** One invocation as a cell answers it. */
export interface Resident {
  line(letter: string, json: string, bytes: Buffer): void;
  ended(end: EndReport): void;
  /** The guest never saw it: start it elsewhere. */
  returned(): void;
  /** The cell is gone. */
  lost(): void;
}

/** What an instance is started from. */
export interface StartOrder {
  readonly codeId: string;
  /** JSON of StartSpec. */
  readonly text: string;
}

/** One instance as a cell answers for it. */
export interface Tenant {
  loaded(report: LoadedReport): void;
  notLoaded(report: NotLoadedReport): void;
  gone(reason: GoneReason): void;
  log(json: string): void;
  /** The cell is gone. */
  lost(): void;
}

export interface CellEvents {
  ready(): void;
  /** No more guests here: stuck or out of memory. */
  condemned(why: string): void;
  /** The process ended or broke the protocol. Tenants have been told, residents will be. */
  closed(why: string): void;
}

/** Numbers on a channel are u32 and never used twice: a cell is replaced long before they run out. */
const lastNumber = 3_000_000_000;

const noReport: CellReport = {
  rssBytes: 0,
  warmBytes: 0,
  instances: 0,
  spares: 0,
  disposed: 0,
  evictions: { idle: 0, full: 0, replaced: 0, unhealthy: 0 },
};

/** The host's end of one cell. Everything that comes from it is treated as hostile. */
export class CellClient {
  readonly pid: number;
  readonly cordon: string;
  readonly #process: CellProcess;
  readonly #channel: Channel;
  readonly #events: CellEvents;
  readonly #residents: IdTable<Resident> = new IdTable();
  readonly #tenants: Map<number, Tenant> = new Map();
  /** Code the cell has: how many tenants use it. It drops code with its last instance. */
  readonly #codes: Map<string, number> = new Map();
  readonly #codeOf: Map<number, string> = new Map();
  readonly #compiles: Map<number, (cache: Uint8Array | undefined) => void> = new Map();
  #next = 1;
  state: 'starting' | 'ready' | 'draining' | 'dead' = 'starting';
  report: CellReport = noReport;
  /** When a frame came last, performance.now(). */
  heardAt: number = performance.now();

  constructor(process: CellProcess, cordon: string, events: CellEvents) {
    this.#process = process;
    this.#events = events;
    this.pid = process.pid;
    this.cordon = cordon;
    this.#channel = new Channel(process.pipe, longestFromCell, {
      frame: (type, id, text, bytes) => this.#frame(type, id, text, bytes),
      turn: () => {
        this.heardAt = performance.now();
      },
      // What one turn read is seldom all that came. Not for a call that is alone: it would wait for nobody.
      lingers: () => this.#residents.size > 1,
      closed: (problem) => this.#closed(problem),
    });
  }

  get inFlight(): number {
    return this.#residents.size;
  }

  get instances(): number {
    return this.#tenants.size;
  }

  /** True when it should be replaced at leisure. */
  get worn(): boolean {
    return this.#next > lastNumber;
  }

  configure(config: CellConfig, bundle: Uint8Array): void {
    this.#channel.send(Frame.Configure, 0, JSON.stringify(config), bundle);
  }

  /**
   * Starts an instance and gives its number. `code` is sent when the cell has not got it. When the cell is dead the
   * tenant hears that it is lost, in a later turn.
   */
  load({ codeId, text }: StartOrder, code: Uint8Array, tenant: Tenant): number {
    const number = this.#next++;
    if (this.state === 'dead') {
      setImmediate(() => tenant.lost());
      return number;
    }
    this.#tenants.set(number, tenant);
    const users = this.#codes.get(codeId) ?? 0;
    const known = users > 0;
    this.#codes.set(codeId, users + 1);
    this.#codeOf.set(number, codeId);
    this.#channel.send(Frame.Load, number, text, known ? undefined : code);
    return number;
  }

  /** A number for an invocation. When the cell is dead the resident hears that it is lost, in a later turn. */
  take(resident: Resident): number {
    const number = this.#next++;
    if (this.state === 'dead') {
      setImmediate(() => resident.lost());
      return number;
    }
    this.#residents.add(number, resident);
    return number;
  }

  begin(number: number, instance: number, message: string, bytes?: Uint8Array): void {
    this.#channel.send(Frame.Begin, number, `${instance}\n${message}`, bytes);
  }

  message(number: number, message: string, bytes?: Uint8Array): void {
    this.#channel.send(Frame.Message, number, message, bytes);
  }

  /** Ends an invocation from this side; its resident hears nothing more. */
  drop(number: number): void {
    if (this.#residents.take(number) !== undefined) this.#channel.send(Frame.Drop, number, '');
  }

  retire(instance: number, reason: GoneReason): void {
    this.#channel.send(Frame.Retire, instance, reason);
  }

  /** V8's code cache, or undefined when the source does not compile or the cell died of it. */
  compile(kind: 'script' | 'module', source: string): Promise<Uint8Array | undefined> {
    if (this.state === 'dead') return Promise.resolve(undefined);
    const number = this.#next++;
    this.#channel.send(Frame.Compile, number, kind, Buffer.from(source));
    return new Promise((resolve) => {
      this.#compiles.set(number, resolve);
    });
  }

  ping(): void {
    this.#channel.send(Frame.Ping, 0, '');
  }

  kill(): void {
    this.#process.kill();
    this.#closed('killed by the host');
  }

  #frame(type: number, id: number, text: string, bytes: Buffer): void {
    if (this.state === 'dead') return;
    try {
      this.#dispatch(type, id, text, bytes);
    } catch (error) {
      // A cell that does not speak the protocol is a cell that is no longer ours.
      this.#process.kill();
      this.#closed(`protocol: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #dispatch(type: number, id: number, text: string, bytes: Buffer): void {
    switch (type) {
      case Frame.Line:
        this.#residents.get(id)?.line(text[0] ?? '', text.slice(1), bytes);
        return;
      case Frame.Answered: {
        const cut = text.indexOf('\n');
        const end = parseEnd(text, cut);
        // Taken out only when the line was one: else it is told with the others that the cell is gone.
        this.#residents.get(id)?.line('A', text.slice(cut + 1), bytes);
        this.#residents.take(id)?.ended(end);
        return;
      }
      case Frame.Ended: {
        const end = parseEnd(text);
        this.#residents.take(id)?.ended(end);
        return;
      }
      case Frame.Returned:
        this.#residents.take(id)?.returned();
        return;
      case Frame.Loaded:
        this.#tenants.get(id)?.loaded(parseLoaded(text));
        return;
      case Frame.NotLoaded: {
        const report = parseNotLoaded(text);
        const codeId = this.#codeOf.get(id);
        const tenant = this.#leave(id);
        // Our count of who has the code and the cell's differ for a moment after a failed start: send it next time.
        if (report.needCode === true && codeId !== undefined) this.#codes.delete(codeId);
        tenant?.notLoaded(report);
        return;
      }
      case Frame.Gone: {
        const tenant = this.#leave(id);
        tenant?.gone(text as GoneReason);
        return;
      }
      case Frame.TopLevelLog:
        this.#tenants.get(id)?.log(text);
        return;
      case Frame.Compiled:
        this.#compiles.get(id)?.(text === '' ? new Uint8Array(bytes) : undefined);
        this.#compiles.delete(id);
        return;
      case Frame.Pong:
        this.report = parseCellReport(text);
        return;
      case Frame.Ready:
        if (this.state === 'starting') this.state = 'ready';
        this.#events.ready();
        return;
      case Frame.Condemned:
        if (this.state !== 'draining') this.#events.condemned(text.slice(0, 200));
        return;
      default:
        throw new TypeError(`frame type ${type}`);
    }
  }

  /** A tenant that is no more, and its share in the code. */
  #leave(number: number): Tenant | undefined {
    const tenant = this.#tenants.get(number);
    const codeId = this.#codeOf.get(number);
    this.#tenants.delete(number);
    this.#codeOf.delete(number);
    if (codeId === undefined) return tenant;
    const users = (this.#codes.get(codeId) ?? 1) - 1;
    if (users > 0) this.#codes.set(codeId, users);
    else this.#codes.delete(codeId);
    return tenant;
  }

  #closed(problem: string | undefined): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#process.kill();
    this.#channel.close();
    const residents = this.#residents.values();
    const tenants = [...this.#tenants.values()];
    const compiles = [...this.#compiles.values()];
    this.#residents.clear();
    this.#tenants.clear();
    this.#compiles.clear();
    // First the instances, so that nobody counts on them; then whoever replaces the cell; then those who go there.
    for (const tenant of tenants) tenant.lost();
    const words = this.#process.lastWords();
    this.#events.closed([problem ?? 'it ended', words].filter((part) => part !== '').join('; '));
    for (const resolve of compiles) resolve(undefined);
    for (const resident of residents) resident.lost();
  }
}
