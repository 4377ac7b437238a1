import { isAbortSignal } from '../abort.ts';
import { isObject, requireArguments, shapeInterface, toText } from '../webidl.ts';
import {
  type Dictionary,
  highWaterMarkOf,
  readMembers,
  runStart,
  toAction,
  toAlgorithm,
  toDictionary,
  toOptionalObject,
  toStrategy,
} from './arguments.ts';
import { asyncIterate, defineAsyncIterator } from './async-iterator.ts';
import { ByteControl } from './byte-control.ts';
import { teeBytes } from './byte-tee.ts';
import { DefaultControl } from './default-control.ts';
import { readableFrom } from './from.ts';
import { pipe } from './pipe.ts';
import { markHandled, promiseOf, rejected } from './promises.ts';
import { createByteController, createDefaultController } from './readable-controllers.ts';
import { ReadableState, type Source } from './readable-state.ts';
import { ReadableStreamBYOBReader, ReadableStreamDefaultReader, setReadableOf } from './readers.ts';
import { teeDefault } from './tee.ts';
import { writableOf } from './writable-stream.ts';

/** The stream the next constructor call wraps; only this module sets it, just before it calls. */
let next: ReadableState | undefined;

/** Brand check: what is behind a ReadableStream, undefined for anything else. */
export let readableOf: (value: unknown) => ReadableState | undefined;

const isReadable = (value: unknown): boolean => readableOf(value) !== undefined;

const sourceNames = ['autoAllocateChunkSize', 'cancel', 'pull', 'start', 'type'] as const;
type Members = Dictionary<(typeof sourceNames)[number]>;

/** Streams, 4.2. */
export class ReadableStream {
  readonly #state: ReadableState;

  static {
    readableOf = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  static from(asyncIterable: unknown): ReadableStream {
    requireArguments(arguments.length, 1, 'ReadableStream.from');
    return wrapReadable(readableFrom(asyncIterable));
  }

  constructor(underlyingSource: unknown = undefined, strategy: unknown = undefined) {
    if (next !== undefined) {
      this.#state = next;
      next = undefined;
      return;
    }
    const source = toOptionalObject(underlyingSource, 'The source of a stream');
    const { highWaterMark, size } = toStrategy(strategy);
    const members: Members = source === null ? {} : readSource(source);
    this.#state = new ReadableState();
    if (members.type === 'bytes') {
      if (size !== undefined) throw new RangeError('The strategy of a byte stream has no size');
      setUpBytes(this.#state, source, members, highWaterMarkOf({ highWaterMark, size }, 0));
      return;
    }
    const options = { highWaterMark: highWaterMarkOf({ highWaterMark, size }, 1), size };
    const state = this.#state;
    let controller: object;
    const control = new DefaultControl(state, {
      ...options,
      source: sourceOf(source, members, () => controller),
    });
    controller = createDefaultController(control);
    control.start(promiseOf(runStart(source, members.start, controller)));
  }

  get locked(): boolean {
    return this.#state.locked;
  }

  cancel(reason: unknown = undefined): Promise<undefined> {
    if (!isReadable(this)) return rejected(new TypeError('cancel was called on no ReadableStream'));
    if (this.#state.locked)
      return rejected(new TypeError('A locked stream cannot be cancelled; cancel its reader'));
    return this.#state.cancel(reason);
  }

  getReader(options: unknown = undefined): ReadableStreamDefaultReader | ReadableStreamBYOBReader {
    void this.#state;
    const { mode } = toDictionary(options, 'The options of getReader()') as Dictionary<'mode'>;
    if (mode === undefined) return new ReadableStreamDefaultReader(this);
    const text = toText(mode);
    if (text !== 'byob') throw new TypeError(`mode must be 'byob', but is ${JSON.stringify(text)}`);
    return new ReadableStreamBYOBReader(this);
  }

  pipeThrough(transform: unknown, options: unknown = undefined): unknown {
    const state = this.#state;
    requireArguments(arguments.length, 1, 'ReadableStream.pipeThrough');
    const pair = toDictionary(transform, 'The argument of pipeThrough()');
    const { readable, writable } = readPair(pair);
    const settings = readPipeOptions(options);
    if (state.locked) throw new TypeError('The stream is locked: it cannot be piped');
    if (writable.writer !== undefined) throw new TypeError('The writable side is locked');
    markHandled(pipe(state, writable, settings));
    return readable;
  }

  pipeTo(destination: unknown, options: unknown = undefined): Promise<undefined> {
    if (!isReadable(this)) return rejected(new TypeError('pipeTo was called on no ReadableStream'));
    try {
      requireArguments(arguments.length, 1, 'ReadableStream.pipeTo');
      const writable = writableOf(destination);
      if (writable === undefined) throw new TypeError('pipeTo() needs a WritableStream');
      const settings = readPipeOptions(options);
      if (this.#state.locked) throw new TypeError('The stream is locked: it cannot be piped');
      if (writable.writer !== undefined) throw new TypeError('The WritableStream is locked');
      return pipe(this.#state, writable, settings);
    } catch (error) {
      return rejected(error);
    }
  }

  tee(): [ReadableStream, ReadableStream] {
    const { first, second } = teeReadable(this.#state);
    return [wrapReadable(first), wrapReadable(second)];
  }

  values(options: unknown = undefined): object {
    const state = this.#state;
    const { preventCancel } = toDictionary(options, 'The options of values()') as Dictionary<'preventCancel'>;
    return asyncIterate(state, Boolean(preventCancel));
  }
}

/** A ReadableStream object around a stream of ours; once for each. */
export function wrapReadable(state: ReadableState): ReadableStream {
  next = state;
  return new ReadableStream();
}

/** Streams, 4.9.1 "ReadableStreamTee". */
export function teeReadable(
  state: ReadableState,
  clone?: (chunk: unknown) => unknown,
): ReturnType<typeof teeDefault> {
  return state.control instanceof ByteControl ? teeBytes(state) : teeDefault(state, clone);
}

function readSource(source: object): Members {
  const members = readMembers(source, sourceNames) as { -readonly [K in keyof Members]: Members[K] };
  if (members.type === undefined) return members;
  members.type = toText(members.type);
  if (members.type !== 'bytes')
    throw new TypeError(`The type of a source must be 'bytes' or undefined, but is ${String(members.type)}`);
  return members;
}

function sourceOf(source: object | null, members: Members, controller: () => object): Source {
  let pull: (() => Promise<unknown>) | undefined;
  return {
    pull: () => (pull ??= toAction(source, members.pull, controller()))(),
    cancel: toAlgorithm(source, members.cancel),
  };
}

function setUpBytes(
  state: ReadableState,
  source: object | null,
  members: Members,
  highWaterMark: number,
): void {
  const autoAllocate = toChunkSize(members.autoAllocateChunkSize);
  let controller: object;
  const control = new ByteControl(state, {
    highWaterMark,
    autoAllocate,
    source: sourceOf(source, members, () => controller),
  });
  controller = createByteController(control);
  control.start(promiseOf(runStart(source, members.start, controller)));
}

/** [EnforceRange] unsigned long long, and not 0. */
function toChunkSize(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const size = Math.trunc(Number(value));
  if (!(size > 0 && size <= Number.MAX_SAFE_INTEGER))
    throw new TypeError('autoAllocateChunkSize must be an integer of 1 or more');
  return size;
}

function readPair(pair: object): { readable: unknown; writable: NonNullable<ReturnType<typeof writableOf>> } {
  const { readable } = pair as { readable?: unknown };
  if (readableOf(readable) === undefined)
    throw new TypeError('pipeThrough() needs an object with a ReadableStream as readable');
  const writable = writableOf((pair as { writable?: unknown }).writable);
  if (writable === undefined)
    throw new TypeError('pipeThrough() needs an object with a WritableStream as writable');
  return { readable, writable };
}

function readPipeOptions(options: unknown): Parameters<typeof pipe>[2] {
  const dictionary = toDictionary(options, 'The options of a pipe');
  const names = ['preventAbort', 'preventCancel', 'preventClose', 'signal'] as const;
  const { preventAbort, preventCancel, preventClose, signal } = readMembers(dictionary, names);
  if (signal !== undefined && !isAbortSignal(signal))
    throw new TypeError('The signal of a pipe must be an AbortSignal');
  return {
    preventAbort: Boolean(preventAbort),
    preventCancel: Boolean(preventCancel),
    preventClose: Boolean(preventClose),
    signal,
  };
}

setReadableOf(readableOf);
shapeInterface(ReadableStream.prototype, 'ReadableStream');
defineAsyncIterator(ReadableStream.prototype);
