import { Buffer } from './buffer.js';
import { serve, toBuffer, toOutput } from './crypto-service.js';
import { fault } from './errors.js';

/** Node's KeyObject: a secret's bytes, or a key as DER, which the cell reads when it is used. */
export class KeyObject {
  #bytes;
  #about;
  type;

  /** Not Node's: keys are made by the functions below. */
  constructor(type, bytes, about = {}) {
    this.type = type;
    this.#bytes = bytes;
    this.#about = about;
  }

  get [Symbol.toStringTag]() {
    return 'KeyObject';
  }

  get symmetricKeySize() {
    return this.type === 'secret' ? this.#bytes.length : undefined;
  }

  get asymmetricKeyType() {
    return this.#about.type;
  }

  get asymmetricKeyDetails() {
    if (this.type === 'secret') return undefined;
    const { details, publicExponent } = this.#about;
    return publicExponent === undefined ? details : { ...details, publicExponent: BigInt(publicExponent) };
  }

  equals(other) {
    return this.type === other.type && Buffer.compare(this.#bytes, other.#bytes) === 0;
  }

  export(options = {}) {
    if (this.type === 'secret') {
      if (options.format !== 'jwk') return Buffer.from(this.#bytes);
      return { kty: 'oct', k: this.#bytes.toString('base64url') };
    }
    if (options.passphrase !== undefined) throw noPassphrase();
    const { format, type } = options;
    const { value, bytes } = serve('keys.export', [this._form(), { format, type }], this.#bytes);
    if (bytes === undefined) return value;
    return toOutput(bytes, format === 'pem' ? 'utf8' : undefined);
  }

  /** The key as the cell's services take it. */
  _form() {
    const type = this.type === 'private' ? 'pkcs8' : 'spki';
    return { kind: this.type, length: this.#bytes.length, format: 'der', type };
  }

  _bytes() {
    return this.#bytes;
  }
}

export function createSecretKey(key, encoding) {
  return new KeyObject('secret', Buffer.from(toBuffer(key, 'key', encoding)));
}

export function createPrivateKey(given) {
  return parse('private', given);
}

export function createPublicKey(given) {
  return parse('public', given);
}

/** A KeyObject of what Node's functions take for a key. */
export function toKeyObject(kind, given) {
  const key = given?.key instanceof KeyObject ? given.key : given;
  if (!(key instanceof KeyObject)) return parse(kind, given);
  if (key.type === kind) return key;
  if (key.type === 'private' && kind === 'public') return parse('public', key);
  throw fault(
    TypeError,
    'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE',
    `Invalid key object type ${key.type}, expected ${kind}.`,
  );
}

function parse(kind, given) {
  if (given?.passphrase !== undefined) throw noPassphrase();
  const { form, bytes } = toForm(kind, given);
  const answer = serve('keys', [form], bytes);
  return new KeyObject(kind, toOutput(answer.bytes), answer.value);
}

function toForm(kind, given) {
  if (given instanceof KeyObject)
    return { form: { ...given._form(), kind, type: 'pkcs8' }, bytes: given._bytes() };
  const isOptions =
    typeof given === 'object' && given !== null && !ArrayBuffer.isView(given) && 'key' in given;
  const { key, format = 'pem', type, encoding } = isOptions ? given : { key: given };
  const bytes = format === 'jwk' ? Buffer.from(JSON.stringify(key)) : toBuffer(key, 'key', encoding);
  return { form: { kind, length: bytes.length, format, type }, bytes };
}

function noPassphrase() {
  return fault(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'Encrypted keys are not supported here');
}
