import * as lite from '@exodus/bytes/encoding-lite.js';
import { LegacyDecoder } from './legacy-decoder.ts';
import { sharedBytes, shapeInterface, toDictionary, toText, uncurryThis } from './webidl.ts';

/** Decodes pieces of a text; `stream`: more follow. Throws TypeError for malformed bytes when it is fatal. */
interface Decoder {
  decode(bytes: Uint8Array, options: { readonly stream: boolean }): string;
}

const multiByte: readonly string[] = [
  'big5',
  'euc-jp',
  'euc-kr',
  'gb18030',
  'gbk',
  'iso-2022-jp',
  'shift_jis',
];

/** Encoding, 7.2: every encoding of the standard but those called replacement. */
export class TextDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBom: boolean;
  readonly #decoder: Decoder;

  constructor(label: unknown = 'utf-8', options: unknown = undefined) {
    const text = toText(label);
    const { fatal, ignoreBOM } = toDictionary(options, 'The options of TextDecoder');
    const encoding = lite.normalizeEncoding(text);
    if (encoding === null || encoding === 'replacement')
      throw new RangeError(`No decoder for the label ${JSON.stringify(text)}; see the Encoding standard's`);
    this.#encoding = encoding;
    this.#fatal = Boolean(fatal);
    this.#ignoreBom = Boolean(ignoreBOM);
    this.#decoder = multiByte.includes(encoding)
      ? new LegacyDecoder(encoding, this.#fatal)
      : new lite.TextDecoder(encoding, { fatal: this.#fatal, ignoreBOM: this.#ignoreBom });
  }

  get encoding(): string {
    return this.#encoding;
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBom;
  }

  decode(input: unknown = undefined, options: unknown = undefined): string {
    const decoder = this.#decoder;
    const bytes = input === undefined ? new Uint8Array() : toBytes(input);
    const { stream } = toDictionary(options, 'The options of decode');
    return decoder.decode(bytes, { stream: Boolean(stream) });
  }
}

/** AllowSharedBufferSource, not copied; TypeError for anything else. */
export function toBytes(value: unknown): Uint8Array {
  const bytes = sharedBytes(value);
  if (bytes === undefined) throw new TypeError('Only an ArrayBuffer or a view on one can be decoded');
  return bytes;
}

shapeInterface(TextDecoder.prototype, 'TextDecoder');

const members = Object.getOwnPropertyDescriptors(TextDecoder.prototype);
/** The members of the class for text-streams.ts, whatever a guest makes of its prototype. */
export const decodeNext: (decoder: TextDecoder, bytes?: Uint8Array, options?: object) => string = uncurryThis(
  members.decode.value,
);
export const encodingOf: (decoder: TextDecoder) => string = uncurryThis(members.encoding.get);
export const fatalOf: (decoder: TextDecoder) => boolean = uncurryThis(members.fatal.get);
export const ignoreBomOf: (decoder: TextDecoder) => boolean = uncurryThis(members.ignoreBOM.get);
