import type { Answer, Attachment, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import type { Credentials } from '#runtime/caller.ts';
import { HostError } from '#runtime/errors.ts';
import { CalleeError, type Origin } from '#runtime/functions.ts';
import { In } from '#runtime/guest/protocol.ts';
import { IncomingStream, OutgoingStream, type GuestLine } from './streams.ts';

export interface OperationsOwner extends GuestLine {
  readonly id: string;
  readonly subrequests: number;
  readonly origin: Origin;
  /** Absent for events. */
  readonly request: Credentials | undefined;
  /** The attachment behind `env[name]`; "" is the runtime itself. */
  attachment(name: string): Pick<Attachment, 'grant'> | undefined;
  /** Asked when there are too many: true when those that are over do not count any more. */
  renews(): boolean;
  exceeded(): void;
  /** A text without the function's secrets. */
  redact(text: string): string;
  /** A binding failed in a way the guest must not see. */
  failed(error: unknown, what: string): void;
}

/** The binding operations of one invocation: its grants, their streams, and the count against `subrequests`. */
export class Operations {
  readonly #owner: OperationsOwner;
  /** To the guest; says nothing once these operations are closed, since the invocation may be elsewhere by then. */
  readonly #guest: GuestLine;
  readonly #abort = new AbortController();
  readonly #grants: Map<string, Grant> = new Map();
  readonly #incoming: Map<number, IncomingStream> = new Map();
  readonly #outgoing: Map<number, OutgoingStream> = new Map();
  /** Operations the guest no longer waits for. */
  readonly #killed: Set<number> = new Set();
  /** For each operation under way what aborts its signal, once somebody asked for that. */
  readonly #aborts: Map<number, AbortController | undefined> = new Map();
  /** Those that count against `subrequests`. */
  #count = 0;
  /** Those before the last message of a WebSocket. */
  #total = 0;

  constructor(owner: OperationsOwner) {
    this.#owner = owner;
    this.#guest = {
      send: (kind, rest, bytes) => {
        if (!this.#abort.signal.aborted) owner.send(kind, rest, bytes);
      },
    };
  }

  /** All there were. */
  get count(): number {
    return this.#total + this.#count;
  }

  /** An `O` line: [op, binding, method, args, off, len, streamed]. */
  start(line: readonly unknown[], bytes: Uint8Array): void {
    const [op, binding, method, args, , len, streamed] = line;
    if (!isOperationNumber(op) || typeof binding !== 'string' || typeof method !== 'string')
      throw new TypeError('operation');
    if (this.#aborts.has(op)) throw new TypeError(`operation ${op} is under way`);
    this.#count++;
    if (this.#count > this.#owner.subrequests && this.#owner.renews()) this.renew(1);
    if (this.#count > this.#owner.subrequests) return this.#owner.exceeded();
    this.#aborts.set(op, undefined);
    const operation = new Asked(method, args, () => this.#signal(op));
    if (typeof len === 'number' && len >= 0) operation.bytes = bytes;
    if (streamed === 1) operation.stream = this.#open(op);
    const asked = { op, what: `${binding === '' ? 'fetch' : binding}.${method}` };
    let answer: Answer | Promise<Answer>;
    try {
      answer = this.#grant(binding).call(operation);
    } catch (error) {
      this.#refuse(asked, error);
      return this.#finished(op);
    }
    if (answer instanceof Promise || answer.stream !== undefined) void this.#run(asked, answer);
    else this.#answer(asked, answer);
  }

  /** A message came over the invocation's WebSocket: what is over does not count any more. `more`: begun just now. */
  renew(more: number = 0): void {
    const left = this.#aborts.size + more;
    this.#total += this.#count - left;
    this.#count = left;
  }

  chunk(stream: number, bytes: Uint8Array): void {
    this.#incoming.get(stream)?.push(bytes);
  }

  end(stream: number): void {
    this.#incoming.get(stream)?.end();
    this.#incoming.delete(stream);
  }

  fail(stream: number, message: string): void {
    this.#incoming.get(stream)?.fail(message);
    this.#incoming.delete(stream);
  }

  credit(stream: number, bytes: number): void {
    this.#outgoing.get(stream)?.grant(bytes);
  }

  cancel(stream: number): void {
    this.#outgoing.get(stream)?.cancel();
  }

  kill(op: number): void {
    if (!this.#aborts.has(op)) return;
    this.#killed.add(op);
    this.#aborts.get(op)?.abort();
    this.fail(op, 'The guest gave the operation up');
    this.cancel(op + 1);
  }

  /** The invocation is over: everything under way is told to stop. */
  close(): void {
    this.#abort.abort();
    for (const abort of this.#aborts.values()) abort?.abort();
    for (const stream of this.#incoming.values()) stream.fail('The invocation is over');
    for (const stream of this.#outgoing.values()) stream.cancel();
  }

  #open(op: number): IncomingStream {
    const stream = new IncomingStream(this.#guest, op);
    this.#incoming.set(op, stream);
    return stream;
  }

  /** What was at hand: it is answered in the turn in which it was asked for. */
  #answer(asked: AskedFor, answer: Answer): void {
    try {
      this.#send(asked.op, answer);
    } catch (error) {
      this.#owner.failed(error, asked.what);
    }
    this.#finished(asked.op);
  }

  async #run(asked: AskedFor, answering: Answer | Promise<Answer>): Promise<void> {
    try {
      await this.#perform(asked, answering);
    } catch (error) {
      this.#owner.failed(error, asked.what);
    } finally {
      this.#finished(asked.op);
    }
  }

  async #perform(asked: AskedFor, answering: Answer | Promise<Answer>): Promise<void> {
    const { op } = asked;
    let answer: Answer;
    try {
      answer = await answering;
    } catch (error) {
      return this.#refuse(asked, error);
    }
    if (this.#abort.signal.aborted || this.#killed.has(op)) {
      await answer.stream?.[Symbol.asyncIterator]().return?.();
      return;
    }
    this.#send(op, answer);
    const { stream } = answer;
    if (stream === undefined) return;
    const outgoing = new OutgoingStream(this.#guest, op + 1);
    this.#outgoing.set(op + 1, outgoing);
    await outgoing.run(stream);
  }

  #send(op: number, { value, bytes, stream }: Answer): void {
    const head = `${op},1,${JSON.stringify(value ?? null)},0,${bytes?.length ?? -1}`;
    this.#guest.send(In.Answer, `${head},${stream === undefined ? 0 : 1}`, bytes);
  }

  /** What is not read of its body by now is not going to be. */
  #finished(op: number): void {
    this.#incoming.get(op)?.discard();
    this.#incoming.delete(op);
    this.#outgoing.delete(op + 1);
    this.#aborts.delete(op);
    this.#killed.delete(op);
  }

  #signal(op: number): AbortSignal {
    const known = this.#aborts.get(op);
    if (known !== undefined) return known.signal;
    const abort = new AbortController();
    if (this.#aborts.has(op)) this.#aborts.set(op, abort);
    if (!this.#aborts.has(op) || this.#killed.has(op) || this.#abort.signal.aborted) abort.abort();
    return abort.signal;
  }

  #grant(name: string): Grant {
    const known = this.#grants.get(name);
    if (known !== undefined) return known;
    const attachment = this.#owner.attachment(name);
    if (attachment === undefined) throw new TypeError(`There is no binding ${JSON.stringify(name)}`);
    const { id, origin, request } = this.#owner;
    const context: GrantContext = {
      invocationId: id,
      signal: this.#abort.signal,
      origin,
      ...(request === undefined ? {} : { request }),
    };
    const grant = attachment.grant(context);
    this.#grants.set(name, grant);
    return grant;
  }

  #refuse({ op, what }: AskedFor, error: unknown): void {
    if (this.#abort.signal.aborted || this.#killed.has(op)) return;
    this.#guest.send(In.Answer, `${op},0,${JSON.stringify(this.#describe(error, what))},0,-1,0`);
  }

  #describe(error: unknown, what: string): object {
    const message = this.#owner.redact(error instanceof Error ? error.message : '');
    if (error instanceof HostError) return { name: 'Error', message, code: error.code };
    if (error instanceof CalleeError) return { name: error.name, message, code: error.code };
    if (error instanceof TypeError || error instanceof RangeError) return { name: error.name, message };
    this.#owner.failed(error, what);
    return { name: 'Error', message: `${what} failed in the host`, code: 'ERR_INTERNAL' };
  }
}

interface AskedFor {
  readonly op: number;
  /** For the log. */
  readonly what: string;
}

class Asked implements Operation {
  readonly method: string;
  readonly args: unknown;
  bytes?: Uint8Array;
  stream?: AsyncIterable<Uint8Array>;
  readonly #signal: () => AbortSignal;

  // Parts of a line, on the hot path.
  constructor(method: string, args: unknown, signal: () => AbortSignal) {
    this.method = method;
    this.args = args;
    this.#signal = signal;
  }

  /** Made when it is asked for: most operations are over before anybody does, and a signal costs 3 us. */
  get signal(): AbortSignal {
    return this.#signal();
  }
}

/** The guest numbers its operations 2, 4, 6 … (runtime/guest/protocol.ts). */
function isOperationNumber(op: unknown): op is number {
  return Number.isSafeInteger(op) && (op as number) >= 2 && (op as number) % 2 === 0;
}
