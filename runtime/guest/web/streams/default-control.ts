import { SizedQueue } from './fifo.ts';
import { upon } from './promises.ts';
import { Puller } from './puller.ts';
import type { Control, ReadableState, ReadRequest, Source } from './readable-state.ts';

/** Gives the size of a chunk; may be a guest's. */
export type SizeOf = (chunk: unknown) => number;

/** What a default controller is made with. */
export interface DefaultOptions {
  readonly source: Source;
  readonly highWaterMark: number;
  /** Without it every chunk counts 1. */
  readonly size: SizeOf | undefined;
}

/** What is behind a ReadableStreamDefaultController. Streams, 4.9.4. */
export class DefaultControl implements Control {
  readonly stream: ReadableState;
  readonly #queue: SizedQueue = new SizedQueue();
  readonly #highWaterMark: number;
  readonly #puller: Puller;
  #size: SizeOf | undefined;
  #started = false;
  #closing = false;

  constructor(stream: ReadableState, { source, highWaterMark, size }: DefaultOptions) {
    this.stream = stream;
    this.#puller = new Puller(this, source);
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    stream.control = this;
  }

  /** Once, with what the source's start gave. */
  start(promise: Promise<unknown>): void {
    upon(
      promise,
      () => {
        this.#started = true;
        this.#puller.pullIfNeeded();
      },
      (reason) => this.error(reason),
    );
  }

  get canEnqueue(): boolean {
    return !this.#closing && this.stream.state === 'readable';
  }

  get desiredSize(): number | null {
    if (this.stream.state === 'errored') return null;
    return this.stream.state === 'closed' ? 0 : this.#highWaterMark - this.#queue.total;
  }

  get hungry(): boolean {
    if (!this.canEnqueue || !this.#started) return false;
    return this.stream.waiting > 0 || this.#highWaterMark - this.#queue.total > 0;
  }

  close(): void {
    if (!this.canEnqueue) return;
    this.#closing = true;
    if (this.#queue.length > 0) return;
    this.#forgetSource();
    this.stream.close();
  }

  /** Throws what the strategy throws; the stream has failed then. */
  enqueue(chunk: unknown): void {
    if (!this.canEnqueue) return;
    if (this.stream.waiting > 0) this.stream.fulfill(chunk, false);
    else {
      try {
        this.#queue.push(chunk, this.#size === undefined ? 1 : this.#size(chunk));
      } catch (error) {
        this.error(error);
        throw error;
      }
    }
    this.#puller.pullIfNeeded();
  }

  error(reason: unknown): void {
    if (this.stream.state !== 'readable') return;
    this.#queue.clear();
    this.#forgetSource();
    this.stream.fail(reason);
  }

  cancel(reason: unknown): Promise<unknown> {
    this.#queue.clear();
    this.#size = undefined;
    return this.#puller.cancel(reason);
  }

  pull(request: ReadRequest): void {
    if (this.#queue.length === 0) {
      this.stream.reader?.requests.push(request);
      this.#puller.pullIfNeeded();
      return;
    }
    const chunk = this.#queue.shift();
    if (this.#closing && this.#queue.length === 0) {
      this.#forgetSource();
      this.stream.close();
    } else this.#puller.pullIfNeeded();
    request.chunk(chunk);
  }

  release(): void {
    // Nothing is held for a default reader.
  }

  /** What the source holds may be collected. */
  #forgetSource(): void {
    this.#puller.forget();
    this.#size = undefined;
  }
}
