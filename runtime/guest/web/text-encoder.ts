import * as lite from '@exodus/bytes/encoding-lite.js';
import { typedArrayName } from './brands.ts';
import { requireArguments, shapeInterface, toText } from './webidl.ts';

const library = new lite.TextEncoder();

/** Encoding, 7.5: UTF-8. */
export class TextEncoder {
  #utf8 = 'utf-8';

  get encoding(): string {
    return this.#utf8;
  }

  encode(input: unknown = ''): Uint8Array {
    void this.#utf8;
    return library.encode(toText(input));
  }

  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    void this.#utf8;
    requireArguments(arguments.length, 2, 'TextEncoder.encodeInto');
    const text = toText(source);
    if (
      typeof destination !== 'object' ||
      destination === null ||
      typedArrayName(destination) !== 'Uint8Array'
    )
      throw new TypeError('encodeInto needs a Uint8Array to write into');
    return library.encodeInto(text, destination as Uint8Array);
  }
}

shapeInterface(TextEncoder.prototype, 'TextEncoder');
