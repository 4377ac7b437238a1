import { Buffer } from './buffer.js';
import { callBack, checkCount } from './crypto-service.js';
import { fault } from './errors.js';

const web = globalThis.crypto;
/** What the web's getRandomValues gives at once. */
const most = 65_536;

function fill(bytes) {
  for (let from = 0; from < bytes.length; from += most)
    web.getRandomValues(bytes.subarray(from, from + most));
  return bytes;
}

function randomBuffer(size) {
  return fill(Buffer.alloc(checkCount(size, 'size')));
}

export function randomBytes(size, callback) {
  if (callback === undefined) return randomBuffer(size);
  checkCount(size, 'size');
  return callBack(
    Promise.resolve().then(() => randomBuffer(size)),
    callback,
  );
}

export function randomFillSync(target, offset = 0, size) {
  const view = ArrayBuffer.isView(target)
    ? new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
    : new Uint8Array(target);
  const unit = target.BYTES_PER_ELEMENT ?? 1;
  const from = checkCount(offset * unit, 'offset', view.length);
  const length = size === undefined ? view.length - from : size * unit;
  checkCount(length, 'size', view.length - from);
  fill(view.subarray(from, from + length));
  return target;
}

export function randomFill(target, ...rest) {
  const callback = rest.pop();
  callBack(
    Promise.resolve().then(() => randomFillSync(target, ...rest)),
    callback,
  );
}

/** Every number is as likely as any other: what lies beyond the last whole range is drawn again. */
function draw(min, max) {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max))
    throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "min" and "max" arguments must be safe integers.');
  const range = max - min;
  if (range <= 0 || range > 2 ** 48 - 1)
    throw fault(RangeError, 'ERR_OUT_OF_RANGE', `The value of "max" is out of range. Received ${max}`);
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const drawn = randomBuffer(6).readUIntBE(0, 6);
    if (drawn < limit) return min + (drawn % range);
  }
}

export function randomInt(min, max, callback) {
  if (max === undefined || typeof max === 'function') return randomInt(0, min, max);
  if (callback === undefined) return draw(min, max);
  return callBack(
    Promise.resolve().then(() => draw(min, max)),
    callback,
  );
}

export const randomUUID = () => web.randomUUID();
export const getRandomValues = (view) => web.getRandomValues(view);
export const webcrypto = web;
export const { subtle } = web;

/** In time that depends on the length only. */
export function timingSafeEqual(one, other) {
  const [first, second] = [one, other].map((value) => {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    throw fault(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'Both arguments must be a Buffer, TypedArray or DataView.',
    );
  });
  if (first.length !== second.length)
    throw fault(
      RangeError,
      'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
      'Input buffers must have the same byte length',
    );
  let different = 0;
  for (let index = 0; index < first.length; index++) different |= first[index] ^ second[index];
  return different === 0;
}
