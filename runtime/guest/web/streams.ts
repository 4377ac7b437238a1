import { typedArrayName } from './brands.ts';
import { methodOf } from './webidl.ts';
import { bufferLength, viewParts, type ViewParts } from './streams/buffers.ts';
import { ByteControl } from './streams/byte-control.ts';
import { pipe } from './streams/pipe.ts';
import { markHandled, promiseFrom, settled, upon } from './streams/promises.ts';
import { type ReadableStream, readableOf, teeReadable, wrapReadable } from './streams/readable-stream.ts';
import { ReadableState, ReaderState } from './streams/readable-state.ts';
import { TransformState } from './streams/transform-state.ts';
import { type WritableStream, wrapWritable } from './streams/writable-stream.ts';

/** A stream of bytes as bodies use it; always a ReadableStream of ours. */
export type BodyStream = globalThis.ReadableStream<Uint8Array>;

const sliceBytes = methodOf<(bytes: Uint8Array) => Uint8Array>(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  'slice',
);
const NativePromise = Promise;
const ignore = (): undefined => undefined;

function stateOf(stream: BodyStream): ReadableState {
  return readableOf(stream) as ReadableState;
}

/** Brand check; never calls guest code. */
export function isReadableStream(value: unknown): value is BodyStream {
  return readableOf(value) !== undefined;
}

export function isLocked(stream: BodyStream): boolean {
  return stateOf(stream).locked;
}

/** Streams: "a ReadableStream is disturbed" once it was read from or cancelled. */
export function isDisturbed(stream: BodyStream): boolean {
  return stateOf(stream).disturbed;
}

/** With `clone` the second stream gets copies of the chunks; byte streams copy them anyway. */
export function tee(stream: BodyStream, clone?: (chunk: unknown) => unknown): [BodyStream, BodyStream] {
  const { first, second } = teeReadable(stateOf(stream), clone);
  return [wrapReadable(first) as never, wrapReadable(second) as never];
}

/** Where a transform of ours puts what it makes. */
export interface Output {
  /** Throws when nobody takes chunks any more. */
  enqueue(chunk: unknown): void;
  /** Resolves when the readable side wants more; for transforms that make much of one chunk. */
  wanted(): Promise<unknown>;
}

/** What a transform of ours does; what it throws errors both sides. */
export interface Transforming {
  transform(chunk: unknown, output: Output): unknown;
  flush?(output: Output): unknown;
  cancel?(reason: unknown): unknown;
}

/** The two sides of a transform. */
export interface Transform {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

function openTransform(transforming: Transforming): TransformState {
  const output: Output = { enqueue: (chunk) => state.enqueue(chunk), wanted: () => state.wanted() };
  const state: TransformState = new TransformState(
    {
      transform: (chunk) => promiseFrom(() => transforming.transform(chunk, output)),
      flush: () => promiseFrom(() => transforming.flush?.(output)),
      cancel: (reason) => promiseFrom(() => transforming.cancel?.(reason)),
    },
    {
      writable: { highWaterMark: 1, size: undefined },
      readable: { highWaterMark: 0, size: undefined },
      start: settled,
    },
  );
  return state;
}

/** Streams, 9.3.1 "set up" a TransformStream, without the object: the standard's own transforms have only its sides. */
export function createTransform(transforming: Transforming): Transform {
  const { readable, writable } = openTransform(transforming);
  return { readable: wrapReadable(readable), writable: wrapWritable(writable) };
}

const pipeThrough = { preventAbort: false, preventCancel: false, preventClose: false, signal: undefined };

/** Locks `stream` and gives another one with the same chunks (Fetch: "create a proxy"). */
export function proxyStream(stream: BodyStream): BodyStream {
  const through = openTransform({ transform: (chunk, output) => output.enqueue(chunk) });
  markHandled(pipe(stateOf(stream), through.writable, pipeThrough));
  return wrapReadable(through.readable) as never;
}

/** Cancels without waiting; a failing cancel is nobody's business. */
export function discard(stream: BodyStream, reason?: unknown): void {
  const state = stateOf(stream);
  if (!state.locked) upon(state.cancel(reason), ignore);
}

/** Where a source of createByteStream puts what it has. */
export interface ByteSink {
  /** Takes the chunk's buffer over when the chunk covers all of it, copies the chunk otherwise. Empty: ignored. */
  enqueue(chunk: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

export interface ByteSource {
  /** Called once, before the stream is there. */
  start?(sink: ByteSink): void;
  /** Called when a reader wants more, not again before its promise settled and something was enqueued. */
  pull(sink: ByteSink): void | Promise<void>;
  cancel?(reason: unknown): void | Promise<void>;
}

/** A byte stream (`type: "bytes"`); with the default high-water mark 0 `pull` runs only for a waiting reader. */
export function createByteStream(source: ByteSource, highWaterMark: number = 0): BodyStream {
  const state = new ReadableState();
  const control = new ByteControl(state, {
    source: {
      pull: () => promiseFrom(() => source.pull(sink)),
      cancel: (reason) => promiseFrom(() => source.cancel?.(reason)),
    },
    highWaterMark,
    autoAllocate: undefined,
  });
  const sink = createSink(control);
  source.start?.(sink);
  control.start(undefined);
  return wrapReadable(state) as never;
}

function createSink(control: ByteControl): ByteSink {
  return {
    enqueue(chunk) {
      const parts = viewParts(chunk) as ViewParts;
      if (parts.bytes === 0) return;
      const whole = parts.bytes === bufferLength(parts.buffer);
      control.enqueue(whole ? parts : (viewParts(sliceBytes(chunk)) as ViewParts));
    },
    close() {
      control.close();
      // A BYOB reader's pending read ends only when its request is answered.
      if (control.waitsForBytes) control.respond(0);
    },
    error: (reason) => control.error(reason),
  };
}

/** What openReader gives. */
export interface BodyReader {
  /** The next chunk, undefined at the end. Rejects when the stream fails or a chunk is not a Uint8Array. */
  read(): Promise<Uint8Array | undefined>;
  cancel(reason?: unknown): Promise<void>;
}

function isBytes(value: unknown): value is Uint8Array {
  return typeof value === 'object' && value !== null && typedArrayName(value) === 'Uint8Array';
}

/** Takes one chunk. Nothing is resolved with it on the way, so no `then` of a guest's sees it. */
interface Receiver {
  readonly bytes: (chunk: Uint8Array) => void;
  readonly close: () => void;
  readonly error: (reason: unknown) => void;
}

function readInto(reader: ReaderState, { bytes, close, error }: Receiver): void {
  reader.read({
    chunk(value) {
      if (isBytes(value)) bytes(value);
      else
        error(
          new TypeError('A body stream may only hold Uint8Array chunks; encode text with TextEncoderStream'),
        );
    },
    close,
    error,
  });
}

/** Locks the stream for good. A guest's patches to prototypes see nothing of it. */
export function openReader(stream: BodyStream): BodyReader {
  const reader = new ReaderState(stateOf(stream), 'default');
  return {
    read: () =>
      new NativePromise<Uint8Array | undefined>((resolve, reject) => {
        readInto(reader, { bytes: resolve, close: () => resolve(undefined), error: reject });
      }),
    cancel: (reason) => stateOf(stream).cancel(reason),
  };
}

/** Reads to the end and converts what is there. Rejects with the stream's error, or TypeError for chunks that are not bytes. */
export function readAll<T>(stream: BodyStream, convert: (bytes: Uint8Array) => T): Promise<T> {
  const reader = new ReaderState(stateOf(stream), 'default');
  const chunks: Uint8Array[] = [];
  let length = 0;
  return new NativePromise<T>((resolve, reject) => {
    const next = (): void => {
      readInto(reader, {
        bytes(chunk) {
          chunks[chunks.length] = chunk;
          length += chunk.byteLength;
          // A microtask later: a stream that has many chunks at hand must not fill the stack.
          upon(settled, next);
        },
        close() {
          try {
            resolve(convert(join(chunks, length)));
          } catch (error) {
            reject(error);
          }
        },
        error: reject,
      });
    };
    next();
  });
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return all;
}
