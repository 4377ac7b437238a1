import { abortReason, type AbortSignal, isAborted, onAbort } from '../abort.ts';
import { chain, Latch, markHandled, settled, upon } from './promises.ts';
import { type ReadableState, ReaderState, type ReadRequest } from './readable-state.ts';
import { type WritableState, WriterState } from './writable-state.ts';

export interface PipeOptions {
  readonly preventAbort: boolean;
  readonly preventCancel: boolean;
  readonly preventClose: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Chunks that are moved in one turn; then whatever else waits has one, the signal's abort among it. */
const chunksPerTurn = 32;

/** Streams, 4.9.1 "ReadableStreamPipeTo". Locks both streams, which are not locked. */
export function pipe(source: ReadableState, target: WritableState, options: PipeOptions): Promise<undefined> {
  return new Pipe(source, target, options).run();
}

class Pipe {
  readonly #source: ReadableState;
  readonly #target: WritableState;
  readonly #options: PipeOptions;
  readonly #reader: ReaderState;
  readonly #writer: WriterState;
  readonly #done: Latch = new Latch(false);
  #stopping = false;
  /** Done when the target has the last chunk that was read. */
  #lastWrite: Latch | Promise<unknown> = settled;
  #forgetSignal: (() => void) | undefined;
  /** What the read that is under way gave, while it is under way. */
  #reading: 'no' | 'now' | 'later' = 'no';

  constructor(source: ReadableState, target: WritableState, options: PipeOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#reader = new ReaderState(source, 'default');
    this.#writer = new WriterState(target);
    source.disturbed = true;
  }

  run(): Promise<undefined> {
    const { promise } = this.#done;
    const { signal } = this.#options;
    if (signal !== undefined) {
      if (isAborted(signal)) {
        this.#abort(abortReason(signal));
        return promise;
      }
      this.#forgetSignal = onAbort(signal, (reason) => this.#abort(reason));
    }
    this.#watch();
    this.#move();
    return promise;
  }

  /** Errors and ends of either side, also those that are there already. */
  #watch(): void {
    const { preventAbort, preventCancel, preventClose } = this.#options;
    const source = this.#source;
    const target = this.#target;
    const sourceFailed = (reason: unknown): void =>
      this.#stop(preventAbort ? undefined : () => target.abort(reason), { reason });
    const targetFailed = (reason: unknown): void =>
      this.#stop(preventCancel ? undefined : () => source.cancel(reason), { reason });
    const sourceEnded = (): void =>
      this.#stop(preventClose ? undefined : () => this.#writer.closeOrFail(), undefined);
    if (source.state === 'errored') sourceFailed(source.error);
    if (target.state === 'errored') targetFailed(target.error);
    if (source.state === 'closed') sourceEnded();
    if (source.state === 'readable')
      upon(this.#reader.closed.promise, sourceEnded, (reason) => sourceFailed(reason));
    if (target.state !== 'errored') {
      upon(
        this.#writer.closed.promise,
        () => undefined,
        (reason) => targetFailed(reason),
      );
    }
    if (target.closing || target.state === 'closed')
      targetFailed(new TypeError('The target of the pipe is closed'));
  }

  /** Moves chunks as long as there are some and the target takes them. */
  #move(): void {
    for (let moved = 0; !this.#stopping; moved++) {
      const { ready } = this.#writer;
      if (ready.pending || moved === chunksPerTurn) {
        upon(moved === chunksPerTurn ? settled : ready.promise, () => this.#move());
        return;
      }
      this.#reading = 'now';
      this.#reader.read(this.#request);
      if (this.#reading === 'now') {
        this.#reading = 'later';
        return;
      }
    }
  }

  readonly #request: ReadRequest = {
    chunk: (value) => {
      if (this.#reading === 'now') {
        this.#reading = 'no';
        this.#lastWrite = this.#writer.write(value, true);
        return;
      }
      // Somebody enqueues just now, who must not find the target's write called within.
      this.#reading = 'no';
      this.#lastWrite = chain(settled, () => {
        const written = this.#writer.write(value, true);
        this.#lastWrite = written;
        this.#move();
        return undefined;
      });
    },
    close: () => {
      this.#reading = 'no';
    },
    error: () => {
      this.#reading = 'no';
    },
  };

  #abort(reason: unknown): void {
    const { preventAbort, preventCancel } = this.#options;
    const source = this.#source;
    const target = this.#target;
    const both = (): Promise<unknown> => {
      const aborted = !preventAbort && target.state === 'writable' ? target.abort(reason) : settled;
      const cancelled = !preventCancel && source.state === 'readable' ? source.cancel(reason) : settled;
      markHandled(cancelled);
      return chain(aborted, () => cancelled);
    };
    this.#stop(both, { reason });
  }

  /** "Shutdown", "shutdown with an action": after what was read is written. */
  #stop(
    action: (() => Promise<unknown>) | undefined,
    failure: { readonly reason: unknown } | undefined,
  ): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const rest = (): void => {
      if (action === undefined) this.#finish(failure);
      else
        upon(
          action(),
          () => this.#finish(failure),
          (reason) => this.#finish({ reason }),
        );
    };
    const target = this.#target;
    if (target.state === 'writable' && !target.closing) this.#afterWrites(rest);
    else rest();
  }

  #afterWrites(run: () => void): void {
    const last = this.#lastWrite;
    const again = (): void => {
      if (last === this.#lastWrite) run();
      else this.#afterWrites(run);
    };
    upon(last instanceof Latch ? last.promise : last, again, again);
  }

  #finish(failure: { readonly reason: unknown } | undefined): void {
    this.#writer.release();
    this.#reader.release();
    this.#forgetSignal?.();
    if (failure === undefined) this.#done.resolve();
    else this.#done.reject(failure.reason);
  }
}
