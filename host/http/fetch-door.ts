import type { Body, Dispatch, Handle, RequestCall, Sink } from '#host/call.ts';
import type { Target } from '#host/registry.ts';
import type { Origin } from '#runtime/functions.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { errorResponse, toErrorResponse, unusableAnswer } from './error-answer.ts';
import { isHopByHop } from './hop-by-hop.ts';
import { toResponseHead } from './response-head.ts';

/** No piece handed to a call is longer. */
const pieceBytes = 64 * 1024;
/** What a response may run ahead of its reader. */
const aheadBytes = 64 * 1024;

/**
 * Sends a web Request to a function and gives its Response, both streamed with back-pressure. What the gateway would
 * answer with a coded status is a Response with the same status, code and id. Rejects only with the reason of
 * `request.signal`, and with a TypeError when the request's body was read before. `origin`: what the call is part of.
 */
export async function fetchThrough(
  dispatch: Dispatch,
  target: Target,
  request: Request,
  origin?: Origin,
): Promise<Response> {
  const { signal } = request;
  signal.throwIfAborted();
  if (request.bodyUsed)
    throw new TypeError('Cannot send the request: its body was read already; clone it first');
  return new Promise((resolve, reject) => {
    const sink = new ResponseSink(request.method, resolve);
    const handle = dispatch.start(target, toCall(request, origin), sink);
    const abort = (): void => {
      // The call may end as soon as it is told: the caller's own reason comes first.
      reject(signal.reason as Error);
      sink.fail(signal.reason);
      handle.abort();
    };
    signal.addEventListener('abort', abort, { once: true });
    sink.attach(handle, () => signal.removeEventListener('abort', abort));
    if (request.body !== null) void sink.pump(request.body.getReader());
  });
}

function toCall(request: Request, origin: Origin | undefined): RequestCall {
  const url = new URL(request.url);
  url.hash = '';
  const headers: string[] = [];
  for (const [name, value] of request.headers) {
    const own = name === 'host' || name === 'expect' || name.startsWith('x-islet-') || isHopByHop(name);
    if (!own) headers.push(name, value);
  }
  headers.push('host', url.host);
  const streamed = request.body !== null;
  const { method } = request;
  const call: RequestCall = { kind: 'request', method, url: url.href, headers, streamed, ip: '127.0.0.1' };
  return origin === undefined ? call : { ...call, origin };
}

/** The Sink of one `fetchThrough`: makes a Response of what comes, and a stream of its body. */
class ResponseSink implements Sink {
  readonly #method: string;
  readonly #resolve: (response: Response) => void;
  #handle: Handle | undefined;
  #early: (() => void)[] = [];
  #release: () => void = () => {};
  #answered = false;
  #over = false;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Bytes of the body that its content-length says are still to come. */
  #left = Infinity;
  /** Bytes queued in the response stream that the call has no credit for yet. */
  #unread = 0;
  #credit = 0;
  #wake: (() => void) | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(method: string, resolve: (response: Response) => void) {
    this.#method = method;
    this.#resolve = resolve;
  }

  /** `release` is called once, when the call is over. Steps that came before the Handle did are taken now. */
  attach(handle: Handle, release: () => void): void {
    this.#handle = handle;
    this.#release = release;
    for (const step of this.#early.splice(0)) step();
  }

  head(status: number, headers: readonly string[], body: Body): void {
    const handle = this.#handle;
    if (handle === undefined) return void this.#early.push(() => this.head(status, headers, body));
    if (this.#answered) return;
    this.#answered = true;
    const head = toResponseHead({ id: handle.id, method: this.#method, status, headers, body });
    if (head === undefined) {
      this.#resolve(toErrorResponse(unusableAnswer, handle.id));
      if (body.kind === 'stream') handle.abort();
      return;
    }
    if (head.contentLength >= 0) this.#left = head.contentLength;
    const list = new Headers();
    for (let i = 0; i < head.headers.length; i += 2) list.append(head.headers[i]!, head.headers[i + 1]!);
    const content = head.hasBody ? this.#content(body, handle) : null;
    this.#resolve(new Response(content, { status, headers: list }));
  }

  chunk(bytes: Uint8Array): void {
    const handle = this.#handle;
    if (handle === undefined) return void this.#early.push(() => this.chunk(bytes));
    if (this.#body === undefined) return handle.consumed(bytes.length);
    if (bytes.length === 0) return;
    this.#left -= bytes.length;
    if (this.#left < 0) {
      // Whoever trusts the length reads, and holds, no more than it says.
      this.fail(new TypeError('The response body broke off: it is longer than its content-length'));
      return handle.abort();
    }
    this.#body.enqueue(bytes);
    if ((this.#body.desiredSize ?? 0) > 0) handle.consumed(bytes.length);
    else this.#unread += bytes.length;
  }

  end(): void {
    if (this.#handle === undefined) return void this.#early.push(() => this.end());
    if (this.#left > 0 && this.#left !== Infinity)
      this.fail(new TypeError('The response body broke off: it is shorter than its content-length'));
    this.#body?.close();
    this.#body = undefined;
  }

  wants(bytes: number): void {
    this.#credit += bytes;
    this.#wakeUp();
  }

  done(outcome: Outcome): void {
    const handle = this.#handle;
    if (handle === undefined) return void this.#early.push(() => this.done(outcome));
    this.#over = true;
    this.#wakeUp();
    this.#release();
    // What is left of the request body is not wanted; its source may object, which changes nothing here.
    this.#reader?.cancel().catch(() => {});
    if (!this.#answered) {
      this.#answered = true;
      this.#resolve(errorResponse(outcome, handle.id));
    }
    this.fail(new TypeError('The response body broke off: the function did not finish it'));
  }

  /** Breaks off a response body that is still open. */
  fail(reason: unknown): void {
    this.#body?.error(reason);
    this.#body = undefined;
  }

  /** Passes the request body on as the call asks for it; whoever ends first, the reader is released. */
  async pump(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const handle = this.#handle!;
    this.#reader = reader;
    try {
      for (;;) {
        await this.#wanted();
        const { done, value } = await reader.read();
        if (done) return handle.end();
        for (let at = 0; at < value.length;) {
          await this.#wanted();
          if (this.#over) return;
          const piece = value.subarray(at, at + Math.min(this.#credit, pieceBytes));
          at += piece.length;
          this.#credit -= piece.length;
          handle.write(piece);
        }
      }
    } catch {
      handle.fail('the request body broke off');
    }
  }

  #content(body: Body, handle: Handle): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null {
    if (body.kind === 'none') return null;
    // As bytes: a string would make Response add a content-type the guest did not send.
    if (body.kind === 'text') return new TextEncoder().encode(body.text);
    if (body.kind === 'bytes') return body.bytes as Uint8Array<ArrayBuffer>;
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        this.#body = controller;
      },
      pull: (): void => {
        const read = this.#unread;
        this.#unread = 0;
        if (read > 0) handle.consumed(read);
      },
      cancel: (): void => {
        this.#body = undefined;
        handle.abort();
      },
    };
    return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: aheadBytes }));
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #wanted(): Promise<void> {
    while (this.#credit <= 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
