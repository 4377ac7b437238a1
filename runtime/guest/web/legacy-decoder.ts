import { io } from './io.ts';
import { decodeLatin1 } from './latin1.ts';

/** Bytes of one call to the cell, whose thread decodes them while all its guests wait: about 0.1 ms. */
const pieceBytes = 16 * 1024;

/**
 * The multi-byte encodings: their tables take 150 KB, so the cell decodes (`serve`), and keeps what a piece of a text
 * leaves over until the next one comes. ASCII outside of such a text needs nobody.
 */
export class LegacyDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  /** The cell's number of the text that is under way; 0: none is. */
  #text = 0;

  constructor(encoding: string, fatal: boolean) {
    this.#encoding = encoding;
    this.#fatal = fatal;
  }

  /** Throws TypeError for malformed bytes when it is fatal, and when the cell has lost the text's beginning. */
  decode(bytes: Uint8Array, { stream }: { readonly stream: boolean }): string {
    const { length } = bytes;
    if (length === 0 && (stream || this.#text === 0)) return '';
    if (this.#text === 0 && this.#encoding !== 'iso-2022-jp' && isAscii(bytes)) return decodeLatin1(bytes);
    let text = '';
    let at = 0;
    do {
      const end = at + pieceBytes < length ? at + pieceBytes : length;
      text += this.#ask(bytes.subarray(at, end), stream || end < length);
      at = end;
    } while (at < length);
    return text;
  }

  #ask(piece: Uint8Array, more: boolean): string {
    const before = this.#text;
    const args = `["${this.#encoding}",${this.#fatal},${more},${before}]`;
    // A text that fails as a whole is over; one that goes on keeps its place in the cell.
    if (!more) this.#text = 0;
    const { value } = io.serve('decode', args, piece);
    const [number, text] = value as readonly [number, string | null];
    if (more) this.#text = number;
    if (text === null) throw new TypeError(`The bytes are not valid ${this.#encoding}`);
    return text;
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 0x7f) return false;
  return true;
}
