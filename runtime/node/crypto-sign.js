import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { toKeyObject } from './crypto-keys.js';
import { callBack, serve, serveLater, toBuffer, toOutput } from './crypto-service.js';
import { fault } from './errors.js';

function toCall(kind, algorithm, { data, key: given, signature }) {
  const key = toKeyObject(kind, given);
  const { padding, saltLength, dsaEncoding } = typeof given === 'object' && given !== null ? given : {};
  const parts = [key._bytes(), signature ?? Buffer.alloc(0), data];
  const signing = {
    ...key._form(),
    digest: algorithm ?? null,
    padding,
    saltLength,
    dsaEncoding,
    signature: signature?.length,
  };
  return ['signature', [signing], Buffer.concat(parts)];
}

export function sign(algorithm, data, key, callback) {
  const call = toCall('private', algorithm, { data: toBuffer(data), key });
  if (callback === undefined) return toOutput(serve(...call).bytes);
  return callBack(
    serveLater(...call).then(({ bytes }) => toOutput(bytes)),
    callback,
  );
}

export function verify(algorithm, data, key, ...[signature, callback]) {
  const given = { data: toBuffer(data), key, signature: toBuffer(signature, 'signature') };
  const call = toCall('public', algorithm, given);
  if (callback === undefined) return serve(...call).value;
  return callBack(
    serveLater(...call).then(({ value }) => value),
    callback,
  );
}

class Gathering extends EventEmitter {
  #parts = [];
  _algorithm;

  constructor(algorithm) {
    super();
    if (typeof algorithm !== 'string')
      throw fault(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "algorithm" argument must be of type string.');
    this._algorithm = algorithm.replace(/^rsa-/i, '');
  }

  update(data, encoding) {
    this.#parts.push(Buffer.from(toBuffer(data, 'data', encoding)));
    return this;
  }

  write(chunk, encoding) {
    this.update(chunk, typeof encoding === 'string' ? encoding : undefined);
    return true;
  }

  end(chunk, encoding) {
    if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    this.emit('finish');
    return this;
  }

  _data() {
    return Buffer.concat(this.#parts);
  }
}

export class Sign extends Gathering {
  sign(key, encoding) {
    const bytes = sign(this._algorithm, this._data(), key);
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }
}

export class Verify extends Gathering {
  verify(key, signature, encoding) {
    return verify(this._algorithm, this._data(), key, toBuffer(signature, 'signature', encoding));
  }
}

export const createSign = (algorithm) => new Sign(algorithm);
export const createVerify = (algorithm) => new Verify(algorithm);
