import * as ponyfill from 'web-streams-polyfill';
import { typedArrayName } from './brands.ts';
import { getterOf, methodOf } from './webidl.ts';

/** A stream of bytes as bodies use it. */
export type BodyStream = ReadableStream<Uint8Array>;

type Read = { readonly done: boolean; readonly value?: unknown };
type Constructor = new (...args: never[]) => object;

/** Every class of the Streams standard, by its global name. */
export const streamClasses: Readonly<Record<string, Constructor>> = { ...ponyfill } as unknown as Record<
  string,
  Constructor
>;

const Readable = ponyfill.ReadableStream as unknown as typeof ReadableStream;
export { Readable as ReadableStreamClass };
export const TransformStreamClass: typeof TransformStream =
  ponyfill.TransformStream as unknown as typeof TransformStream;

const { prototype: readable } = Readable;
const { prototype: controller } = ponyfill.ReadableByteStreamController;
const { prototype: reader } = ponyfill.ReadableStreamDefaultReader;
const lockedOf = getterOf<(stream: object) => boolean>(readable, 'locked');
const getReader = methodOf<(stream: object) => object>(readable, 'getReader');
const teeStream = methodOf<(stream: object) => [BodyStream, BodyStream]>(readable, 'tee');
const cancelStream = methodOf<(stream: object, reason: unknown) => Promise<void>>(readable, 'cancel');
const pipeStream = methodOf<(stream: object, pair: object) => BodyStream>(readable, 'pipeThrough');
const readFrom = methodOf<(reader: object) => Promise<Read>>(reader, 'read');
const cancelReader = methodOf<(reader: object, reason: unknown) => Promise<void>>(reader, 'cancel');
const enqueueBytes = methodOf<(controller: object, chunk: Uint8Array) => void>(controller, 'enqueue');
const closeBytes = methodOf<(controller: object) => void>(controller, 'close');
const errorBytes = methodOf<(controller: object, reason: unknown) => void>(controller, 'error');
const byobOf = getterOf<(controller: object) => object | null>(controller, 'byobRequest');
const respond = methodOf<(request: object, count: number) => void>(
  ponyfill.ReadableStreamBYOBRequest.prototype,
  'respond',
);
const sliceBytes = methodOf<(bytes: Uint8Array) => Uint8Array>(Uint8Array.prototype, 'slice');
const chain = methodOf<
  <T, U>(self: Promise<T>, done: (value: T) => U, failed?: (reason: unknown) => U) => Promise<U>
>(Promise.prototype, 'then');

/** Brand check by an intrinsic; never calls guest code. */
export function isReadableStream(value: unknown): value is BodyStream {
  if (typeof value !== 'object' || value === null) return false;
  try {
    lockedOf(value);
    return true;
  } catch {
    return false;
  }
}

export function isLocked(stream: BodyStream): boolean {
  return lockedOf(stream);
}

/** Streams: "a ReadableStream is disturbed" once it was read from or cancelled. */
export function isDisturbed(stream: BodyStream): boolean {
  return (stream as unknown as { _disturbed: boolean })._disturbed;
}

export function tee(stream: BodyStream): [BodyStream, BodyStream] {
  return teeStream(stream);
}

/** Locks `stream` and gives another one with the same chunks (Fetch: "create a proxy"). */
export function proxyStream(stream: BodyStream): BodyStream {
  return pipeStream(stream, new TransformStreamClass());
}

/** Cancels without waiting; a failing cancel is nobody's business. */
export function discard(stream: BodyStream, reason?: unknown): void {
  const ignore = (): undefined => undefined;
  void chain(cancelStream(stream, reason), ignore, ignore);
}

/** Where a source of createByteStream puts what it has. */
export interface ByteSink {
  /** Takes the chunk's buffer over when the chunk covers all of it, copies the chunk otherwise. Empty: ignored. */
  enqueue(chunk: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

export interface ByteSource {
  /** Called when a reader wants more, not again before its promise settled and something was enqueued. */
  pull(sink: ByteSink): void | Promise<void>;
  cancel?(reason: unknown): void | Promise<void>;
}

/** A byte stream (`type: "bytes"`); with the default high-water mark 0 `pull` runs only for a waiting reader. */
export function createByteStream(source: ByteSource, highWaterMark: number = 0): BodyStream {
  let sink!: ByteSink;
  // No prototype: the library asks for members that are not here, and a guest may have put them on Object.prototype.
  const underlying = {
    __proto__: null,
    type: 'bytes' as const,
    start(controller: object): void {
      sink = createSink(controller);
    },
    pull: () => source.pull(sink),
    cancel: (reason: unknown) => source.cancel?.(reason),
  };
  return new Readable(underlying, { __proto__: null, highWaterMark } as { highWaterMark: number });
}

function createSink(controller: object): ByteSink {
  return {
    enqueue(chunk) {
      const { byteLength } = chunk;
      if (byteLength === 0) return;
      const whole = byteLength === chunk.buffer.byteLength;
      enqueueBytes(controller, whole ? chunk : sliceBytes(chunk));
    },
    close() {
      closeBytes(controller);
      // A BYOB reader's pending read ends only when its request is answered.
      const request = byobOf(controller);
      if (request) respond(request, 0);
    },
    error: (reason) => errorBytes(controller, reason),
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

/** Locks the stream for good. Uses captured intrinsics only, so a guest's patches to prototypes see nothing. */
export function openReader(stream: BodyStream): BodyReader {
  const handle = getReader(stream);
  return {
    read: () =>
      chain(readFrom(handle), (result) => {
        if (result.done) return undefined;
        const { value } = result;
        if (isBytes(value)) return value;
        throw new TypeError(
          'A body stream may only hold Uint8Array chunks; encode text with TextEncoderStream',
        );
      }),
    cancel: (reason) => cancelReader(handle, reason),
  };
}

/** Reads to the end. Rejects with the stream's error, or TypeError for chunks that are not bytes. */
export async function readAll(stream: BodyStream): Promise<Uint8Array> {
  const source = openReader(stream);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
    chunks[chunks.length] = chunk;
    length += chunk.byteLength;
  }
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return all;
}
