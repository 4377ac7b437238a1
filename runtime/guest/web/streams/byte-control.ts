import { bufferLength, bytesOf, isDetached, transferBuffer, type ViewParts } from './buffers.ts';
import { ByteQueue, PullInto } from './byte-queue.ts';
import { Fifo } from './fifo.ts';
import { upon } from './promises.ts';
import { Puller } from './puller.ts';
import type { Control, ReadableState, ReadRequest, Source } from './readable-state.ts';

/** What is behind a ReadableStreamBYOBRequest; without a control it is over. */
export interface ByobState {
  control: ByteControl | undefined;
  view: Uint8Array | null;
}

/** What a byte controller is made with. */
export interface ByteOptions {
  readonly source: Source;
  readonly highWaterMark: number;
  /** Bytes given to the source for a default reader; undefined: none. */
  readonly autoAllocate: number | undefined;
}

/** What is behind a ReadableByteStreamController. Streams, 4.9.5. */
export class ByteControl implements Control {
  readonly stream: ReadableState;
  readonly #queue: ByteQueue = new ByteQueue();
  readonly #pending: Fifo<PullInto> = new Fifo();
  readonly #puller: Puller;
  #request: ByobState | undefined;
  readonly #highWaterMark: number;
  readonly #autoAllocate: number | undefined;
  #started = false;
  #closing = false;

  constructor(stream: ReadableState, { source, highWaterMark, autoAllocate }: ByteOptions) {
    this.stream = stream;
    this.#puller = new Puller(this, source);
    this.#highWaterMark = highWaterMark;
    this.#autoAllocate = autoAllocate;
    stream.control = this;
  }

  /** Once, with what the source's start gave; undefined: it has started already. */
  start(promise: Promise<unknown> | undefined): void {
    const started = (): void => {
      this.#started = true;
      this.#puller.pullIfNeeded();
    };
    if (promise === undefined) started();
    else upon(promise, started, (reason) => this.error(reason));
  }

  get closing(): boolean {
    return this.#closing;
  }

  get desiredSize(): number | null {
    if (this.stream.state === 'errored') return null;
    return this.stream.state === 'closed' ? 0 : this.#highWaterMark - this.#queue.total;
  }

  get hungry(): boolean {
    if (this.stream.state !== 'readable' || this.#closing || !this.#started) return false;
    return this.stream.waiting > 0 || this.#highWaterMark - this.#queue.total > 0;
  }

  /** Memory of a BYOB read waits to be filled. */
  get waitsForBytes(): boolean {
    return this.#pending.length > 0;
  }

  /** The memory to fill, or undefined; the same object until it is answered. */
  get byobRequest(): ByobState | undefined {
    const first = this.#pending.first;
    if (this.#request === undefined && first !== undefined) {
      const view = bytesOf(first.buffer, first.offset + first.filled, first.bytes - first.filled);
      this.#request = { control: this, view };
    }
    return this.#request;
  }

  /** TypeError when the last read got a part of an element. */
  close(): void {
    if (this.#closing || this.stream.state !== 'readable') return;
    if (this.#queue.total > 0) {
      this.#closing = true;
      return;
    }
    const first = this.#pending.first;
    if (first !== undefined && first.remainder !== 0) {
      const error = new TypeError('The stream ended in the middle of an element');
      this.error(error);
      throw error;
    }
    this.#puller.forget();
    this.stream.close();
  }

  /** Takes the chunk's buffer over. TypeError when it is detached, or the memory of a waiting read is. */
  enqueue({ buffer, offset, bytes }: Pick<ViewParts, 'buffer' | 'offset' | 'bytes'>): void {
    const { stream } = this;
    if (this.#closing || stream.state !== 'readable') return;
    if (isDetached(buffer)) throw new TypeError('The buffer of the chunk is detached');
    const taken = transferBuffer(buffer);
    const first = this.#pending.first;
    if (first !== undefined) {
      if (isDetached(first.buffer)) throw new TypeError('The buffer of the BYOB request was detached');
      this.#invalidateRequest();
      first.buffer = transferBuffer(first.buffer);
      if (first.readerKind === 'none') this.#keepDetached(first);
    }
    if (stream.hasDefaultReader) {
      this.#answerReads();
      if (stream.waiting === 0) this.#queue.push(taken, offset, bytes);
      else {
        if (this.#pending.length > 0) this.#shiftPending();
        stream.fulfill(bytesOf(taken, offset, bytes), false);
      }
    } else {
      this.#queue.push(taken, offset, bytes);
      if (stream.hasByobReader) this.#fillPending();
    }
    this.#puller.pullIfNeeded();
  }

  error(reason: unknown): void {
    if (this.stream.state !== 'readable') return;
    this.#forgetPending();
    this.#queue.clear();
    this.#puller.forget();
    this.stream.fail(reason);
  }

  cancel(reason: unknown): Promise<unknown> {
    this.#forgetPending();
    this.#queue.clear();
    return this.#puller.cancel(reason);
  }

  pull(request: ReadRequest): void {
    if (this.#queue.total > 0) {
      this.#answerRead(request);
      return;
    }
    if (this.#autoAllocate !== undefined) {
      try {
        this.#pending.push(PullInto.allocate(this.#autoAllocate));
      } catch (error) {
        request.error(error);
        return;
      }
    }
    this.stream.reader?.requests.push(request);
    this.#puller.pullIfNeeded();
  }

  /** A read of a BYOB reader: at least `minimum` elements of `parts`, whose buffer it takes over. */
  pullInto(parts: ViewParts, minimum: number, request: ReadRequest): void {
    const { stream } = this;
    let descriptor: PullInto;
    try {
      descriptor = PullInto.forView(parts, minimum);
    } catch (error) {
      request.error(error);
      return;
    }
    if (this.#pending.length > 0) {
      this.#pending.push(descriptor);
      stream.reader?.requests.push(request);
      return;
    }
    if (stream.state === 'closed') {
      request.close(descriptor.toView());
      return;
    }
    if (this.#queue.total > 0) {
      if (this.#queue.fill(descriptor)) {
        const view = descriptor.toView();
        this.#drained();
        request.chunk(view);
        return;
      }
      if (this.#closing) {
        const error = new TypeError('The stream ended in the middle of an element');
        this.error(error);
        request.error(error);
        return;
      }
    }
    this.#pending.push(descriptor);
    stream.reader?.requests.push(request);
    this.#puller.pullIfNeeded();
  }

  /** The source has written so many bytes into the first waiting memory. TypeError, RangeError: not now, too many. */
  respond(written: number): void {
    const first = this.#pending.first as PullInto;
    if (this.stream.state === 'closed') {
      if (written !== 0) throw new TypeError('A closed stream can only be answered with 0 bytes');
    } else {
      if (written === 0) throw new TypeError('0 bytes can only answer a closed stream');
      if (first.filled + written > first.bytes)
        throw new RangeError('More bytes were written than the view has');
    }
    first.buffer = transferBuffer(first.buffer);
    this.#answerPending(written);
  }

  /** The same with a view on the memory, which may have moved to another buffer. */
  respondWithView({ buffer, offset, bytes }: Pick<ViewParts, 'buffer' | 'offset' | 'bytes'>): void {
    const first = this.#pending.first as PullInto;
    if (this.stream.state === 'closed') {
      if (bytes !== 0) throw new TypeError('A closed stream can only be answered with an empty view');
    } else if (bytes === 0) throw new TypeError('An empty view can only answer a closed stream');
    if (first.offset + first.filled !== offset)
      throw new RangeError('The view must begin where the view of the request begins');
    if (first.bufferBytes !== bufferLength(buffer))
      throw new RangeError('The buffer of the view must be as long as that of the request');
    if (first.filled + bytes > first.bytes)
      throw new RangeError('The view is longer than the view of the request');
    first.buffer = transferBuffer(buffer);
    this.#answerPending(bytes);
  }

  release(): void {
    const first = this.#pending.first;
    if (first === undefined) return;
    first.readerKind = 'none';
    this.#pending.clear();
    this.#pending.push(first);
  }

  #answerPending(written: number): void {
    const first = this.#pending.first as PullInto;
    this.#invalidateRequest();
    if (this.stream.state === 'closed') this.#answerClosed(first);
    else this.#answerReadable(first, written);
    this.#puller.pullIfNeeded();
  }

  #answerClosed(first: PullInto): void {
    if (first.readerKind === 'none') this.#shiftPending();
    if (!this.stream.hasByobReader) return;
    const filled = new Fifo<PullInto>();
    while (filled.length < this.stream.waiting) filled.push(this.#shiftPending());
    filled.drain((descriptor) => this.#commit(descriptor));
  }

  #answerReadable(first: PullInto, written: number): void {
    first.filled += written;
    if (first.readerKind === 'none') {
      this.#keepDetached(first);
      this.#fillPending();
      return;
    }
    if (first.filled < first.minimum) return;
    this.#shiftPending();
    const rest = first.remainder;
    if (rest > 0) this.#keepClone(first.buffer, first.offset + first.filled - rest, rest);
    first.filled -= rest;
    const filled = this.#takeFilled();
    this.#commit(first);
    filled.drain((descriptor) => this.#commit(descriptor));
  }

  #fillPending(): void {
    this.#takeFilled().drain((descriptor) => this.#commit(descriptor));
  }

  /** Descriptors that the queue can fill; committed only afterwards, since that may run the guest's code. */
  #takeFilled(): Fifo<PullInto> {
    const filled = new Fifo<PullInto>();
    for (let next = this.#pending.first; next !== undefined; next = this.#pending.first) {
      if (this.#queue.total === 0 || !this.#queue.fill(next)) break;
      filled.push(this.#shiftPending());
    }
    return filled;
  }

  #commit(descriptor: PullInto): void {
    this.stream.fulfill(descriptor.toView(), this.stream.state === 'closed');
  }

  #answerReads(): void {
    const { stream } = this;
    while (stream.waiting > 0 && this.#queue.total > 0)
      this.#answerRead(stream.reader?.requests.shift() as ReadRequest);
  }

  #answerRead(request: ReadRequest): void {
    const { buffer, offset, bytes } = this.#queue.shift();
    this.#drained();
    request.chunk(bytesOf(buffer, offset, bytes));
  }

  #drained(): void {
    if (this.#queue.total > 0 || !this.#closing) {
      this.#puller.pullIfNeeded();
      return;
    }
    this.#puller.forget();
    this.stream.close();
  }

  #keepClone(buffer: ArrayBuffer, offset: number, bytes: number): void {
    try {
      this.#queue.pushCopy(buffer, offset, bytes);
    } catch (error) {
      this.error(error);
      throw error;
    }
  }

  /** What a reader that has gone had been given already. */
  #keepDetached(descriptor: PullInto): void {
    if (descriptor.filled > 0) this.#keepClone(descriptor.buffer, descriptor.offset, descriptor.filled);
    this.#shiftPending();
  }

  #shiftPending(): PullInto {
    return this.#pending.shift() as PullInto;
  }

  #invalidateRequest(): void {
    if (this.#request === undefined) return;
    this.#request.control = undefined;
    this.#request.view = null;
    this.#request = undefined;
  }

  #forgetPending(): void {
    this.#invalidateRequest();
    this.#pending.clear();
  }
}
