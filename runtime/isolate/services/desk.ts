import { Handles } from './handles.ts';
import { ServiceError, type ServiceAnswer, type SharedState, type Work } from './service.ts';
import { services } from './table.ts';

/** Who asks and pays: an invocation, or a top level. */
export interface Payer {
  cpuMs: number;
  over: 'cpuMs' | 'logBytes' | undefined;
  /** Made by the first call. */
  tab: Tab | undefined;
}

/** What the desk keeps of a payer. */
export interface Tab {
  /** Settles when what was asked for so far is done; never rejects. */
  last: Promise<unknown> | undefined;
  /** Bytes handed over for calls that are not done yet. */
  waitingBytes: number;
  readonly handles: Handles;
}

export interface DeskOptions<Who extends Payer> {
  /** The CPU budget of a payer, in ms. */
  readonly cpuMs: number;
  /** What services keep for the whole instance, its top level included; default: of this desk alone. */
  readonly shared?: SharedState;
  /** Whether somebody still waits for the answer. */
  isOpen(payer: Who): boolean;
}

/** A call as it came; `bytes` are a copy nobody else writes to. */
export interface Asked {
  readonly method: string;
  readonly args: unknown;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type Reply =
  | { readonly ok: true; readonly value: unknown; readonly bytes: Uint8Array | undefined }
  | {
      readonly ok: false;
      readonly error: { readonly name: string; readonly message: string; readonly code?: string | undefined };
    };

const mostBytes = 32 * 2 ** 20;
const mostWaitingBytes = 64 * 2 ** 20;
/** Of the pool's four threads, what one instance may have at once. */
const mostAtOnce = 2;

/**
 * Does the work a guest's runtime asks of its cell (`table.ts`): charged before it is done, one call after the other for
 * a payer, two at once for an instance, so that neighbours find threads of the pool.
 */
export class ServiceDesk<Who extends Payer = Payer> {
  readonly #options: DeskOptions<Who>;
  readonly #shared: SharedState;
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(options: DeskOptions<Who>) {
    this.#options = options;
    this.#shared = options.shared ?? new Map();
  }

  serves(method: unknown): method is string {
    return typeof method === 'string' && services.has(method);
  }

  /** Answers now where it can, and never rejects; undefined when the payer is gone before. */
  ask(payer: Who, asked: Asked): Reply | Promise<Reply | undefined> {
    const tab = tabOf(payer);
    try {
      const { length } = asked.bytes;
      if (tab.waitingBytes + length > mostWaitingBytes) throw tooMuch();
      const work = this.#take(payer, asked, tab);
      if (tab.last !== undefined || this.#running >= mostAtOnce)
        return this.#later(payer, tab, { work, length });
      const answer = work.run();
      if (!(answer instanceof Promise)) return this.#reply(payer, answer);
      return this.#later(payer, tab, { work: { ...work, run: () => answer }, length });
    } catch (error) {
      return failure(error);
    }
  }

  /**
   * Answers now, whatever else of the payer's is under way; undefined for work that leaves this thread, which is charged
   * and has no answer.
   */
  askAtOnce(payer: Who, asked: Asked): Reply | undefined {
    const tab = tabOf(payer);
    try {
      const answer = this.#take(payer, asked, tab).run();
      if (!(answer instanceof Promise)) return this.#reply(payer, answer);
      answer.catch(() => undefined);
      return undefined;
    } catch (error) {
      return failure(error);
    }
  }

  /** Work that is understood and paid for. Throws ServiceError for what it is not. */
  #take(payer: Payer, asked: Asked, tab: Tab): Work {
    if (asked.bytes.length > mostBytes) throw tooMuch();
    const work = this.#plan(asked, tab);
    if (this.#charge(payer, work.cpuMs)) throw overBudget();
    return work;
  }

  #plan({ method, args, bytes }: Asked, { handles }: Tab): Work {
    const service = services.get(method);
    if (service === undefined || !Array.isArray(args))
      throw new ServiceError('NotSupportedError', 'The cell has no such service');
    return service({ args: args as readonly unknown[], bytes, handles, shared: this.#shared });
  }

  /** True when the budget does not cover it; it is spent then. */
  #charge(payer: Payer, cpuMs: number): boolean {
    payer.cpuMs += cpuMs;
    if (payer.cpuMs <= this.#options.cpuMs) return false;
    payer.over ??= 'cpuMs';
    return true;
  }

  #later(
    payer: Who,
    tab: Tab,
    { work, length }: { readonly work: Work; readonly length: number },
  ): Promise<Reply | undefined> {
    tab.waitingBytes += length;
    const done = this.#run(payer, tab.last, work).finally(() => {
      tab.waitingBytes -= length;
      if (tab.last === done) tab.last = undefined;
    });
    tab.last = done;
    return done;
  }

  async #run(payer: Who, before: Promise<unknown> | undefined, work: Work): Promise<Reply | undefined> {
    if (before !== undefined) await before;
    while (this.#running >= mostAtOnce) await new Promise<void>((free) => this.#waiting.push(free));
    if (!this.#options.isOpen(payer)) {
      this.#waiting.shift()?.();
      return undefined;
    }
    this.#running++;
    try {
      return this.#reply(payer, await work.run());
    } catch (error) {
      return failure(error);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  #reply(payer: Payer, { value, bytes, cpuMs = 0 }: ServiceAnswer): Reply {
    if (bytes !== undefined && bytes.length > mostBytes) throw tooMuch();
    if (cpuMs > 0 && this.#charge(payer, cpuMs)) throw overBudget();
    return { ok: true, value, bytes };
  }
}

function tabOf(payer: Payer): Tab {
  return (payer.tab ??= { last: undefined, waitingBytes: 0, handles: new Handles() });
}

/** The payer is over: what it opened is closed. */
export function closeTab(payer: Payer): void {
  payer.tab?.handles.closeAll();
}

function tooMuch(): ServiceError {
  return new ServiceError('RangeError', 'More than 32 MB at once, or 64 MB waiting; do it in parts');
}

/** The payer's next entry ends it; until then this is what its code sees. */
function overBudget(): ServiceError {
  return new ServiceError('OperationError', 'The CPU budget does not cover it');
}

function failure(error: unknown): Reply {
  if (error instanceof ServiceError) {
    const { name, message, code } = error;
    return { ok: false, error: { name, message, code } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, error: { name: 'OperationError', message } };
}
