import { Fifo } from './fifo.ts';
import { Latch, rejected, settled, upon } from './promises.ts';
import type { WritableControl } from './writable-control.ts';

interface PendingAbort {
  readonly done: Latch;
  readonly reason: unknown;
  readonly wasErroring: boolean;
}

function closedError(): TypeError {
  return new TypeError('The stream is closed or closing');
}

/** What is behind a WritableStream; never seen by a guest. Streams, 5.5.1 and 5.5.2. */
export class WritableState {
  state: 'writable' | 'erroring' | 'errored' | 'closed' = 'writable';
  error: unknown = undefined;
  backpressure = false;
  writer: WriterState | undefined;
  control!: WritableControl;
  readonly #writes: Fifo<Latch> = new Fifo();
  #inFlightWrite: Latch | undefined;
  #closeRequest: Latch | undefined;
  #inFlightClose: Latch | undefined;
  #abort: PendingAbort | undefined;

  get closing(): boolean {
    return this.#closeRequest !== undefined || this.#inFlightClose !== undefined;
  }

  get writing(): boolean {
    return this.#inFlightWrite !== undefined;
  }

  get #busy(): boolean {
    return this.#inFlightWrite !== undefined || this.#inFlightClose !== undefined;
  }

  abort(reason: unknown): Promise<unknown> {
    if (this.#over) return freshlySettled();
    this.control.signalAbort(reason);
    // Listeners of the signal may have changed everything.
    if (this.#over) return freshlySettled();
    if (this.#abort !== undefined) return this.#abort.done.promise;
    const wasErroring = this.state === 'erroring';
    const done = new Latch(false);
    this.#abort = { done, reason: wasErroring ? undefined : reason, wasErroring };
    if (!wasErroring) this.startErroring(reason);
    return done.promise;
  }

  get #over(): boolean {
    return this.state === 'closed' || this.state === 'errored';
  }

  close(): Promise<undefined> {
    if (this.#over) return rejected(closedError());
    const done = new Latch(false);
    this.#closeRequest = done;
    if (this.writer !== undefined && this.backpressure && this.state === 'writable')
      this.writer.ready.resolve();
    this.control.close();
    return done.promise;
  }

  /** A write that waits for its turn. */
  addWrite(quiet: boolean): Latch {
    const done = new Latch(quiet);
    this.#writes.push(done);
    return done;
  }

  dealWithRejection(reason: unknown): void {
    if (this.state === 'writable') this.startErroring(reason);
    else this.finishErroring();
  }

  startErroring(reason: unknown): void {
    this.state = 'erroring';
    this.error = reason;
    this.writer?.failReady(reason);
    if (!this.#busy && this.control.started) this.finishErroring();
  }

  finishErroring(): void {
    this.state = 'errored';
    this.control.forgetQueue();
    const { error } = this;
    this.#writes.drain((write) => write.reject(error));
    const abort = this.#abort;
    this.#abort = undefined;
    if (abort === undefined) {
      this.#rejectClose();
      return;
    }
    if (abort.wasErroring) {
      abort.done.reject(error);
      this.#rejectClose();
      return;
    }
    upon(
      this.control.abort(abort.reason),
      () => {
        abort.done.resolve();
        this.#rejectClose();
      },
      (reason) => {
        abort.done.reject(reason);
        this.#rejectClose();
      },
    );
  }

  markWrite(): void {
    this.#inFlightWrite = this.#writes.shift();
  }

  finishWrite(): void {
    const write = this.#inFlightWrite;
    this.#inFlightWrite = undefined;
    write?.resolve();
  }

  failWrite(reason: unknown): void {
    const write = this.#inFlightWrite;
    this.#inFlightWrite = undefined;
    write?.reject(reason);
    this.dealWithRejection(reason);
  }

  markClose(): void {
    this.#inFlightClose = this.#closeRequest;
    this.#closeRequest = undefined;
  }

  finishClose(): void {
    this.#inFlightClose?.resolve();
    this.#inFlightClose = undefined;
    if (this.state === 'erroring') {
      this.error = undefined;
      this.#abort?.done.resolve();
      this.#abort = undefined;
    }
    this.state = 'closed';
    this.writer?.closed.resolve();
  }

  failClose(reason: unknown): void {
    this.#inFlightClose?.reject(reason);
    this.#inFlightClose = undefined;
    this.#abort?.done.reject(reason);
    this.#abort = undefined;
    this.dealWithRejection(reason);
  }

  updateBackpressure(backpressure: boolean): void {
    const { writer } = this;
    if (writer !== undefined && backpressure !== this.backpressure) {
      if (backpressure) writer.ready = new Latch(true);
      else writer.ready.resolve();
    }
    this.backpressure = backpressure;
  }

  #rejectClose(): void {
    this.#closeRequest?.reject(this.error);
    this.#closeRequest = undefined;
    this.writer?.closed.reject(this.error);
  }
}

/** `settled` for a guest's eyes. */
function freshlySettled(): Promise<undefined> {
  return Latch.resolved().promise;
}

/** What is behind a WritableStreamDefaultWriter. Streams, 5.5.3. */
export class WriterState {
  stream: WritableState | undefined;
  ready: Latch;
  closed: Latch;

  /** Locks the stream; TypeError when it is locked. */
  constructor(stream: WritableState) {
    if (stream.writer !== undefined)
      throw new TypeError('The stream is locked: release its other writer first');
    this.stream = stream;
    stream.writer = this;
    const { state, error } = stream;
    this.closed = new Latch(true);
    if (state === 'writable')
      this.ready = !stream.closing && stream.backpressure ? new Latch(true) : Latch.resolved();
    else this.ready = state === 'closed' ? Latch.resolved() : Latch.rejected(error);
    if (state === 'closed') this.closed.resolve();
    else if (state === 'errored') this.closed.reject(error);
  }

  get desiredSize(): number | null {
    const { state, control } = this.stream as WritableState;
    if (state === 'errored' || state === 'erroring') return null;
    return state === 'closed' ? 0 : control.desiredSize;
  }

  failReady(reason: unknown): void {
    if (this.ready.pending) this.ready.reject(reason);
    else this.ready = Latch.rejected(reason);
  }

  failClosed(reason: unknown): void {
    if (this.closed.pending) this.closed.reject(reason);
    else this.closed = Latch.rejected(reason);
  }

  /** No effect on a writer that is released. */
  release(): void {
    const { stream } = this;
    if (stream === undefined) return;
    const reason = new TypeError('The writer was released');
    this.failReady(reason);
    this.failClosed(reason);
    stream.writer = undefined;
    this.stream = undefined;
  }

  /**
   * Of a writer that is not released. The latch settles when the sink has the chunk.
   * @param quiet nobody looks at it, so nobody handles its rejection
   */
  write(chunk: unknown, quiet: boolean): Latch {
    const stream = this.stream as WritableState;
    const { control } = stream;
    const size = control.sizeOf(chunk);
    const refuse = (reason: unknown): Latch => {
      const refused = new Latch(quiet);
      refused.reject(reason);
      return refused;
    };
    if (stream !== this.stream) return refuse(new TypeError('The writer was released'));
    if (stream.state === 'errored') return refuse(stream.error);
    if (stream.closing || stream.state === 'closed') return refuse(closedError());
    if (stream.state === 'erroring') return refuse(stream.error);
    const done = stream.addWrite(quiet);
    control.write(chunk, size);
    return done;
  }

  /** Streams, 5.5.3 "WritableStreamDefaultWriterCloseWithErrorPropagation". */
  closeOrFail(): Promise<unknown> {
    const stream = this.stream as WritableState;
    if (stream.closing || stream.state === 'closed') return settled;
    return stream.state === 'errored' ? rejected(stream.error) : stream.close();
  }
}
