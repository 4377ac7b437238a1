import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Body, Handle, RequestCall, Sink } from '#host/call.ts';
import type { Target } from '#host/registry.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Connection } from './connection.ts';
import { errorAnswer, outcomeRefusal, unusableAnswer } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import type { Shared } from './exchange.ts';
import { httpDate } from './http-date.ts';
import { toLines, toResponseLines } from './response-head.ts';

/** The connection a plain request came on. */
export interface PlainWire {
  readonly socket: Socket;
  readonly connection: Connection;
  /** Written in each answer that is not the last: the second line of keep-alive. */
  readonly keepAliveSeconds: number;
  /** Bytes came behind the request that is under way. */
  readonly hasMore: boolean;
  /** The exchange that is under way from now on. */
  begin(exchange: PlainExchange): void;
  /** Its answer is written, or broken off; `last`: nothing may follow it. */
  answered(last: boolean): void;
}

/** `waiting` for a head, `streaming` a body, `answered`: nothing more goes out, `gone`: nobody is there to read it. */
type State = 'waiting' | 'streaming' | 'answered' | 'gone';

/**
 * One plain request and its response: the Sink of its call. The counterpart of `Exchange` for a request whose body is
 * here and whose answer is written to the socket as it is, without node:http between.
 */
export class PlainExchange implements Sink {
  readonly #shared: Shared;
  readonly #wire: PlainWire;
  readonly #method: string;
  #last: boolean;
  #state: State = 'waiting';
  #handle: Handle | undefined;
  /** What the dispatch called before `start` returned a Handle; the id is not known until then. */
  #early: (() => void)[] | undefined;
  #unsent = 0;
  /** Bytes a sized stream still owes; -1 when it is chunked. */
  #owed = -1;

  constructor(shared: Shared, wire: PlainWire, request: { method: string; last: boolean }) {
    this.#shared = shared;
    this.#wire = wire;
    this.#method = request.method;
    this.#last = request.last;
  }

  get connection(): Connection {
    return this.#wire.connection;
  }

  start(target: Target, call: RequestCall): void {
    this.#handle = this.#shared.dispatch.start(target, call, this);
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    for (const step of early) step();
  }

  /** Answers in the guest's place, before a call was started or instead of its unusable answer. */
  refuse(refusal: Refusal, id: string): void {
    if (this.#state !== 'waiting') return;
    const { status, headers, text } = errorAnswer(refusal, id);
    const head = this.#toHead(status, toLines(headers), { dated: false, more: '' });
    this.#wire.socket.write(this.#method === 'HEAD' ? head : head + text, 'utf8');
    this.#answered();
  }

  head(status: number, headers: readonly string[], body: Body): void {
    const handle = this.#handle;
    if (handle === undefined) return this.#defer(() => this.head(status, headers, body));
    if (this.#state !== 'waiting') return;
    const head = toResponseLines({ method: this.#method, status, headers, body });
    if (head === undefined) {
      this.refuse(unusableAnswer, handle.id);
      if (body.kind === 'stream') handle.abort();
      return;
    }
    const { contentLength } = head;
    const streams = body.kind === 'stream' && head.hasBody;
    let lines = `x-islet-id: ${handle.id}\r\n${head.lines}`;
    if (contentLength >= 0) lines += `content-length: ${contentLength}\r\n`;
    const more = streams && contentLength < 0 ? 'Transfer-Encoding: chunked\r\n' : '';
    const text = this.#toHead(status, lines, { dated: head.dated, more });
    if (streams) {
      this.#state = 'streaming';
      this.#owed = contentLength;
      this.#wire.socket.write(text, 'latin1');
      return;
    }
    if (body.kind === 'stream') handle.discard();
    this.#send(text, head.hasBody ? body : noBody, head);
    this.#answered();
  }

  chunk(bytes: Uint8Array): void {
    const handle = this.#handle;
    if (handle === undefined) return this.#defer(() => this.chunk(bytes));
    if (this.#state === 'gone' || bytes.length === 0) return;
    if (this.#state !== 'streaming') return handle.consumed(bytes.length);
    const { socket } = this.#wire;
    if (this.#owed < 0) {
      socket.cork();
      socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
      socket.write(bytes);
      socket.write('\r\n', 'latin1');
      socket.uncork();
    } else {
      if (!this.#pay(bytes.length)) return;
      socket.write(bytes);
    }
    if (socket.writableNeedDrain) this.#unsent += bytes.length;
    else handle.consumed(bytes.length);
  }

  end(): void {
    if (this.#handle === undefined) return this.#defer(() => this.end());
    if (this.#state !== 'streaming') return;
    if (this.#owed > 0) return this.#breakOff();
    if (this.#owed < 0) this.#wire.socket.write('0\r\n\r\n', 'latin1');
    this.#answered();
  }

  wants(): void {}

  done(outcome: Outcome): void {
    const handle = this.#handle;
    if (handle === undefined) return this.#defer(() => this.done(outcome));
    if (this.#state === 'waiting') this.refuse(outcomeRefusal(outcome), handle.id);
    else if (this.#state === 'streaming') this.#breakOff();
  }

  /** The socket took what was written. */
  drained(): void {
    const sent = this.#unsent;
    this.#unsent = 0;
    if (sent > 0 && this.#state !== 'gone') this.#handle?.consumed(sent);
  }

  /** The socket closed: the call is told, unless its answer was written. */
  gone(): void {
    const before = this.#state;
    this.#state = 'gone';
    if (before === 'waiting' || before === 'streaming') this.#handle?.abort();
  }

  /** The head as node:http would write it: `lines`, the date, what becomes of the connection, `more`. */
  #toHead(status: number, lines: string, { dated, more }: { dated: boolean; more: string }): string {
    const { hasMore, keepAliveSeconds } = this.#wire;
    if (this.#shared.closing && !hasMore) this.#last = true;
    if (!this.#last && !dated)
      return `${statusLine(status)}${lines}${stayingLines(keepAliveSeconds)}${more}\r\n`;
    const date = dated ? '' : `Date: ${httpDate()}\r\n`;
    const stays = this.#last ? 'Connection: close\r\n' : keepAliveLines(keepAliveSeconds);
    return `${statusLine(status)}${lines}${date}${stays}${more}\r\n`;
  }

  #send(head: string, body: Body, { ascii, contentLength }: { ascii: boolean; contentLength: number }): void {
    const { socket } = this.#wire;
    if (body.kind === 'text' && ascii) {
      socket.write(head + body.text, body.text.length === contentLength ? 'latin1' : 'utf8');
      return;
    }
    if (body.kind === 'none' || body.kind === 'stream') {
      socket.write(head, 'latin1');
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    if (body.kind === 'bytes') socket.write(body.bytes);
    else socket.write(body.text, 'utf8');
    socket.uncork();
  }

  #defer(step: () => void): void {
    this.#early ??= [];
    this.#early.push(step);
  }

  #answered(): void {
    this.#state = 'answered';
    this.#wire.answered(this.#last);
  }

  /** A body longer than its content-length would run into the next response: the connection ends instead. */
  #pay(bytes: number): boolean {
    this.#owed -= bytes;
    if (this.#owed >= 0) return true;
    this.#breakOff();
    this.#handle?.abort();
    return false;
  }

  /** The client must see that the body is not whole. */
  #breakOff(): void {
    this.#state = 'answered';
    this.#wire.socket.destroy();
  }
}

const noBody: Body = { kind: 'none' };

const statusLines: Record<number, string> = {};

function statusLine(status: number): string {
  return (statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`);
}

function keepAliveLines(seconds: number): string {
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`;
}

let staying = { date: '', seconds: 0, text: '' };

/** Date and keep-alive of an answer that others may follow; made once a second. */
function stayingLines(seconds: number): string {
  const date = httpDate();
  if (staying.date !== date || staying.seconds !== seconds)
    staying = { date, seconds, text: `Date: ${date}\r\n${keepAliveLines(seconds)}` };
  return staying.text;
}
