import { isObject, shapeInterface } from '../webidl.ts';
import {
  type Dictionary,
  highWaterMarkOf,
  readMembers,
  runStart,
  toAction,
  toAlgorithm,
  toOptionalObject,
  toStrategy,
} from './arguments.ts';
import { Latch, rejected, settled } from './promises.ts';
import { type ReadableStream, wrapReadable } from './readable-stream.ts';
import { TransformState, type Transformer } from './transform-state.ts';
import { type WritableStream, wrapWritable } from './writable-stream.ts';

const names = ['cancel', 'flush', 'readableType', 'start', 'transform', 'writableType'] as const;
type Members = Dictionary<(typeof names)[number]>;

/** What the next controller wraps; only this module sets it, just before it makes one. */
let next: TransformState | undefined;

/** Brand check: the two sides of a TransformStream, undefined for anything else. */
export let sidesOf: (
  value: unknown,
) => { readonly readable: ReadableStream; readonly writable: WritableStream } | undefined;

/** Streams, 6.2. */
export class TransformStream {
  readonly #readable: ReadableStream;
  readonly #writable: WritableStream;

  static {
    sidesOf = (value) =>
      isObject(value) && #readable in value
        ? { readable: value.#readable, writable: value.#writable }
        : undefined;
  }

  constructor(
    transformer: unknown = undefined,
    writableStrategy: unknown = undefined,
    readableStrategy: unknown = undefined,
  ) {
    const object = toOptionalObject(transformer, 'The transformer of a stream');
    const writable = toStrategy(writableStrategy);
    const readable = toStrategy(readableStrategy);
    const members: Members = object === null ? {} : readMembers(object, names);
    if (members.readableType !== undefined) throw new RangeError('readableType must be undefined');
    if (members.writableType !== undefined) throw new RangeError('writableType must be undefined');
    const readableMark = highWaterMarkOf(readable, 0);
    const writableMark = highWaterMarkOf(writable, 1);
    const start = new Latch(true);
    let controller!: TransformStreamDefaultController;
    const state = new TransformState(
      transformerOf(object, members, () => controller),
      {
        writable: { highWaterMark: writableMark, size: writable.size },
        readable: { highWaterMark: readableMark, size: readable.size },
        start: start.promise,
      },
    );
    controller = createController(state);
    this.#readable = wrapReadable(state.readable);
    this.#writable = wrapWritable(state.writable);
    start.resolve(runStart(object, members.start, controller));
  }

  get readable(): ReadableStream {
    return this.#readable;
  }
  get writable(): WritableStream {
    return this.#writable;
  }
}

/** Streams, 6.3. */
export class TransformStreamDefaultController {
  readonly #state: TransformState;

  constructor() {
    if (next === undefined) throw new TypeError('Illegal constructor: only a TransformStream makes one');
    this.#state = next;
    next = undefined;
  }

  get desiredSize(): number | null {
    return this.#state.desiredSize;
  }

  enqueue(chunk: unknown = undefined): void {
    this.#state.enqueue(chunk);
  }

  error(reason: unknown = undefined): void {
    this.#state.error(reason);
  }

  terminate(): void {
    this.#state.terminate();
  }
}

function createController(state: TransformState): TransformStreamDefaultController {
  next = state;
  return new TransformStreamDefaultController();
}

function transformerOf(object: object | null, members: Members, controller: () => object): Transformer {
  let transform: ((chunk: unknown) => Promise<unknown>) | undefined;
  let flush: (() => Promise<unknown>) | undefined;
  return {
    transform: (chunk, state) => {
      if (members.transform === undefined) return passOn(chunk, state);
      return (transform ??= toAlgorithm(object, members.transform, controller()))(chunk);
    },
    flush: () => (flush ??= toAction(object, members.flush, controller()))(),
    cancel: toAlgorithm(object, members.cancel),
  };
}

/** Without a transform every chunk goes through as it is. */
function passOn(chunk: unknown, state: TransformState): Promise<unknown> {
  try {
    state.enqueue(chunk);
    return settled;
  } catch (error) {
    return rejected(error);
  }
}

shapeInterface(TransformStream.prototype, 'TransformStream');
shapeInterface(TransformStreamDefaultController.prototype, 'TransformStreamDefaultController');
