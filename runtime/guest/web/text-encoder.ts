import { typedArrayName } from './brands.ts';
import { encodeUtf8 } from './encoding.ts';
import { isObject, requireArguments, sharedBytes, shapeInterface, toText } from './webidl.ts';

/** Encoding, 7.5: UTF-8. */
export class TextEncoder {
  #encoding = 'utf-8';

  get encoding(): string {
    return this.#encoding;
  }

  encode(input: unknown = ''): Uint8Array {
    void this.#encoding;
    return encodeUtf8(toText(input));
  }

  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    void this.#encoding;
    requireArguments(arguments.length, 2, 'TextEncoder.encodeInto');
    const text = toText(source);
    if (!isObject(destination) || typedArrayName(destination) !== 'Uint8Array')
      throw new TypeError('encodeInto needs a Uint8Array to write into');
    return encodeInto(text, sharedBytes(destination) as Uint8Array);
  }
}

/** As many whole characters as there is room for. */
function encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
  const room = target.length;
  // No character takes less than a byte for each unit.
  const part = text.length > room ? text.slice(0, room) : text;
  const bytes = encodeUtf8(part);
  if (bytes.length <= room && part.length === text.length) {
    target.set(bytes);
    return { read: text.length, written: bytes.length };
  }
  let read = 0;
  let written = 0;
  while (read < text.length) {
    const code = text.codePointAt(read) as number;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (written + size > room) break;
    written += size;
    read += size === 4 ? 2 : 1;
  }
  target.set(encodeUtf8(text.slice(0, read)));
  return { read, written };
}

shapeInterface(TextEncoder.prototype, 'TextEncoder');
