import { Fifo } from './fifo.ts';
import { chain, Latch, rejected, settled } from './promises.ts';

/** Who waits for a chunk. `close` gets the empty view of a BYOB read that ends. */
export interface ReadRequest {
  chunk(value: unknown): void;
  close(view?: ArrayBufferView): void;
  error(reason: unknown): void;
}

/** What a stream asks of its controller (Streams, 4.5.1 "internal methods"). */
export interface Control {
  cancel(reason: unknown): Promise<unknown>;
  /** A read request that the stream may not be able to answer at once. */
  pull(request: ReadRequest): void;
  /** The reader that asked for more has gone. */
  release(): void;
}

/** What is behind a controller: a guest's source, or a function of ours. Neither may throw. */
export interface Source {
  pull(): Promise<unknown>;
  cancel(reason: unknown): Promise<unknown>;
}

/** What is behind a ReadableStream; never seen by a guest. Streams, 4.9.1 and 4.9.2. */
export class ReadableState {
  state: 'readable' | 'closed' | 'errored' = 'readable';
  error: unknown = undefined;
  disturbed = false;
  reader: ReaderState | undefined;
  control!: Control;

  get locked(): boolean {
    return this.reader !== undefined;
  }

  get hasDefaultReader(): boolean {
    return this.reader?.kind === 'default';
  }

  get hasByobReader(): boolean {
    return this.reader?.kind === 'byob';
  }

  /** Reads that wait. */
  get waiting(): number {
    return this.reader === undefined ? 0 : this.reader.requests.length;
  }

  /** Gives the first read that waits a chunk, or the end. */
  fulfill(chunk: unknown, done: boolean): void {
    const request = this.reader?.requests.shift();
    if (done) request?.close(chunk as ArrayBufferView);
    else request?.chunk(chunk);
  }

  close(): void {
    this.state = 'closed';
    const { reader } = this;
    if (reader === undefined) return;
    reader.closed.resolve();
    if (reader.kind === 'default') reader.requests.drain((request) => request.close());
  }

  fail(reason: unknown): void {
    this.state = 'errored';
    this.error = reason;
    const { reader } = this;
    if (reader === undefined) return;
    reader.closed.reject(reason);
    reader.requests.drain((request) => request.error(reason));
  }

  cancel(reason: unknown): Promise<undefined> {
    this.disturbed = true;
    if (this.state === 'closed') return chain(settled, () => undefined);
    if (this.state === 'errored') return rejected(this.error);
    this.close();
    if (this.reader?.kind === 'byob') this.reader.requests.drain((request) => request.close());
    return chain(this.control.cancel(reason), () => undefined);
  }
}

/** What is behind a reader. Streams, 4.9.3. */
export class ReaderState {
  readonly kind: 'default' | 'byob';
  readonly requests: Fifo<ReadRequest> = new Fifo();
  stream: ReadableState | undefined;
  closed: Latch = new Latch(true);

  /** Locks the stream; TypeError when it is locked. */
  constructor(stream: ReadableState, kind: 'default' | 'byob') {
    if (stream.locked)
      throw new TypeError('The stream is locked: release its other reader, or tee() it before');
    this.kind = kind;
    this.stream = stream;
    stream.reader = this;
    if (stream.state === 'closed') this.closed.resolve();
    else if (stream.state === 'errored') this.closed.reject(stream.error);
  }

  /** A read of a default reader that is not released. */
  read(request: ReadRequest): void {
    const stream = this.stream as ReadableState;
    stream.disturbed = true;
    if (stream.state === 'readable') stream.control.pull(request);
    else if (stream.state === 'closed') request.close();
    else request.error(stream.error);
  }

  /** No effect on a reader that is released. */
  release(): void {
    const { stream } = this;
    if (stream === undefined) return;
    const reason = new TypeError('The reader was released');
    if (!this.closed.pending) this.closed = new Latch(true);
    this.closed.reject(reason);
    stream.control.release();
    stream.reader = undefined;
    this.stream = undefined;
    this.requests.drain((request) => request.error(reason));
  }
}
