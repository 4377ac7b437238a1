import { encodeUtf8 } from './encoding.ts';
import { createTransform, type Transform } from './streams.ts';
import type { ReadableStream } from './streams/readable-stream.ts';
import type { WritableStream } from './streams/writable-stream.ts';
import { decodeNext, encodingOf, fatalOf, ignoreBomOf, TextDecoder, toBytes } from './text-decoder.ts';
import { shapeInterface, toText } from './webidl.ts';

const more = { __proto__: null, stream: true };

/** Encoding, 7.4. */
export class TextDecoderStream {
  readonly #decoder: TextDecoder;
  readonly #transform: Transform;

  constructor(label: unknown = 'utf-8', options: unknown = undefined) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#transform = createTransform({
      transform(chunk, output) {
        const text = decodeNext(decoder, toBytes(chunk), more);
        if (text !== '') output.enqueue(text);
      },
      flush(output) {
        const text = decodeNext(decoder);
        if (text !== '') output.enqueue(text);
      },
    });
  }

  get encoding(): string {
    return encodingOf(this.#decoder);
  }
  get fatal(): boolean {
    return fatalOf(this.#decoder);
  }
  get ignoreBOM(): boolean {
    return ignoreBomOf(this.#decoder);
  }
  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

const lastHighSurrogate = /[\ud800-\udbff]$/;
const replacement = [0xef, 0xbf, 0xbd] as const;

/** Encoding, 7.6. */
export class TextEncoderStream {
  readonly #transform: Transform;

  constructor() {
    let lead = '';
    this.#transform = createTransform({
      transform(chunk, output) {
        const text = lead + toText(chunk);
        lead = lastHighSurrogate.test(text) ? text.slice(-1) : '';
        const whole = lead === '' ? text : text.slice(0, -1);
        if (whole !== '') output.enqueue(encodeUtf8(whole));
      },
      flush(output) {
        if (lead !== '') output.enqueue(new Uint8Array(replacement));
      },
    });
  }

  get encoding(): string {
    void this.#transform;
    return 'utf-8';
  }
  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

shapeInterface(TextDecoderStream.prototype, 'TextDecoderStream');
shapeInterface(TextEncoderStream.prototype, 'TextEncoderStream');
