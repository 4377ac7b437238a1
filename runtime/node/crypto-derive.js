/* oxlint-disable max-params -- Node's own signatures */
import { Buffer } from './buffer.js';
import { KeyObject } from './crypto-keys.js';
import { callBack, checkCount, serve, serveLater, toBuffer, toOutput } from './crypto-service.js';
import { fault } from './errors.js';

const toKey = (key, name) => (key instanceof KeyObject ? key.export() : toBuffer(key, name));

function pbkdf2Call(password, salt, { iterations, keylen, digest }) {
  if (typeof digest !== 'string')
    throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "digest" argument must be of type string.');
  const [first, second] = [toBuffer(password, 'password'), toBuffer(salt, 'salt')];
  checkCount(iterations, 'iterations');
  if (iterations === 0)
    throw fault(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "iterations" is out of range. It must be >= 1');
  checkCount(keylen, 'keylen');
  return ['pbkdf2', [digest, iterations, keylen, first.length], Buffer.concat([first, second])];
}

export function pbkdf2Sync(password, salt, iterations, keylen, digest) {
  return toOutput(serve(...pbkdf2Call(password, salt, { iterations, keylen, digest })).bytes);
}

export function pbkdf2(password, salt, iterations, keylen, digest, callback) {
  const call = pbkdf2Call(password, salt, { iterations, keylen, digest });
  callBack(
    serveLater(...call).then(({ bytes }) => toOutput(bytes)),
    callback,
  );
}

function scryptCall(password, salt, keylen, options = {}) {
  const [first, second] = [toBuffer(password, 'password'), toBuffer(salt, 'salt')];
  checkCount(keylen, 'keylen');
  const N = options.N ?? options.cost ?? 16_384;
  const r = options.r ?? options.blockSize ?? 8;
  const p = options.p ?? options.parallelization ?? 1;
  const maxmem = options.maxmem ?? 32 * 2 ** 20;
  return ['scrypt', [N, r, p, maxmem, keylen, first.length], Buffer.concat([first, second])];
}

export function scryptSync(password, salt, keylen, options) {
  return toOutput(serve(...scryptCall(password, salt, keylen, options)).bytes);
}

export function scrypt(password, salt, keylen, options, callback) {
  const [given, done] = typeof options === 'function' ? [{}, options] : [options, callback];
  callBack(
    serveLater(...scryptCall(password, salt, keylen, given)).then(({ bytes }) => toOutput(bytes)),
    done,
  );
}

function hkdfCall(digest, key, salt, { info, keylen }) {
  if (typeof digest !== 'string')
    throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "digest" argument must be of type string.');
  const parts = [toKey(key, 'ikm'), toBuffer(salt, 'salt'), toBuffer(info, 'info')];
  checkCount(keylen, 'length');
  return ['hkdf', [digest, keylen, parts[0].length, parts[1].length], Buffer.concat(parts)];
}

const toArrayBuffer = ({ bytes }) =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

export function hkdfSync(digest, key, salt, info, keylen) {
  return toArrayBuffer(serve(...hkdfCall(digest, key, salt, { info, keylen })));
}

export function hkdf(digest, key, salt, info, keylen, callback) {
  callBack(serveLater(...hkdfCall(digest, key, salt, { info, keylen })).then(toArrayBuffer), callback);
}
