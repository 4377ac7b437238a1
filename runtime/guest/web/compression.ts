import { isArrayBuffer } from './brands.ts';
import { io } from './io.ts';
import { createTransform, type Output, type Transform, type Transforming } from './streams.ts';
import type { ReadableStream } from './streams/readable-stream.ts';
import type { WritableStream } from './streams/writable-stream.ts';
import { requireArguments, shapeInterface, toText, viewBytes } from './webidl.ts';

/** The cell's names for compressing and decompressing a format. */
const formats: Readonly<Record<string, readonly [string, string]>> = {
  __proto__: null as never,
  deflate: ['deflate', 'inflate'],
  'deflate-raw': ['deflate-raw', 'inflate-raw'],
  gzip: ['gzip', 'gunzip'],
};
const empty = new Uint8Array();

function toFormat(value: unknown): readonly [string, string] {
  const text = toText(value);
  const format = formats[text];
  if (format === undefined)
    throw new TypeError(`The format must be gzip, deflate or deflate-raw, but is ${JSON.stringify(text)}`);
  return format;
}

/** Native code in the cell does the work (`zlib.write`); its state is opened by the first chunk and closed at the end. */
class Zlib implements Transforming {
  readonly #name: string;
  readonly #compresses: boolean;
  /** The cell's number; 0: not open. */
  #stream = 0;
  #over = false;

  constructor(name: string, compresses: boolean) {
    this.#name = name;
    this.#compresses = compresses;
  }

  async transform(chunk: unknown, output: Output): Promise<void> {
    const bytes = viewBytes(chunk);
    if (bytes === undefined || !isArrayBuffer(bytes.buffer))
      throw new TypeError('A chunk must be an ArrayBuffer or a view on one, and not shared');
    if (bytes.length === 0) return;
    if (this.#over) throw new TypeError('There is more input after the end of the compressed data');
    let more = await this.#write(bytes, '"none"', output);
    while (more) {
      // A bomb's output waits in the cell until somebody reads what came before.
      await output.wanted();
      more = await this.#write(empty, 'null', output);
    }
  }

  async flush(output: Output): Promise<void> {
    if (this.#over) return;
    let more = await this.#write(empty, '"finish"', output);
    while (more) more = await this.#write(empty, 'null', output);
  }

  cancel(): void {
    if (this.#stream === 0) return;
    // Whoever cancels does not wait for it.
    io.serveLater('zlib.close', `[${this.#stream}]`).then(undefined, () => undefined);
    this.#stream = 0;
  }

  async #write(bytes: Uint8Array, flush: string, output: Output): Promise<boolean> {
    const args = `[${this.#stream},"${this.#name}",null,${flush}]`;
    const { value, bytes: result } = await io.serveLater('zlib.write', args, bytes);
    const [stream, more] = value as readonly [number, boolean];
    this.#stream = stream;
    this.#over = !this.#compresses && stream === 0;
    if (result !== undefined && result.length > 0) output.enqueue(result);
    return more;
  }
}

/** Compression, 4. */
export class CompressionStream {
  readonly #transform: Transform;

  constructor(format: unknown) {
    requireArguments(arguments.length, 1, 'new CompressionStream');
    this.#transform = createTransform(new Zlib(toFormat(format)[0], true));
  }

  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

/** Compression, 5. */
export class DecompressionStream {
  readonly #transform: Transform;

  constructor(format: unknown) {
    requireArguments(arguments.length, 1, 'new DecompressionStream');
    this.#transform = createTransform(new Zlib(toFormat(format)[1], false));
  }

  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

shapeInterface(CompressionStream.prototype, 'CompressionStream');
shapeInterface(DecompressionStream.prototype, 'DecompressionStream');
