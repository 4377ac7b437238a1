import { isObject } from '../webidl.ts';
import { chain, promiseOf, rejected } from './promises.ts';
import { type ReadableState, ReaderState } from './readable-state.ts';
import { readPromise, type ReadResult } from './readers.ts';

const asyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf((async function* () {})()) as object,
) as object;
const prototypeOfAll = Object.getPrototypeOf(asyncIteratorPrototype) as object;

interface Iteration {
  readonly reader: ReaderState;
  readonly preventCancel: boolean;
  finished: boolean;
  /** The call that is being served; the next one waits for it. */
  ongoing: Promise<ReadResult> | undefined;
}

let isIterator: (value: unknown) => boolean;
let create: (iteration: Iteration) => object;

/** Web IDL 3.7.10.2 "asynchronous iterator prototype object" of ReadableStream. */
class ReadableStreamAsyncIterator {
  #iteration!: Iteration;

  static {
    isIterator = (value) => isObject(value) && #iteration in value;
    create = (iteration) => {
      const iterator = new ReadableStreamAsyncIterator();
      iterator.#iteration = iteration;
      return iterator;
    };
  }

  next(): Promise<ReadResult> {
    if (!isIterator(this)) return wrongThis('next');
    const iteration = this.#iteration;
    return queue(iteration, () => readNext(iteration));
  }

  return(value: unknown): Promise<ReadResult> {
    if (!isIterator(this)) return wrongThis('return');
    const iteration = this.#iteration;
    return queue(iteration, () => end(iteration, value));
  }
}

function wrongThis(member: string): Promise<never> {
  return rejected(new TypeError(`${member} was called on no iterator of a ReadableStream`));
}

function queue(iteration: Iteration, steps: () => Promise<ReadResult>): Promise<ReadResult> {
  const { ongoing } = iteration;
  iteration.ongoing = ongoing === undefined ? steps() : chain(ongoing, steps, steps);
  return iteration.ongoing;
}

function readNext(iteration: Iteration): Promise<ReadResult> {
  if (iteration.finished) return promiseOf({ value: undefined, done: true }) as Promise<ReadResult>;
  const { reader } = iteration;
  const read = readPromise((request) =>
    reader.read({
      chunk: (value) => request.chunk(value),
      close: () => {
        iteration.finished = true;
        reader.release();
        request.close();
      },
      error: (reason) => {
        iteration.finished = true;
        reader.release();
        request.error(reason);
      },
    }),
  );
  // Web IDL has one reaction in between, which decides what a return() that follows at once still sees pulled.
  return chain(read, (result) => result);
}

function end(iteration: Iteration, value: unknown): Promise<ReadResult> {
  const result = (): ReadResult => ({ value, done: true });
  if (iteration.finished) return promiseOf(result()) as Promise<ReadResult>;
  iteration.finished = true;
  const { reader, preventCancel } = iteration;
  const cancelled = preventCancel ? undefined : reader.stream?.cancel(value);
  reader.release();
  return cancelled === undefined ? (promiseOf(result()) as Promise<ReadResult>) : chain(cancelled, result);
}

/** Locks the stream. */
export function asyncIterate(stream: ReadableState, preventCancel: boolean): object {
  return create({
    reader: new ReaderState(stream, 'default'),
    preventCancel,
    finished: false,
    ongoing: undefined,
  });
}

/** Symbol.asyncIterator is `values` itself. */
export function defineAsyncIterator(prototype: object): void {
  Object.defineProperty(prototype, Symbol.asyncIterator, {
    value: (prototype as { values?: unknown }).values,
    writable: true,
    configurable: true,
  });
}

const { prototype } = ReadableStreamAsyncIterator;
for (const name of ['next', 'return'] as const) Object.defineProperty(prototype, name, { enumerable: true });
delete (prototype as { constructor?: unknown }).constructor;
Object.setPrototypeOf(prototype, prototypeOfAll);
Object.defineProperty(prototype, Symbol.toStringTag, {
  value: 'ReadableStream AsyncIterator',
  configurable: true,
});
