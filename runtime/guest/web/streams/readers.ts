import { isObject, requireArguments, shapeInterface } from '../webidl.ts';
import { type Dictionary, toDictionary } from './arguments.ts';
import { bufferLength, isDetached, viewParts } from './buffers.ts';
import type { ByteControl } from './byte-control.ts';
import { promiseFrom, rejected } from './promises.ts';
import { type ReadableState, ReaderState, type ReadRequest } from './readable-state.ts';

/** What read() gives. */
export interface ReadResult {
  readonly value: unknown;
  readonly done: boolean;
}

/** Brand check: the state behind a ReadableStream of ours; set by readable-stream.ts, which makes readers. */
let readableOf: (value: unknown) => ReadableState | undefined;
export function setReadableOf(find: typeof readableOf): void {
  readableOf = find;
}

function streamOf(value: unknown): ReadableState {
  const state = readableOf(value);
  if (state === undefined) throw new TypeError('A reader needs a ReadableStream');
  return state;
}

const NativePromise = Promise;

/** A promise of the next chunk; `run` hands the request on. */
export function readPromise(run: (request: ReadRequest) => void): Promise<ReadResult> {
  return new NativePromise<ReadResult>((resolve, reject) => {
    run({
      chunk: (value) => resolve({ value, done: false }),
      close: (view) => resolve({ value: view, done: true }),
      error: reject,
    });
  });
}

function released(): TypeError {
  return new TypeError('The reader was released');
}

let isDefaultReader: (value: unknown) => boolean;
let isByobReader: (value: unknown) => boolean;

/** Streams, 4.3. */
export class ReadableStreamDefaultReader {
  readonly #state: ReaderState;

  static {
    isDefaultReader = (value) => isObject(value) && #state in value;
  }

  constructor(stream: unknown) {
    requireArguments(arguments.length, 1, 'new ReadableStreamDefaultReader');
    this.#state = new ReaderState(streamOf(stream), 'default');
  }

  get closed(): Promise<undefined> {
    if (!isDefaultReader(this)) return wrongThis('closed');
    return this.#state.closed.promise;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isDefaultReader(this)) return wrongThis('cancel');
    return cancelReader(this.#state, reason);
  }

  read(): Promise<ReadResult> {
    if (!isDefaultReader(this)) return wrongThis('read');
    const state = this.#state;
    if (state.stream === undefined) return rejected(released());
    return readPromise((request) => state.read(request));
  }

  releaseLock(): void {
    this.#state.release();
  }
}

/** Streams, 4.5. */
export class ReadableStreamBYOBReader {
  readonly #state: ReaderState;

  static {
    isByobReader = (value) => isObject(value) && #state in value;
  }

  constructor(stream: unknown) {
    requireArguments(arguments.length, 1, 'new ReadableStreamBYOBReader');
    const state = streamOf(stream);
    // A locked stream is refused before the kind of its source matters, as the standard has it.
    if (!state.locked && !isByteStream(state))
      throw new TypeError("A BYOB reader needs a stream of bytes: one whose source has the type 'bytes'");
    this.#state = new ReaderState(state, 'byob');
  }

  get closed(): Promise<undefined> {
    if (!isByobReader(this)) return wrongThis('closed');
    return this.#state.closed.promise;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isByobReader(this)) return wrongThis('cancel');
    return cancelReader(this.#state, reason);
  }

  read(view: unknown, options: unknown = undefined): Promise<ReadResult> {
    if (!isByobReader(this)) return wrongThis('read');
    const state = this.#state;
    try {
      requireArguments(arguments.length, 1, 'ReadableStreamBYOBReader.read');
      return readView(state, view, options);
    } catch (error) {
      return rejected(error);
    }
  }

  releaseLock(): void {
    this.#state.release();
  }
}

function readView(state: ReaderState, view: unknown, options: unknown): Promise<ReadResult> {
  const parts = viewParts(view);
  if (parts === undefined) throw new TypeError('read() needs a view on an ArrayBuffer, such as a Uint8Array');
  const minimum = toMinimum(options);
  if (isDetached(parts.buffer)) throw new TypeError('The buffer of the view is detached');
  if (parts.bytes === 0 || bufferLength(parts.buffer) === 0)
    throw new TypeError('read() needs a view of at least one byte');
  if (minimum === 0) throw new TypeError('min must be 1 or more');
  if (minimum > parts.length) throw new RangeError('min must not be more than the view has elements');
  const { stream } = state;
  if (stream === undefined) throw released();
  return readPromise((request) => {
    stream.disturbed = true;
    if (stream.state === 'errored') request.error(stream.error);
    else (stream.control as ByteControl).pullInto(parts, minimum, request);
  });
}

/** [EnforceRange] unsigned long long. */
function toMinimum(options: unknown): number {
  const { min } = toDictionary(options, 'The options of read()') as Dictionary<'min'>;
  if (min === undefined) return 1;
  const number = Math.trunc(Number(min));
  if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER))
    throw new TypeError('min must be an integer of 0 or more');
  return number;
}

function cancelReader(state: ReaderState, reason: unknown): Promise<undefined> {
  return state.stream === undefined ? rejected(released()) : state.stream.cancel(reason);
}

function wrongThis(member: string): Promise<never> {
  return promiseFrom(() => {
    throw new TypeError(`${member} was called on something that is no reader of its kind`);
  }) as Promise<never>;
}

/** Set by byte-stream classes: tells the controllers apart. */
function isByteStream(state: ReadableState): boolean {
  return 'pullInto' in state.control;
}

shapeInterface(ReadableStreamDefaultReader.prototype, 'ReadableStreamDefaultReader');
shapeInterface(ReadableStreamBYOBReader.prototype, 'ReadableStreamBYOBReader');
