import { In, Out, chunkBytes, initialCredit, inlineBytes } from '#runtime/guest/protocol.ts';
import { mostBytes } from './call.ts';
import type { Conversation } from './lines.ts';

/** One call to env[binding], or to the runtime itself when `binding` is "". */
export interface LineRequest {
  readonly binding: string;
  readonly method: string;
  /** Any JSON value. */
  readonly args: unknown;
  readonly bytes: Buffer | undefined;
}

/**
 * One operation of a guest that speaks lines: the request goes to the host as an isolate's would (guest/protocol.ts), a
 * large body as a stream; the answer, gathered whole, becomes one line: `{"ok":value,"bytes":base64?}` or
 * `{"failed":{name,message,code?}}`.
 */
export class LineOperation {
  readonly #conversation: Conversation;
  readonly #number: number;
  readonly #answer: (line: string) => void;
  #outgoing: Buffer | undefined;
  #credit = initialCredit;
  #value: unknown;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #state: 'waiting' | 'gathering' | 'over' = 'waiting';

  /** `number` is even; `answer` is called once. */
  constructor(conversation: Conversation, number: number, answer: (line: string) => void) {
    this.#conversation = conversation;
    this.#number = number;
    this.#answer = answer;
  }

  start({ binding, method, args, bytes }: LineRequest): void {
    const streamed = bytes !== undefined && bytes.length > inlineBytes;
    const inline = streamed ? undefined : bytes;
    const what = `${JSON.stringify(binding)},${JSON.stringify(method)},${JSON.stringify(args ?? null)}`;
    const body = `0,${inline?.length ?? -1},${streamed ? 1 : 0}`;
    this.#conversation.emit(Out.Operation, `[${this.#number},${what},${body}]`, inline);
    if (!streamed) return;
    this.#outgoing = bytes;
    this.#pump();
  }

  /** A message of the host that is no part of the request's body; others than this operation's are ignored. */
  message(message: readonly unknown[], bytes: Uint8Array): void {
    const [kind, , stream] = message;
    if (this.#state === 'over') return;
    if (stream === this.#number && kind === In.Answer) this.#answered(message, bytes);
    else if (stream === this.#number) this.#toSender(kind, message);
    else if (stream === this.#number + 1 && this.#state === 'gathering')
      this.#toReceiver(kind, message, bytes);
  }

  #toSender(kind: unknown, message: readonly unknown[]): void {
    if (kind === In.Cancel) this.#outgoing = undefined;
    if (kind !== In.Credit) return;
    this.#credit += message[3] as number;
    this.#pump();
  }

  /** Sends as much of the body as the host has room for. */
  #pump(): void {
    let left = this.#outgoing;
    while (left !== undefined && left.length > 0 && this.#credit > 0) {
      const length = Math.min(left.length, chunkBytes, this.#credit);
      this.#credit -= length;
      this.#conversation.emit(Out.Chunk, `[${this.#number},0,${length}]`, left.subarray(0, length));
      left = left.subarray(length);
    }
    if (left?.length === 0) this.#conversation.emit(Out.End, `[${this.#number}]`);
    this.#outgoing = left?.length === 0 ? undefined : left;
  }

  #answered(message: readonly unknown[], bytes: Uint8Array): void {
    if (this.#state !== 'waiting') return;
    const [, , , ok, value, , length, streamed] = message;
    if (ok !== 1) return this.#end(JSON.stringify({ failed: value }));
    this.#value = value;
    this.#state = 'gathering';
    if (streamed === 1) return;
    const whole = typeof length === 'number' && length >= 0;
    if (whole) this.#take(bytes);
    if (this.#state === 'gathering') this.#succeed(whole);
  }

  #toReceiver(kind: unknown, message: readonly unknown[], bytes: Uint8Array): void {
    if (kind === In.End) return this.#succeed(true);
    if (kind === In.Fail) return this.#fail('Error', String(message[3]), message[4]);
    if (kind !== In.Chunk) return;
    this.#take(bytes);
    if (this.#state === 'gathering')
      this.#conversation.emit(Out.Credit, `[${this.#number + 1},${bytes.length}]`);
  }

  #take(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > mostBytes) {
      this.#conversation.emit(Out.Cancel, `[${this.#number + 1}]`);
      return this.#fail(
        'RangeError',
        'The answer is larger than 6 MB, the most a function of this kind takes',
      );
    }
    // What the channel delivers is a view of a buffer that is used again.
    this.#pieces.push(Buffer.from(bytes));
  }

  #fail(name: string, message: string, code?: unknown): void {
    this.#end(JSON.stringify({ failed: { name, message, code } }));
  }

  #succeed(withBytes: boolean): void {
    const bytes = withBytes ? `,"bytes":"${Buffer.concat(this.#pieces).toString('base64')}"` : '';
    this.#end(`{"ok":${JSON.stringify(this.#value ?? null)}${bytes}}`);
  }

  #end(line: string): void {
    this.#state = 'over';
    this.#outgoing = undefined;
    this.#pieces = [];
    this.#answer(line);
  }
}
