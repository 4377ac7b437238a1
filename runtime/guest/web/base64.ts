import { createDomException } from './dom-exception.ts';
import { decodeLatin1 } from './latin1.ts';
import { methodOf, requireArguments, toText } from './webidl.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const beyondLatin1 = /[^\0-\xff]/;
const notBase64 = /[^A-Za-z0-9+/]/;
const Bytes = Uint8Array;
const native = 'fromBase64' in Bytes && 'toBase64' in Bytes.prototype;
const encodeNative = native
  ? methodOf<(bytes: Uint8Array) => string>(Bytes.prototype, 'toBase64')
  : encodeSlow;

/** HTML, 8.3. Infra's forgiving-base64 decode is what V8's "loose" mode does; V8 before 14 has neither. */
export function atob(data: unknown): string {
  requireArguments(arguments.length, 1, 'atob');
  const bytes = decodeBase64(toText(data));
  if (bytes === undefined)
    throw createDomException('The string to decode is not valid base64', 'InvalidCharacterError');
  return decodeLatin1(bytes);
}

/** Infra, 7 "forgiving-base64 decode"; undefined where that fails. */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return native ? Bytes.fromBase64(text) : decodeSlow(text);
  } catch {
    return undefined;
  }
}

/** Base64 of bytes, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return encodeNative(bytes);
}

/** HTML, 8.3. */
export function btoa(data: unknown): string {
  requireArguments(arguments.length, 1, 'btoa');
  const text = toText(data);
  if (beyondLatin1.test(text))
    throw createDomException(
      'The string to encode has characters beyond U+00FF; encode it to UTF-8 first',
      'InvalidCharacterError',
    );
  const bytes = new Bytes(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return encodeBase64(bytes);
}

/** Infra, 7 "forgiving-base64 decode"; throws where that fails. */
function decodeSlow(data: string): Uint8Array {
  let text = data.replace(/[\t\n\f\r ]/g, '');
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, '');
  if (text.length % 4 === 1 || notBase64.test(text)) throw new SyntaxError('not base64');
  const bytes = new Bytes((text.length * 3) >> 2);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    held = ((held << 6) | alphabet.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return bytes;
}

function encodeSlow(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b, c] = bytes.subarray(at, at + 3);
    const held = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += alphabet.charAt(held >> 18) + alphabet.charAt((held >> 12) & 63);
    text += b === undefined ? '=' : alphabet.charAt((held >> 6) & 63);
    text += c === undefined ? '=' : alphabet.charAt(held & 63);
  }
  return text;
}
