import { createTable, quote } from './primordials.ts';
import { describe } from './thrown.ts';
import { write } from './output.ts';
import { Out } from './protocol.ts';
import { abortSignal, createAbortSignal, createDomException } from './web/index.ts';

/** Something that lives at most as long as its invocation. */
export interface Resource {
  /** The invocation is over; the reason is what waiting guest code gets. Writes no lines. */
  drop(reason: Error): void;
}

/** A body on its way in: what the engine's messages do to it. */
export interface Incoming extends Resource {
  chunk(bytes: Uint8Array): void;
  end(): void;
  /** A message and, where there is one, a code. */
  fail(message: unknown, code: unknown): void;
}

/** A body on its way out. */
export interface Outgoing extends Resource {
  credit(bytes: number): void;
  cancel(): void;
  /** Also with whatever a guest aborted its operation with. */
  drop(reason: unknown): void;
}

/** An operation that waits for its answer. */
export interface Waiting extends Resource {
  succeed(value: unknown, bytes: Uint8Array | undefined, body: boolean): void;
  fail(error: unknown): void;
}

export interface Timer extends Resource {
  /** Runs the callback; a timer that does not repeat is gone before. */
  fire(): void;
}

const live = createTable<Invocation>();
/** The last that began, while it lives: not in the table, which most never see. Its rising numbers make that slow (bench: warm). */
let newest: Invocation | undefined;
const waitingForQuiet = createTable<Invocation>();
let alive = 0;

/** The invocation whose message is being worked on; undefined at the top level. */
export let current: Invocation | undefined;

export function enter(invocation: Invocation | undefined): void {
  current = invocation;
}

export function findInvocation(number: number): Invocation | undefined {
  return newest?.number === number ? newest : live[number];
}

function enlist(invocation: Invocation): void {
  if (newest !== undefined) live[newest.number] = newest;
  newest = invocation;
  alive++;
}

/** No invocation is alive, so nobody can add a line. */
export function allOver(): boolean {
  return alive === 0;
}

/** The entry's microtasks seem to be done: answers that wait for an empty event loop may go. */
export function settleQuiet(): void {
  for (const number in waitingForQuiet) waitingForQuiet[number]?.settleWhenQuiet();
}

/** One log line of the current invocation, or of none. */
export function log(level: string, text: string): void {
  const json = `[${quote(level)},${quote(text)}]`;
  if (current === undefined) write(`${Out.Log}0 ${json}`);
  else current.emit(Out.Log, json);
}

/** Everything the bootstrap holds for one invocation. It is over when answered and every waitUntil has settled. */
export class Invocation {
  readonly number: number;
  readonly id: string;
  readonly deadline: number;
  over = false;
  /** Timers and operations under way. */
  activity = 0;
  #incoming: Record<number, Incoming> | undefined;
  #outgoing: Record<number, Outgoing> | undefined;
  #operations: Record<number, Waiting> | undefined;
  #timers: Record<number, Timer> | undefined;
  #nextOperation = 2;
  #answered = false;
  #pending = 0;
  #aborted = false;
  #signal: AbortSignal | undefined;
  #whenQuiet: (() => void) | undefined;

  constructor(number: number, id: string, deadline: number) {
    this.number = number;
    this.id = id;
    this.deadline = deadline;
    enlist(this);
  }

  // Each table is made by the first look at it.

  get incoming(): Record<number, Incoming> {
    return (this.#incoming ??= createTable());
  }

  get outgoing(): Record<number, Outgoing> {
    return (this.#outgoing ??= createTable());
  }

  get operations(): Record<number, Waiting> {
    return (this.#operations ??= createTable());
  }

  get timers(): Record<number, Timer> {
    return (this.#timers ??= createTable());
  }

  /** Writes one line, unless the invocation is over. */
  emit(letter: string, json: string): void {
    if (!this.over) write(`${letter}${this.number} ${json}`);
  }

  nextOperation(): number {
    const number = this.#nextOperation;
    this.#nextOperation += 2;
    return number;
  }

  /** Keeps the invocation alive until the value has settled (`ctx.waitUntil`); a rejection is logged. */
  waitUntil(value: unknown): void {
    if (this.over) return;
    this.#pending++;
    void this.#settle(value);
  }

  /** Whether nothing keeps it alive but the answer. */
  get idle(): boolean {
    return this.#pending === 0;
  }

  /** The answer is complete. `last` was written with the `A` line, so no `D` follows. */
  complete(last = false): void {
    if (this.over || this.#answered) return;
    this.#answered = true;
    if (this.#pending > 0) return;
    this.#finish(last);
  }

  /** `request.signal`, made when first asked for. */
  signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = createAbortSignal();
      if (this.#aborted) abortSignal(this.#signal, clientGone());
    }
    return this.#signal;
  }

  /** The caller went away. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    if (this.#signal !== undefined) abortSignal(this.#signal, clientGone());
  }

  /** The engine says it is over: nothing more is sent, what waits is told. */
  drop(): void {
    if (this.over) return;
    this.#end();
    this.abort();
  }

  /** Runs `then` once no timer and no operation is left (Lambda's empty event loop). */
  onQuiet(then: () => void): void {
    this.#whenQuiet = then;
    waitingForQuiet[this.number] = this;
  }

  settleWhenQuiet(): void {
    if (this.activity > 0 || this.#whenQuiet === undefined) return;
    delete waitingForQuiet[this.number];
    const then = this.#whenQuiet;
    this.#whenQuiet = undefined;
    then();
  }

  async #settle(value: unknown): Promise<void> {
    try {
      await value;
    } catch (thrown) {
      const { name, message, stack } = describe(thrown);
      const text = stack === '' ? `${name}: ${message}` : stack;
      this.emit(Out.Log, `["error",${quote(`Uncaught in waitUntil: ${text}`)}]`);
    }
    this.#pending--;
    if (this.#pending === 0 && this.#answered && !this.over) this.#finish(false);
  }

  /** Timers end with the invocation; the lines go before the last one. */
  clearTimers(): void {
    if (this.#timers === undefined) return;
    for (const timer in this.#timers) this.emit(Out.ClearTimer, `[${timer}]`);
  }

  #finish(last: boolean): void {
    if (!last) {
      this.clearTimers();
      this.emit(Out.Done, '[]');
    }
    this.#end();
  }

  #end(): void {
    this.over = true;
    alive--;
    if (newest === this) newest = undefined;
    else delete live[this.number];
    if (this.#whenQuiet !== undefined) delete waitingForQuiet[this.number];
    dropAll(this.#incoming);
    dropAll(this.#outgoing);
    dropAll(this.#operations);
    dropAll(this.#timers);
  }
}

function dropAll(table: Record<number, Resource> | undefined): void {
  if (table === undefined) return;
  let reason: Error | undefined;
  for (const key in table) {
    reason ??= createDomException(
      'The invocation ended before this was done; await it, or hand it to ctx.waitUntil',
      'AbortError',
    );
    table[key]?.drop(reason);
  }
}

function clientGone(): Error {
  return createDomException('The client went away', 'AbortError');
}
