import { abortSignal, type AbortSignal, createAbortSignal } from '../abort.ts';
import type { SizeOf } from './default-control.ts';
import { SizedQueue } from './fifo.ts';
import { settled, upon } from './promises.ts';
import type { WritableState } from './writable-state.ts';

/** What is behind a controller: a guest's sink, or functions of ours. None may throw. */
export interface Sink {
  write(chunk: unknown): Promise<unknown>;
  close(): Promise<unknown>;
  abort(reason: unknown): Promise<unknown>;
}

export interface SinkOptions {
  readonly sink: Sink;
  readonly highWaterMark: number;
  /** Without it every chunk counts 1. */
  readonly size: SizeOf | undefined;
}

const nothing: Sink = { write: () => settled, close: () => settled, abort: () => settled };
/** Stands in the queue where the stream is to be closed. */
const closeMark = { __proto__: null };

/** What is behind a WritableStreamDefaultController. Streams, 5.5.4. */
export class WritableControl {
  readonly stream: WritableState;
  readonly #queue: SizedQueue = new SizedQueue();
  readonly #highWaterMark: number;
  #sink: Sink;
  #size: SizeOf | undefined;
  #signal: AbortSignal | undefined;
  #abort: { readonly reason: unknown } | undefined;
  started = false;

  constructor(stream: WritableState, { sink, highWaterMark, size }: SinkOptions) {
    this.stream = stream;
    this.#sink = sink;
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    stream.control = this;
    stream.updateBackpressure(this.#full);
  }

  /** Once, with what the sink's start gave. */
  start(promise: Promise<unknown>): void {
    upon(
      promise,
      () => {
        this.started = true;
        this.#advance();
      },
      (reason) => {
        this.started = true;
        this.stream.dealWithRejection(reason);
      },
    );
  }

  /** Made when somebody looks at it. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = createAbortSignal();
      if (this.#abort !== undefined) abortSignal(this.#signal, this.#abort.reason);
    }
    return this.#signal;
  }

  signalAbort(reason: unknown): void {
    this.#abort ??= { reason };
    if (this.#signal !== undefined) abortSignal(this.#signal, reason);
  }

  get desiredSize(): number {
    return this.#highWaterMark - this.#queue.total;
  }

  get #full(): boolean {
    return this.desiredSize <= 0;
  }

  /** 1 when the strategy throws; the stream fails then. */
  sizeOf(chunk: unknown): number {
    if (this.#size === undefined) return 1;
    try {
      return this.#size(chunk);
    } catch (error) {
      this.errorIfNeeded(error);
      return 1;
    }
  }

  write(chunk: unknown, size: number): void {
    try {
      this.#queue.push(chunk, size);
    } catch (error) {
      this.errorIfNeeded(error);
      return;
    }
    const { stream } = this;
    if (!stream.closing && stream.state === 'writable') stream.updateBackpressure(this.#full);
    this.#advance();
  }

  close(): void {
    this.#queue.push(closeMark, 0);
    this.#advance();
  }

  abort(reason: unknown): Promise<unknown> {
    const result = this.#sink.abort(reason);
    this.#forgetSink();
    return result;
  }

  /** Of a stream that is writable. */
  error(reason: unknown): void {
    this.#forgetSink();
    this.stream.startErroring(reason);
  }

  errorIfNeeded(reason: unknown): void {
    if (this.stream.state === 'writable') this.error(reason);
  }

  forgetQueue(): void {
    this.#queue.clear();
  }

  #advance(): void {
    const { stream } = this;
    if (!this.started || stream.writing) return;
    if (stream.state === 'erroring') {
      stream.finishErroring();
      return;
    }
    if (this.#queue.length === 0) return;
    const { first } = this.#queue;
    if (first === closeMark) this.#closeSink();
    else this.#writeToSink(first);
  }

  #closeSink(): void {
    const { stream } = this;
    stream.markClose();
    this.#queue.shift();
    const closed = this.#sink.close();
    this.#forgetSink();
    upon(
      closed,
      () => stream.finishClose(),
      (reason) => stream.failClose(reason),
    );
  }

  #writeToSink(chunk: unknown): void {
    const { stream } = this;
    stream.markWrite();
    upon(
      this.#sink.write(chunk),
      () => {
        stream.finishWrite();
        this.#queue.shift();
        if (!stream.closing && stream.state === 'writable') stream.updateBackpressure(this.#full);
        this.#advance();
      },
      (reason) => {
        if (stream.state === 'writable') this.#forgetSink();
        stream.failWrite(reason);
      },
    );
  }

  #forgetSink(): void {
    this.#sink = nothing;
    this.#size = undefined;
  }
}
