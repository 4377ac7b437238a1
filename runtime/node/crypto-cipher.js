import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { KeyObject } from './crypto-keys.js';
import { serve, toBuffer, toOutput } from './crypto-service.js';
import { fault } from './errors.js';

const toKey = (key, name) => (key instanceof KeyObject ? key.export() : toBuffer(key, name));

class Ciphering extends EventEmitter {
  #id;
  #tag;
  #isFinal = false;

  constructor(name, key, { iv, options, isEncrypting }) {
    super();
    const [first, second] = [toKey(key, 'key'), iv === null ? undefined : toBuffer(iv, 'iv')];
    const lengths = [first.length, second?.length ?? -1, options?.authTagLength ?? null];
    const bytes = Buffer.concat(second === undefined ? [first] : [first, second]);
    this.#id = serve('cipher', ['open', name, isEncrypting, ...lengths], bytes).value;
  }

  update(data, inputEncoding, outputEncoding) {
    const bytes = toBuffer(data, 'data', inputEncoding);
    return toOutput(serve('cipher', ['update', this.#id], bytes).bytes, outputEncoding);
  }

  final(outputEncoding) {
    if (this.#isFinal) throw fault(Error, 'ERR_CRYPTO_INVALID_STATE', 'Unsupported state');
    const { value, bytes } = serve('cipher', ['final', this.#id]);
    this.#isFinal = true;
    const end = bytes.length - value;
    if (value > 0) this.#tag = Buffer.from(bytes.subarray(end));
    return toOutput(bytes.slice(0, end), outputEncoding);
  }

  setAAD(bytes, _options) {
    serve('cipher', ['aad', this.#id], toBuffer(bytes, 'buffer'));
    return this;
  }

  setAutoPadding(on = true) {
    serve('cipher', ['padding', this.#id, on]);
    return this;
  }

  _setTag(tag, encoding) {
    serve('cipher', ['tag', this.#id], toBuffer(tag, 'buffer', encoding));
    return this;
  }

  _tag() {
    if (this.#tag === undefined)
      throw fault(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation getAuthTag');
    return this.#tag;
  }

  write(chunk, encoding) {
    this.emit('data', this.update(chunk, typeof encoding === 'string' ? encoding : undefined));
    return true;
  }

  end(chunk, encoding) {
    if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    this.emit('data', this.final());
    this.emit('finish');
    this.emit('end');
    return this;
  }
}

export class Cipheriv extends Ciphering {
  constructor(name, key, iv, options) {
    super(name, key, { iv, options, isEncrypting: true });
  }

  getAuthTag() {
    return this._tag();
  }
}

export class Decipheriv extends Ciphering {
  constructor(name, key, iv, options) {
    super(name, key, { iv, options, isEncrypting: false });
  }

  setAuthTag(tag, encoding) {
    return this._setTag(tag, encoding);
  }
}

export const createCipheriv = (name, key, iv, options) => new Cipheriv(name, key, iv, options);
export const createDecipheriv = (name, key, iv, options) => new Decipheriv(name, key, iv, options);
export const getCiphers = () => [
  ...[128, 192, 256].flatMap((bits) =>
    ['cbc', 'ccm', 'cfb', 'cfb8', 'ctr', 'ecb', 'gcm', 'ocb', 'ofb'].map((mode) => `aes-${bits}-${mode}`),
  ),
  'chacha20-poly1305',
];
