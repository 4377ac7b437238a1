import { directEntry, directRow } from '#runtime/guest/protocol.ts';
import { toArgument, type Sandbox } from './bootstrap.ts';
import type { Watchdog, Watched } from './watchdog.ts';

/** What waits to be handed to a guest. */
export interface Message {
  readonly invocation: number;
  readonly text: string;
  readonly bytes: Uint8Array | undefined;
  /** It may share an entry with others of its kind: a request without bytes. */
  readonly plain: boolean;
  /** Called when it was worked on. */
  readonly taken?: (() => void) | undefined;
}

/** What an entry came to. */
export interface Ran {
  /** CPU as the system counts it, in ms. */
  readonly usedMs: number;
  /** V8 stopped it, the isolate is gone, or a rejection that nobody handled: of whatever value. */
  readonly failure?: { readonly error: unknown };
}

/** What runs for less than this is charged by the clock, in ms. */
const shortMs = 1;
const longestOrphanMs = 100;

/** The ways into an isolate: over its own thread, or at once on this one. */
export class Entries {
  readonly #sandbox: Sandbox;
  readonly #watchdog: Watchdog;
  readonly #timeoutMs: number;

  /** `timeoutMs`: wall clock that one message's entry may take. */
  constructor(sandbox: Sandbox, watchdog: Watchdog, timeoutMs: number) {
    this.#sandbox = sandbox;
    this.#watchdog = watchdog;
    this.#timeoutMs = timeoutMs;
  }

  /** An entry for each message on the isolate's thread; only the last one's end is awaited, and its error told. */
  each(watched: Watched, batch: readonly Message[]): Promise<Ran> {
    return this.#watch(watched, () => {
      const now = performance.timeOrigin + performance.now();
      const options = { timeout: this.#timeoutMs };
      const last = batch.length - 1;
      const { deliver } = this.#sandbox;
      for (let i = 0; i < last; i++) deliver.applyIgnored(undefined, argumentsOf(batch[i], 1, now), options);
      return deliver.apply(undefined, argumentsOf(batch[last], 0, now), options);
    });
  }

  /** Several requests in one entry (guest/protocol.ts, `more` 2). */
  row(watched: Watched, batch: readonly Message[]): Promise<Ran> {
    return this.#watch(watched, () => {
      const { deliver } = this.#sandbox;
      return deliver.apply(undefined, rowOf(batch, 2), { timeout: this.#rowTimeout(batch) });
    });
  }

  /** One message on this thread, ended after so many ms of wall clock. */
  oneHere(message: Message, timeoutMs: number = this.#timeoutMs): Ran {
    const now = performance.timeOrigin + performance.now();
    return this.#here(argumentsOf(message, directEntry, now), timeoutMs);
  }

  /** Several requests in one entry on this thread. */
  rowHere(batch: readonly Message[]): Ran {
    return this.#here(rowOf(batch, directRow), this.#rowTimeout(batch));
  }

  async #watch(watched: Watched, enter: () => Promise<unknown>): Promise<Ran> {
    this.#watchdog.enter(watched);
    try {
      await enter();
    } catch (error) {
      return { usedMs: this.#watchdog.leave(watched), failure: { error } };
    }
    return { usedMs: this.#watchdog.leave(watched) };
  }

  #here(args: unknown[], timeout: number): Ran {
    const began = performance.now();
    const before = process.threadCpuUsage();
    const used = (): number => {
      const wallMs = performance.now() - began;
      if (wallMs < shortMs) return wallMs;
      const { user, system } = process.threadCpuUsage(before);
      return Math.min(wallMs, (user + system) / 1000);
    };
    try {
      this.#sandbox.deliver.applySync(undefined, args, { timeout });
    } catch (error) {
      return { usedMs: used(), failure: { error } };
    }
    return { usedMs: used() };
  }

  #rowTimeout(batch: readonly Message[]): number {
    return this.#timeoutMs + 2 * batch.length;
  }
}

/** Wall clock an entry may take: generous, since waiting for a core is nobody's guilt. */
export function entryTimeoutMs(cpuMs: number): number {
  return cpuMs * 8 + 400;
}

/** CPU an invocation may take after it was dropped, in ms: little, whatever its budget; more where others would be lost with it. */
export function orphanBudgetMs(cpuMs: number, others: number): number {
  const budgetMs = Math.min(cpuMs, longestOrphanMs);
  return others > 0 ? entryTimeoutMs(budgetMs) : budgetMs + 10;
}

function rowOf(batch: readonly Message[], more: number): unknown[] {
  const text = batch.map((message) => message.text).join('\n');
  return [text, undefined, more, performance.timeOrigin + performance.now()];
}

function argumentsOf(message: Message | undefined, more: number, now: number): unknown[] {
  const bytes = message?.bytes === undefined ? undefined : toArgument(message.bytes);
  return [message?.text ?? '[]', bytes, more, now];
}
