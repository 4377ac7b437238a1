import { utf8fromStringLoose, utf8toStringLoose } from '@exodus/bytes/utf8.js';

/** UTF-8 of a string; lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return utf8fromStringLoose(text);
}

/** Encoding: "UTF-8 decode without BOM" – a BOM stays in the text. */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8toStringLoose(bytes);
}

/** Encoding: "UTF-8 decode" – one BOM at the start goes, malformed bytes become U+FFFD. */
export function decodeUtf8Body(bytes: Uint8Array): string {
  const bom = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return decodeUtf8(bom ? bytes.subarray(3) : bytes);
}
