import { decodeUtf8Body, encodeUtf8 } from './encoding.ts';
import { io } from './io.ts';
import { type BodyStream, createByteStream } from './streams.ts';
import { requireArguments, shapeInterface, toDictionary, toUsvString, viewBytes, toText } from './webidl.ts';

/** The bytes of a Blob, shared: never write to them. */
export let blobBytes: (blob: Blob) => Uint8Array;
/** Brand checks; they never call guest code. */
export let isBlob: (value: unknown) => value is Blob;
export let isFile: (value: unknown) => value is File;
/** A Blob over bytes that it takes over, not copied. */
export let createBlob: (bytes: Uint8Array, type: string) => Blob;
/** A File over bytes that it takes over, not copied. */
export let createFile: (bytes: Uint8Array, name: string, type: string, modified?: number) => File;

/** HTML: Blob and File are serializable; the clone shares the bytes. */
export function cloneBlob(blob: Blob): Blob {
  if (!isFile(blob)) return createBlob(blobBytes(blob), blob.type);
  return createFile(blobBytes(blob), blob.name, blob.type, blob.lastModified);
}

/** How much of a blob one chunk of its stream holds, bytes. */
const streamChunk = 64 * 1024;
const notPrintable = /[^\x20-\x7e]/;

/** File API, 3. All of its bytes are in memory. */
export class Blob {
  #bytes: Uint8Array;
  #type: string;

  static {
    blobBytes = (blob) => blob.#bytes;
    isBlob = (value): value is Blob => typeof value === 'object' && value !== null && #bytes in value;
    createBlob = (bytes, type) => {
      const blob = new Blob();
      blob.#bytes = bytes;
      blob.#type = normalizeType(type);
      return blob;
    };
    createFile = (bytes, name, type, modified = io.now()) => {
      const file = new File([], name, { type, lastModified: modified });
      file.#bytes = bytes;
      return file;
    };
  }

  constructor(parts: unknown = undefined, init: unknown = undefined) {
    const options = toDictionary(init, 'The options of a Blob');
    const given = parts === undefined ? undefined : toParts(parts);
    const endings = options.endings === undefined ? 'transparent' : toText(options.endings);
    if (endings !== 'transparent' && endings !== 'native')
      throw new TypeError('The option "endings" of a Blob must be "transparent" or "native"');
    this.#bytes = given === undefined ? new Uint8Array(0) : joinParts(given, endings === 'native');
    this.#type = options.type === undefined ? '' : normalizeType(toText(options.type));
  }

  get size(): number {
    return this.#bytes.byteLength;
  }
  get type(): string {
    return this.#type;
  }

  slice(start: unknown = undefined, end: unknown = undefined, type: unknown = undefined): Blob {
    const size = this.#bytes.byteLength;
    const from = start === undefined ? 0 : clamp(start, size);
    const to = end === undefined ? size : clamp(end, size);
    const view = this.#bytes.subarray(from, Math.max(from, to));
    return createBlob(view, type === undefined ? '' : toText(type));
  }

  stream(): BodyStream {
    const bytes = this.#bytes;
    let at = 0;
    return createByteStream({
      pull(sink) {
        if (at < bytes.byteLength) sink.enqueue(bytes.slice(at, (at += streamChunk)));
        if (at >= bytes.byteLength) sink.close();
      },
    });
  }

  async text(): Promise<string> {
    return decodeUtf8Body(this.#bytes);
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }
  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice();
  }
}

/** File API, 4. */
export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  static {
    isFile = (value): value is File => typeof value === 'object' && value !== null && #name in value;
  }

  constructor(parts: unknown, name: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 2, 'new File');
    super(parts, init);
    this.#name = toUsvString(name);
    const { lastModified } = toDictionary(init, 'The options of a File');
    this.#lastModified =
      lastModified === undefined ? Math.trunc(io.now()) : Math.trunc(Number(lastModified)) || 0;
  }

  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  get webkitRelativePath(): string {
    return '';
  }
}

function normalizeType(type: string): string {
  return notPrintable.test(type) ? '' : type.toLowerCase();
}

function clamp(value: unknown, size: number): number {
  const index = Math.trunc(Number(value)) || 0;
  return index < 0 ? Math.max(size + index, 0) : Math.min(index, size);
}

type Part = Blob | Uint8Array | string;

/** Web IDL: a sequence of bytes, blobs and, of everything else, what its text is. */
function toParts(parts: unknown): Part[] {
  if (
    (typeof parts !== 'object' && typeof parts !== 'function') ||
    parts === null ||
    !(Symbol.iterator in parts)
  )
    throw new TypeError('The parts of a Blob must be an array of strings, bytes or blobs');
  return Array.from(parts as Iterable<unknown>, (part) =>
    isBlob(part) ? part : (viewBytes(part) ?? toUsvString(part)),
  );
}

/** File API, 3.1 "process blob parts". */
function joinParts(parts: readonly Part[], nativeEndings: boolean): Uint8Array {
  const chunks = parts.map((part) => {
    if (typeof part !== 'string') return isBlob(part) ? blobBytes(part) : part;
    return encodeUtf8(nativeEndings ? part.replace(/\r\n?/g, '\n') : part);
  });
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

shapeInterface(Blob.prototype, 'Blob');
shapeInterface(File.prototype, 'File');
