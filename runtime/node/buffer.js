import library from '@jspm/core/nodelibs/buffer';
import { fault } from './errors.js';

/**
 * `node:buffer`: Buffer of npm's `buffer` package, with what newer Nodes have beside it: base64url, and the web's own
 * classes. https://nodejs.org/api/buffer.html
 */

export const Buffer = library.Buffer;
// The bundler renames what would collide, and packages look at the name.
Object.defineProperty(Buffer, 'name', { value: 'Buffer' });

const isUrl = (encoding) => typeof encoding === 'string' && encoding.toLowerCase() === 'base64url';

const { from, isEncoding, byteLength } = Buffer;
const { toString, write } = Buffer.prototype;

Buffer.from = function (value, encoding, length) {
  // The package reads both alphabets as base64, and gives its errors no code.
  try {
    return from(value, typeof value === 'string' && isUrl(encoding) ? 'base64' : encoding, length);
  } catch (error) {
    const code = typeof value === 'string' ? 'ERR_UNKNOWN_ENCODING' : 'ERR_INVALID_ARG_TYPE';
    throw error instanceof TypeError ? Object.assign(error, { code }) : error;
  }
};
Buffer.isEncoding = (encoding) => isUrl(encoding) || isEncoding(encoding);
Buffer.byteLength = (value, encoding) => byteLength(value, isUrl(encoding) ? 'base64' : encoding);
Buffer.prototype.toString = function (encoding, start, end) {
  if (!isUrl(encoding)) return toString.call(this, encoding, start, end);
  return toString
    .call(this, 'base64', start, end)
    .replace(/[+/=]/g, (at) => ({ '+': '-', '/': '_' })[at] ?? '');
};
Buffer.prototype.write = function (...args) {
  return write.apply(
    this,
    args.map((arg) => (isUrl(arg) ? 'base64' : arg)),
  );
};

export const kMaxLength = library.kMaxLength;
export const INSPECT_MAX_BYTES = library.INSPECT_MAX_BYTES;
export const constants = {
  MAX_LENGTH: kMaxLength,
  MAX_STRING_LENGTH: 2 ** 29 - 24,
};
export const kStringMaxLength = constants.MAX_STRING_LENGTH;
export const { atob, btoa, Blob, File } = globalThis;
export const isUtf8 = (bytes) => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};
export const isAscii = (bytes) => new Uint8Array(bytes).every((byte) => byte < 128);

const widest = { ascii: 0x7f, latin1: 0xff, binary: 0xff };
for (const wide of ['utf8', 'utf-8', 'ucs2', 'ucs-2', 'utf16le', 'utf-16le']) widest[wide] = Infinity;
/** Bytes of one encoding in another; what the narrow ones have no letter for is "?". */
export function transcode(source, from, to) {
  const most = widest[to.toLowerCase()];
  if (most === undefined || widest[from.toLowerCase()] === undefined)
    throw fault(Error, 'U_ILLEGAL_ARGUMENT_ERROR', 'Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]');
  const text = Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString(from);
  return Buffer.from(
    Array.from(text, (letter) => (letter.codePointAt(0) > most ? '?' : letter)).join(''),
    to,
  );
}

export default {
  Buffer,
  kMaxLength,
  kStringMaxLength,
  transcode,
  INSPECT_MAX_BYTES,
  constants,
  atob,
  btoa,
  Blob,
  File,
  isUtf8,
  isAscii,
};
