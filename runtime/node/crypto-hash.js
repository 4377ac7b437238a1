import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { KeyObject } from './crypto-keys.js';
import { serve, toBuffer, toOutput } from './crypto-service.js';
import { fault } from './errors.js';

/** Bytes kept here before the cell takes them over; most hashes are made with one call. */
const mostKept = 2 ** 20;

/**
 * What Hash and Hmac share. They can be piped into, and read from once they have ended; they are no Transform of
 * node:stream, which would come along with every bundle that imports crypto.
 */
class Digesting extends EventEmitter {
  _algorithm;
  _key;
  _options;
  #kept = [];
  #length = 0;
  #state = 0;
  #digest;
  #isRead = false;

  update(data, encoding) {
    if (this.#digest !== undefined) throw finalized('Digest already called');
    const buffer = toBuffer(data, 'data', encoding);
    // The caller may write to its buffer after this.
    this.#kept.push(typeof data === 'string' ? buffer : Buffer.from(buffer));
    this.#length += buffer.length;
    if (this.#length > mostKept) this.#flush();
    return this;
  }

  digest(encoding) {
    if (this.#digest !== undefined) {
      if (this instanceof Hmac) return encoding === undefined ? Buffer.alloc(0) : '';
      throw finalized('Digest already called');
    }
    const { bytes } = this.#ask('end');
    this.#digest = bytes;
    return toOutput(bytes.slice(), encoding);
  }

  _copyTo(copy) {
    if (this.#digest !== undefined) throw finalized('Digest already called');
    copy.#kept = [...this.#kept];
    copy.#length = this.#length;
    if (this.#state !== 0)
      copy.#state = serve('hash', [this._algorithm, -1, this.#state, 'copy', null]).value;
    return copy;
  }

  #flush() {
    this.#state = this.#ask('more').value;
    this.#kept = [];
    this.#length = 0;
  }

  #ask(what) {
    const isFirst = this.#state === 0;
    const key = isFirst ? this._key : undefined;
    const bytes = Buffer.concat(key === undefined ? this.#kept : [key, ...this.#kept]);
    const length = this._options?.outputLength ?? null;
    return serve(
      'hash',
      [this._algorithm, key === undefined ? -1 : key.length, this.#state, what, length],
      bytes,
    );
  }

  write(chunk, encoding, callback) {
    this.update(chunk, typeof encoding === 'string' ? encoding : undefined);
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') queueMicrotask(done);
    return true;
  }

  end(chunk, encoding, callback) {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') this.write(chunk, encoding);
    this.digest();
    const done = [chunk, encoding, callback].find((one) => typeof one === 'function');
    queueMicrotask(() => {
      this.emit('finish');
      done?.();
      this.emit('readable');
      if (this.listenerCount('data') > 0) this.emit('data', this.read());
      this.emit('end');
    });
    return this;
  }

  read() {
    if (this.#digest === undefined || this.#isRead) return null;
    this.#isRead = true;
    return toOutput(this.#digest.slice(), this._encoding);
  }

  setEncoding(encoding) {
    this._encoding = encoding;
    return this;
  }
}

export class Hash extends Digesting {
  constructor(algorithm, options) {
    super();
    if (typeof algorithm !== 'string')
      throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "algorithm" argument must be of type string.');
    checkHash(algorithm);
    this._algorithm = algorithm;
    this._options = options;
  }

  copy(options) {
    return this._copyTo(new Hash(this._algorithm, options ?? this._options));
  }
}

export class Hmac extends Digesting {
  constructor(algorithm, key) {
    super();
    if (typeof algorithm !== 'string')
      throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "hmac" argument must be of type string.');
    checkHash(algorithm, true);
    this._algorithm = algorithm;
    this._key = key instanceof KeyObject ? key.export() : Buffer.from(toBuffer(key, 'key'));
  }
}

export const createHash = (algorithm, options) => new Hash(algorithm, options);
export const createHmac = (algorithm, key) => new Hmac(algorithm, key);

/** `crypto.hash`: all at once. */
export function hash(algorithm, data, encoding = 'hex') {
  const { outputEncoding = 'hex', outputLength } =
    typeof encoding === 'string' ? { outputEncoding: encoding } : encoding;
  return new Hash(algorithm, { outputLength }).update(data).digest(outputEncoding);
}

export const getHashes = () => [
  'md5',
  'ripemd160',
  'sha1',
  'sha224',
  'sha256',
  'sha384',
  'sha3-224',
  'sha3-256',
  'sha3-384',
  'sha3-512',
  'sha512',
  'sha512-224',
  'sha512-256',
  'shake128',
  'shake256',
];

const known = new Set(getHashes());

/** Names the cell knows besides are asked for once. */
function checkHash(algorithm, isHmac = false) {
  const name = algorithm.toLowerCase();
  if (known.has(name)) return;
  serve('hash', [name, isHmac ? 0 : -1, 0, 'end', null]);
  known.add(name);
}

function finalized(message) {
  return fault(Error, 'ERR_CRYPTO_HASH_FINALIZED', message);
}
