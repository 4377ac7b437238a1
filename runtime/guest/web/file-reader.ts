import { encodeBase64 } from './base64.ts';
import { type Blob, blobBytes, isBlob } from './blob.ts';
import { createDomException } from './dom-exception.ts';
import { decodeLatin1 } from './latin1.ts';
import { EventTarget, fire, handlerAttribute } from './event-target.ts';
import { io } from './io.ts';
import { parseMime } from './mime.ts';
import { ProgressEvent } from './progress-event.ts';
import { TextDecoder } from './text-decoder.ts';
import { requireArguments, shapeInterface, toText } from './webidl.ts';

const states: Readonly<Record<string, number>> = { EMPTY: 0, LOADING: 1, DONE: 2 };
const eventTypes: readonly string[] = ['loadstart', 'progress', 'load', 'abort', 'error', 'loadend'];

type Result = string | ArrayBuffer;
type Pack<T> = (bytes: Uint8Array<ArrayBuffer>, type: string) => T;

/** File API, 6.4 "package data". */
const packBuffer: Pack<ArrayBuffer> = (bytes) => bytes.slice().buffer;
const packDataUrl: Pack<string> = (bytes, type) =>
  `data:${type || 'application/octet-stream'};base64,${encodeBase64(bytes)}`;

function packText(encoding: unknown): Pack<string> {
  const label = encoding === undefined ? undefined : toText(encoding);
  return (bytes, type) => decode(bytes, type, label);
}

/** The next task, as far as there are any: they belong to invocations. */
async function nextTask(): Promise<void> {
  try {
    await new Promise<void>((done) => {
      if (io.queueTask) io.queueTask(done);
      else if (io.setTimeout) io.setTimeout(done, 0);
      else done();
    });
  } catch {
    // Outside of an invocation a microtask has to do.
  }
}

/** File API, 6.2. Blobs are in memory: each event is a task of its own. */
export class FileReader extends EventTarget {
  #state = states.EMPTY as number;
  #result: Result | null = null;
  #error: Error | null = null;
  /** Counts reads; one that was aborted is not the latest any more. */
  #reads = 0;

  get readyState(): number {
    return this.#state;
  }
  get result(): Result | null {
    return this.#result;
  }
  get error(): Error | null {
    return this.#error;
  }

  readAsArrayBuffer(blob: unknown): void {
    requireArguments(arguments.length, 1, 'FileReader.readAsArrayBuffer');
    this.#start(blob, packBuffer);
  }
  readAsBinaryString(blob: unknown): void {
    requireArguments(arguments.length, 1, 'FileReader.readAsBinaryString');
    this.#start(blob, decodeLatin1);
  }
  readAsText(blob: unknown, encoding: unknown = undefined): void {
    requireArguments(arguments.length, 1, 'FileReader.readAsText');
    this.#start(blob, packText(encoding));
  }
  readAsDataURL(blob: unknown): void {
    requireArguments(arguments.length, 1, 'FileReader.readAsDataURL');
    this.#start(blob, packDataUrl);
  }

  abort(): void {
    if (this.#state !== states.LOADING) {
      this.#result = null;
      return;
    }
    this.#state = states.DONE as number;
    this.#result = null;
    this.#reads++;
    this.#fire('abort', 0, 0);
    if (this.#state !== states.LOADING) this.#fire('loadend', 0, 0);
  }

  /** File API, 6.2 "read operation". */
  #start(blob: unknown, pack: Pack<Result>): void {
    if (!isBlob(blob)) throw new TypeError('FileReader reads Blobs and Files');
    if (this.#state === states.LOADING)
      throw createDomException('The FileReader is reading already; abort() it first', 'InvalidStateError');
    this.#state = states.LOADING as number;
    this.#result = null;
    this.#error = null;
    void this.#read(blob, () => pack(blobBytes(blob) as Uint8Array<ArrayBuffer>, blob.type));
  }

  async #read(blob: Blob, pack: () => Result): Promise<void> {
    const read = ++this.#reads;
    const { size } = blob;
    const events: readonly (readonly [string, number])[] =
      size === 0
        ? [['loadstart', 0]]
        : [
            ['loadstart', 0],
            ['progress', size],
          ];
    for (const [type, loaded] of events) {
      await nextTask();
      if (read !== this.#reads) return;
      this.#fire(type, loaded, size);
    }
    await nextTask();
    if (read !== this.#reads) return;
    this.#state = states.DONE as number;
    try {
      this.#result = pack();
      this.#fire('load', size, size);
    } catch {
      this.#error = createDomException('The blob is too large to be read whole', 'NotReadableError');
      this.#fire('error', 0, size);
    }
    await nextTask();
    if (read === this.#reads && this.#state !== states.LOADING) this.#fire('loadend', size, size);
  }

  #fire(type: string, loaded: number, total: number): void {
    fire(this, new ProgressEvent(type, { lengthComputable: total > 0, loaded, total }));
  }
}

/** File API, 6.6: FileReader without the wait; in a function every thread may wait. */
export class FileReaderSync {
  /** What every method does before anything else; it also proves whose `this` it is. */
  #read<T>(blob: unknown, pack: Pack<T>): T {
    if (!isBlob(blob)) throw new TypeError('FileReaderSync reads Blobs and Files');
    return pack(blobBytes(blob) as Uint8Array<ArrayBuffer>, blob.type);
  }

  readAsArrayBuffer(blob: unknown): ArrayBuffer {
    requireArguments(arguments.length, 1, 'FileReaderSync.readAsArrayBuffer');
    return this.#read(blob, packBuffer);
  }
  readAsBinaryString(blob: unknown): string {
    requireArguments(arguments.length, 1, 'FileReaderSync.readAsBinaryString');
    return this.#read(blob, decodeLatin1);
  }
  readAsText(blob: unknown, encoding: unknown = undefined): string {
    requireArguments(arguments.length, 1, 'FileReaderSync.readAsText');
    return this.#read(blob, packText(encoding));
  }
  readAsDataURL(blob: unknown): string {
    requireArguments(arguments.length, 1, 'FileReaderSync.readAsDataURL');
    return this.#read(blob, packDataUrl);
  }
}

/** File API, 6.4 "package data", text; Encoding, 6 "decode": a byte order mark outdoes every label. */
function decode(bytes: Uint8Array, type: string, label: string | undefined): string {
  for (const name of [bomEncoding(bytes), label, parseMime(type)?.parameters.get('charset')]) {
    if (name === undefined) continue;
    try {
      return new TextDecoder(name).decode(bytes);
    } catch {
      // No encoding of this name: the next one counts.
    }
  }
  return new TextDecoder().decode(bytes);
}

function bomEncoding(bytes: Uint8Array): string | undefined {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return first === 0xff && second === 0xfe ? 'utf-16le' : undefined;
}

for (const owner of [FileReader, FileReader.prototype])
  for (const name of Object.keys(states))
    Object.defineProperty(owner, name, { value: states[name], enumerable: true });
for (const type of eventTypes)
  Object.defineProperty(FileReader.prototype, `on${type}`, {
    ...handlerAttribute(type),
    configurable: true,
    enumerable: true,
  });
shapeInterface(FileReader.prototype, 'FileReader');
shapeInterface(FileReaderSync.prototype, 'FileReaderSync');
