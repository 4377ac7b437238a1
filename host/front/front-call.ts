import { performance } from 'node:perf_hooks';
import type { Caller } from '#runtime/caller.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Body, Dispatch, Handle, RequestCall, Sink } from '../call.ts';
import type { Target } from '../registry.ts';
import { RequestBody } from './request-body.ts';
import { ResponseBody } from './response-body.ts';

/** An answer given here; `body` is read to its end, or cancelled. */
export interface FrontAnswer {
  readonly status: number;
  /** Flat. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

export interface FrontCallOptions {
  readonly dispatch: Dispatch;
  readonly target: Target;
  readonly call: RequestCall;
  readonly sink: Sink;
  readonly id: string;
  /** It is over here: answered, refused, cancelled, or on its way into the function. */
  readonly left: (call: FrontCall) => void;
}

/**
 * A call that the host looks at before the function does: answered here, or passed on, now or later. What its sender
 * says meanwhile is kept; the sink hears `done` exactly once.
 */
export class FrontCall implements Handle {
  readonly id: string;
  readonly call: RequestCall;
  /** Aborts when the client goes away. */
  readonly abortion: AbortController = new AbortController();
  readonly #options: FrontCallOptions;
  readonly #startedAt: number = performance.now();
  /** Said by the sender before anybody was there to hear it. */
  #early: ((handle: Handle) => void)[] = [];
  #inner: Handle | undefined;
  #request: RequestBody | undefined;
  #response: ResponseBody | undefined;
  #over = false;
  #discarded = false;
  bytesOut = 0;

  constructor(options: FrontCallOptions) {
    this.#options = options;
    this.id = options.id;
    this.call = options.call;
  }

  get over(): boolean {
    return this.#over;
  }

  /** True while an answer without an end, an event stream, is being sent. */
  get endless(): boolean {
    return this.#response?.endless === true;
  }

  /** The function's turn. */
  pass(caller: Caller | null | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const { dispatch, target, call, sink, id, left } = this.#options;
    left(this);
    const inner = dispatch.start(target, { ...call, id, ...(caller === undefined ? {} : { caller }) }, sink);
    this.#inner = inner;
    for (const step of this.#early.splice(0)) step(inner);
  }

  /** The body of the request, for a reader here; bounded. Asked for at most once. */
  requestBody(mostBytes: number): RequestBody {
    const { call, sink } = this.#options;
    const body = new RequestBody({ mostBytes, wants: (bytes) => sink.wants(bytes) });
    this.#request = body;
    if (call.body !== undefined) body.push(call.body);
    if (!call.streamed) body.end();
    for (const step of this.#early.splice(0)) step(this);
    return body;
  }

  /** Answers; resolves when all of it is sent or nobody wants it any more. Rejects when the body breaks off. */
  async answer({ status, headers, body }: FrontAnswer): Promise<void> {
    if (this.#over) return cancel(body);
    const { sink } = this.#options;
    if (body === undefined || body instanceof Uint8Array) {
      const whole: Body = body === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: body };
      this.bytesOut = body?.length ?? 0;
      sink.head(status, headers, whole);
      return this.finish({ kind: 'responded', status });
    }
    const response = new ResponseBody(body, sink, headers);
    this.#response = response;
    sink.head(status, headers, { kind: 'stream' });
    if (this.#discarded) response.cancel();
    const whole = await response.send();
    this.bytesOut = response.bytes;
    if (this.#over) return;
    if (whole) sink.end();
    this.finish({ kind: 'responded', status });
  }

  /** Ends it; the sink answers for an outcome that no head was sent for. */
  finish(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#request?.fail('the call is over');
    this.#options.left(this);
    this.#options.sink.done(outcome, {
      cpuMs: 0,
      wallMs: performance.now() - this.#startedAt,
      peakMemoryBytes: 0,
      cold: false,
      bytesIn: this.#request?.bytes ?? 0,
      bytesOut: this.bytesOut,
      operations: 0,
    });
  }

  // Handle

  write(bytes: Uint8Array): void {
    if (this.#inner !== undefined) this.#inner.write(bytes);
    else if (this.#request !== undefined) this.#request.push(bytes);
    else this.#later((handle) => handle.write(bytes));
  }

  end(): void {
    if (this.#inner !== undefined) this.#inner.end();
    else if (this.#request !== undefined) this.#request.end();
    else this.#later((handle) => handle.end());
  }

  fail(message: string): void {
    if (this.#inner !== undefined) this.#inner.fail(message);
    else if (this.#request !== undefined) this.#request.fail(message);
    else this.#later((handle) => handle.fail(message));
  }

  consumed(bytes: number): void {
    if (this.#inner !== undefined) this.#inner.consumed(bytes);
    else if (this.#response !== undefined) this.#response.consumed(bytes);
    else this.#later((handle) => handle.consumed(bytes));
  }

  discard(): void {
    if (this.#inner !== undefined) return this.#inner.discard();
    this.#discarded = true;
    if (this.#response !== undefined) this.#response.cancel();
    else this.#later((handle) => handle.discard());
  }

  abort(): void {
    if (this.#inner !== undefined) return this.#inner.abort();
    // On its way into the function, which has not said yet who handles it.
    if (this.#over) return this.#later((handle) => handle.abort());
    this.abortion.abort();
    this.#response?.cancel();
    this.finish({ kind: 'cancelled' });
  }

  #later(step: (handle: Handle) => void): void {
    this.#early.push(step);
  }
}

function cancel(body: FrontAnswer['body']): void {
  if (body === undefined || body instanceof Uint8Array) return;
  void body[Symbol.asyncIterator]().return?.();
}
