/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { NativeTypeError, NativeUint8Array, stringCharCode, uncurry, viewLength } from './primordials.ts';

/** Base64 and hex for code that runs after a guest's. V8 before 14, which is Node 24's, has no methods for them. */
const native = 'toBase64' in NativeUint8Array.prototype;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const hexDigits = '0123456789abcdef';
const notDigit = 255;
const space = 254;
const padding = 61;

/** Value of each character code below 128. */
const values = new NativeUint8Array(128).fill(notDigit);
for (let digit = 0; digit < 64; digit++) values[alphabet.charCodeAt(digit)] = digit;
for (const code of [9, 10, 12, 13, 32]) values[code] = space;

export const toBase64: (bytes: Uint8Array) => string = native
  ? uncurry(NativeUint8Array.prototype.toBase64)
  : encodeSlow;

/** Infra, 7 "forgiving-base64 decode"; throws a SyntaxError or TypeError for anything else. */
export const fromBase64: (text: string) => Uint8Array<ArrayBuffer> = native
  ? NativeUint8Array.fromBase64
  : decodeSlow;

/** Two lower-case digits for each byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  const length = viewLength(bytes);
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] ?? 0;
    text += `${hexDigits[byte >> 4]}${hexDigits[byte & 15]}`;
  }
  return text;
}

export function encodeSlow(bytes: Uint8Array): string {
  let text = '';
  const length = viewLength(bytes);
  for (let at = 0; at < length; at += 3) {
    const held = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += `${alphabet[held >> 18]}${alphabet[(held >> 12) & 63]}`;
    text += at + 1 < length ? alphabet[(held >> 6) & 63] : '=';
    text += at + 2 < length ? alphabet[held & 63] : '=';
  }
  return text;
}

export function decodeSlow(text: string): Uint8Array<ArrayBuffer> {
  let digits = 0;
  let padded = 0;
  const held = new NativeUint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = stringCharCode(text, at);
    const value = code < 128 ? (values[code] ?? notDigit) : notDigit;
    if (value === space) continue;
    if (code === padding) padded++;
    else if (value === notDigit || padded > 0) throw new NativeTypeError('not base64');
    else held[digits++] = value;
  }
  const partial = digits % 4;
  if (partial === 1 || padded > 2 || (padded > 0 && (digits + padded) % 4 !== 0))
    throw new NativeTypeError('not base64');
  const bytes = new NativeUint8Array((digits * 3) >> 2);
  for (let at = 0, to = 0; at < digits; at += 4, to += 3) {
    const b = held[at + 1] ?? 0;
    const c = held[at + 2] ?? 0;
    bytes[to] = ((held[at] ?? 0) << 2) | (b >> 4);
    bytes[to + 1] = (b << 4) | (c >> 2);
    bytes[to + 2] = (c << 6) | (held[at + 3] ?? 0);
  }
  return bytes;
}
