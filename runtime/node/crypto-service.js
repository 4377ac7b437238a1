import { Buffer } from './buffer.js';
import { fault, invalidType } from './errors.js';

/** The cell's part of `node:crypto` and `node:zlib` (runtime/guest/open-services.ts): metered, and waited for or not. */
export const { serve, serveLater } = globalThis[Symbol.for('islet.services')];

/** What Node takes where it says "string or bytes". */
export function toBuffer(data, name = 'data', encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding === 'buffer' ? 'utf8' : encoding);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  throw invalidType(name, 'of type string or an instance of Buffer, TypedArray, DataView or ArrayBuffer');
}

/** Bytes of the cell as Node gives them: a Buffer, or text. */
export function toOutput(bytes, encoding) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
}

/** Node's (error, result) over a promise. */
export function callBack(promise, callback) {
  if (typeof callback !== 'function') throw invalidType('callback', 'of type function');
  promise.then(
    (result) => callback(null, result),
    (error) => callback(error),
  );
}

export function checkCount(value, name, most = 2 ** 31 - 1) {
  if (typeof value !== 'number') throw invalidType(name, 'of type number');
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw fault(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `The value of "${name}" is out of range. It must be >= 0 && <= ${most}. Received ${value}`,
    );
  return value;
}
