import { createReadable } from './create.ts';
import type { DefaultControl, SizeOf } from './default-control.ts';
import { chain, Latch, promiseOf, settled, upon } from './promises.ts';
import type { ReadableState } from './readable-state.ts';
import { WritableControl } from './writable-control.ts';
import { WritableState } from './writable-state.ts';

/** What is behind a TransformStream: a guest's transformer, or functions of ours. None may throw. */
export interface Transformer {
  transform(chunk: unknown, state: TransformState): Promise<unknown>;
  flush(state: TransformState): Promise<unknown>;
  cancel(reason: unknown): Promise<unknown>;
}

interface Side {
  readonly highWaterMark: number;
  readonly size: SizeOf | undefined;
}

export interface TransformOptions {
  readonly writable: Side;
  readonly readable: Side;
  readonly start: Promise<unknown>;
}

const nothing: Transformer = { transform: () => settled, flush: () => settled, cancel: () => settled };

/** Streams, 6.4. */
export class TransformState {
  readonly readable: ReadableState;
  readonly writable: WritableState = new WritableState();
  readonly #control: DefaultControl;
  #transformer: Transformer;
  #backpressure = true;
  #change: Latch = new Latch(true);
  #finish: Latch | undefined;

  constructor(transformer: Transformer, { writable, readable, start }: TransformOptions) {
    this.#transformer = transformer;
    const started = promiseOf(start);
    const sink = {
      write: (chunk: unknown) => this.#write(chunk),
      close: () => this.#closed(),
      abort: (reason: unknown) => this.#aborted(reason),
    };
    const { highWaterMark, size } = writable;
    new WritableControl(this.writable, { sink, highWaterMark, size }).start(started);
    const source = {
      pull: () => this.#pull(),
      cancel: (reason: unknown) => this.#cancelled(reason),
    };
    const made = createReadable(
      { source, highWaterMark: readable.highWaterMark, size: readable.size },
      started,
    );
    this.readable = made.stream;
    this.#control = made.control;
  }

  get desiredSize(): number | null {
    return this.#control.desiredSize;
  }

  /** Throws when the readable side is closed or has failed, also by its strategy. */
  enqueue(chunk: unknown): void {
    const control = this.#control;
    if (!control.canEnqueue)
      throw new TypeError('Nothing can be added: the readable side is closed or has failed');
    try {
      control.enqueue(chunk);
    } catch (error) {
      this.#failWritable(error);
      throw this.readable.error;
    }
    if (!control.hungry && !this.#backpressure) this.#setBackpressure(true);
  }

  /** Resolves when the readable side wants more; never shown to a guest. */
  wanted(): Promise<unknown> {
    return this.#backpressure ? this.#change.promise : settled;
  }

  error(reason: unknown): void {
    this.#control.error(reason);
    this.#failWritable(reason);
  }

  terminate(): void {
    this.#control.close();
    this.#failWritable(new TypeError('The stream was terminated'));
  }

  #failWritable(reason: unknown): void {
    this.#transformer = nothing;
    this.writable.control.errorIfNeeded(reason);
    this.#unblock();
  }

  #unblock(): void {
    if (this.#backpressure) this.#setBackpressure(false);
  }

  #setBackpressure(backpressure: boolean): void {
    this.#change.resolve();
    this.#change = new Latch(true);
    this.#backpressure = backpressure;
  }

  #write(chunk: unknown): Promise<unknown> {
    if (!this.#backpressure) return this.#transform(chunk);
    return chain(this.#change.promise, () => {
      const { state, error } = this.writable;
      if (state === 'erroring') throw error;
      return this.#transform(chunk);
    });
  }

  #transform(chunk: unknown): Promise<unknown> {
    const done = this.#transformer.transform(chunk, this);
    if (done === settled) return settled;
    return chain(done, undefined, (reason) => {
      this.error(reason);
      throw reason;
    });
  }

  #aborted(reason: unknown): Promise<unknown> {
    return this.#end(() => this.#transformer.cancel(reason), {
      side: this.readable,
      done: () => this.#control.error(reason),
      failed: (error) => this.#control.error(error),
    });
  }

  #closed(): Promise<unknown> {
    return this.#end(() => this.#transformer.flush(this), {
      side: this.readable,
      done: () => this.#control.close(),
      failed: (error) => this.#control.error(error),
    });
  }

  #cancelled(reason: unknown): Promise<unknown> {
    const fail = (error: unknown): void => {
      this.writable.control.errorIfNeeded(error);
      this.#unblock();
    };
    return this.#end(() => this.#transformer.cancel(reason), {
      side: this.writable,
      done: () => fail(reason),
      failed: fail,
    });
  }

  /** Abort, close and cancel: whichever comes first runs, the others wait for it. `side` must not have failed. */
  #end(
    run: () => Promise<unknown>,
    then: {
      readonly side: ReadableState | WritableState;
      readonly done: () => void;
      readonly failed: (reason: unknown) => void;
    },
  ): Promise<unknown> {
    if (this.#finish !== undefined) return this.#finish.promise;
    const finish = new Latch(false);
    this.#finish = finish;
    const running = run();
    this.#transformer = nothing;
    upon(
      running,
      () => {
        if (then.side.state === 'errored') finish.reject(then.side.error);
        else {
          then.done();
          finish.resolve();
        }
      },
      (reason) => {
        then.failed(reason);
        finish.reject(reason);
      },
    );
    return finish.promise;
  }

  #pull(): Promise<unknown> {
    this.#setBackpressure(false);
    return this.#change.promise;
  }
}
