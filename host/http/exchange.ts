import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Body, Dispatch, Handle, RequestCall, Sink } from '#host/call.ts';
import type { Target } from '#host/registry.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Connection, Pending, Remedy } from './connection.ts';
import { errorAnswer, outcomeRefusal, unusableAnswer } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import { BodyFeed, discardBody } from './request-body.ts';
import { toResponseHead } from './response-head.ts';

/** What all exchanges of one gateway share. */
export interface Shared {
  readonly dispatch: Dispatch;
  closing: boolean;
}

/** `waiting` for a head, `streaming` a body, `answered`: nothing more goes out, `gone`: nobody is there to read it. */
type State = 'waiting' | 'streaming' | 'answered' | 'gone';

/** One request and its response: the Sink of its call. Lives from the request's head to `done`. */
export class Exchange implements Sink, Pending {
  readonly #shared: Shared;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  #state: State = 'waiting';
  #handle: Handle | undefined;
  /** What the dispatch called before `start` returned a Handle; the id is not known until then. */
  #early: (() => void)[] | undefined;
  #earlyCredit = 0;
  #feed: BodyFeed | undefined;
  readonly #hasBody: boolean;
  /** A client that waits for `100 Continue` is told to go on when its body is wanted. */
  #expectsContinue: boolean;
  #unsent = 0;
  /** Bytes a sized stream still owes; -1 when it is chunked. */
  #owed = -1;

  constructor(
    shared: Shared,
    wire: { request: IncomingMessage; response: ServerResponse; connection: Connection },
    body: { present: boolean; expectsContinue: boolean },
  ) {
    this.#shared = shared;
    this.#request = wire.request;
    this.#response = wire.response;
    this.#connection = wire.connection;
    this.#hasBody = body.present;
    this.#expectsContinue = body.expectsContinue;
    wire.connection.add(this);
  }

  /** Tells a waiting client to send its body. */
  proceed(): void {
    if (!this.#expectsContinue || this.#state !== 'waiting') return;
    this.#expectsContinue = false;
    this.#response.writeContinue();
  }

  /** `sink`: who takes the answer, and hands on to this one what is for it. */
  start(target: Target, call: RequestCall, sink: Sink = this): void {
    if (this.#state === 'gone') return;
    const handle = this.#shared.dispatch.start(target, call, sink);
    this.#handle = handle;
    if (call.streamed) this.#feed = new BodyFeed(this.#request, handle, this.#earlyCredit);
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    for (const step of early) step();
  }

  /** Of the call, once it was started. */
  get handle(): Handle | undefined {
    return this.#handle;
  }

  /** The connection is somebody else's from now on; false when it is gone or was answered. */
  leave(): boolean {
    if (this.#state !== 'waiting') return false;
    this.#answered();
    return true;
  }

  /** Answers in the guest's place, before a call was started or instead of its unusable answer. */
  refuse(refusal: Refusal, id: string): void {
    if (this.#state !== 'waiting') return;
    const answer = errorAnswer(refusal, id);
    if (this.#connection.closesAfter(this, this.#shared.closing)) answer.headers.push('connection', 'close');
    this.#response.writeHead(answer.status, answer.headers);
    if (this.#request.method === 'HEAD') this.#response.end();
    else this.#response.end(answer.text);
    this.#answered();
    if (this.#hasBody && this.#feed === undefined && !this.#expectsContinue) discardBody(this.#request);
  }

  head(status: number, headers: readonly string[], body: Body): void {
    const handle = this.#handle;
    if (handle === undefined) return this.#defer(() => this.head(status, headers, body));
    if (this.#state !== 'waiting') return;
    const { id } = handle;
    const head = toResponseHead({ id, method: this.#request.method ?? 'GET', status, headers, body });
    if (head === undefined) {
      this.refuse(unusableAnswer, id);
      if (body.kind === 'stream') handle.abort();
      return;
    }
    const response = this.#response;
    if (this.#connection.closesAfter(this, this.#shared.closing)) head.headers.push('connection', 'close');
    response.writeHead(status, head.headers);
    if (body.kind === 'stream' && head.hasBody) {
      this.#state = 'streaming';
      this.#owed = head.contentLength;
      response.flushHeaders();
      return;
    }
    if (body.kind === 'stream') handle.discard();
    if (!head.hasBody || body.kind === 'none' || body.kind === 'stream') response.end();
    else if (body.kind === 'bytes') response.end(body.bytes);
    else response.end(head.ascii ? body.text : Buffer.from(body.text));
    this.#answered();
  }

  chunk(bytes: Uint8Array): void {
    if (this.#handle === undefined) return this.#defer(() => this.chunk(bytes));
    if (this.#state === 'gone' || bytes.length === 0) return;
    if (this.#state !== 'streaming') return this.#handle.consumed(bytes.length);
    if (this.#owed >= 0 && !this.#pay(bytes.length)) return;
    if (this.#response.write(bytes)) return this.#handle.consumed(bytes.length);
    if (this.#unsent === 0) this.#response.once('drain', () => this.#drained());
    this.#unsent += bytes.length;
  }

  end(): void {
    if (this.#handle === undefined) return this.#defer(() => this.end());
    if (this.#state !== 'streaming') return;
    if (this.#owed > 0) return this.#breakOff();
    this.#response.end();
    this.#answered();
  }

  wants(bytes: number): void {
    this.proceed();
    if (this.#feed === undefined) this.#earlyCredit += bytes;
    else this.#feed.grant(bytes);
  }

  done(outcome: Outcome): void {
    const handle = this.#handle;
    if (handle === undefined) return this.#defer(() => this.done(outcome));
    if (this.#state === 'waiting') this.refuse(outcomeRefusal(outcome), handle.id);
    else if (this.#state === 'streaming') this.#breakOff();
    this.#feed?.discard();
    if (this.#feed !== undefined) this.#connection.delete(this);
  }

  /** The socket closed: the call is told, unless only its answer's delivery was left. */
  gone(): void {
    const before = this.#state;
    if (before === 'gone') return;
    this.#state = 'gone';
    if (before === 'waiting' || before === 'streaming') this.#handle?.abort();
    else if (this.#feed?.complete === false) this.#handle?.fail('the client closed the connection');
  }

  broken(): Remedy {
    if (this.#state === 'answered') return 'refuse';
    if (this.#request.complete) {
      this.#connection.close();
      return 'wait';
    }
    const inTurn = this.#state === 'waiting' && this.#connection.pending[0] === this;
    this.gone();
    return inTurn ? 'refuse' : 'destroy';
  }

  #defer(step: () => void): void {
    this.#early ??= [];
    this.#early.push(step);
  }

  /** Nothing more goes out. A body still coming in keeps the exchange on its connection until `done`. */
  #answered(): void {
    this.#state = 'answered';
    if (this.#feed === undefined || this.#feed.complete) this.#connection.delete(this);
  }

  /** A body longer than its content-length would run into the next response: the connection ends instead. */
  #pay(bytes: number): boolean {
    this.#owed -= bytes;
    if (this.#owed >= 0) return true;
    this.#breakOff();
    this.#handle?.abort();
    return false;
  }

  /** The client must see that the body is not whole. HTTP/1.0 has no chunks to miss: there it takes a reset. */
  #breakOff(): void {
    if (this.#request.httpVersionMinor === 0) this.#request.socket.resetAndDestroy();
    else this.#response.destroy();
    this.#answered();
  }

  #drained(): void {
    const sent = this.#unsent;
    this.#unsent = 0;
    if (this.#state !== 'gone') this.#handle?.consumed(sent);
  }
}
