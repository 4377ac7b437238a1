import { Buffer } from 'node:buffer';
import type { Range } from './store.ts';

/** Above every key: no UTF-8 text holds the byte 0xff. */
const aboveAll = Buffer.from([0xff]);
const zero = Buffer.from([0]);

/** UTF-8 bytes of a key. Throws TypeError when it is empty or holds a lone surrogate, which has no UTF-8 form. */
export function encodeKey(key: string): Buffer {
  if (key === '') throw new TypeError('A store key is empty; use one character or more');
  return encodeText(key);
}

export function decodeKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** A range as two byte strings: keys `>= low` and `< high` are in it. */
export interface Bounds {
  readonly low: Buffer;
  readonly high: Buffer;
}

/** Throws TypeError for text with lone surrogates. */
export function toBounds(range: Range): Bounds {
  const prefix = encodeText(range.prefix);
  let low = prefix;
  let high = prefix.length === 0 ? aboveAll : successorOfPrefix(prefix);
  if (range.from !== undefined) low = later(low, encodeText(range.from));
  // The least key after k is k followed by a zero byte.
  if (range.after !== undefined) low = later(low, Buffer.concat([encodeText(range.after), zero]));
  if (range.before !== undefined) high = earlier(high, encodeText(range.before));
  return { low, high };
}

function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  throw new TypeError(`Store key ${JSON.stringify(text)} holds a lone surrogate; use well-formed text`);
}

/** The least byte string above all that begin with `prefix`; its last byte is never 0xff in UTF-8. */
function successorOfPrefix(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix);
  next[next.length - 1] = (next[next.length - 1] ?? 0) + 1;
  return next;
}

function later(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) >= 0 ? a : b;
}

function earlier(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) <= 0 ? a : b;
}
