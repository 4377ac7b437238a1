import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  randomBytes,
  type KeyObject,
  type webcrypto,
} from 'node:crypto';
import { ServiceError, type SharedState } from './service.ts';

const nonceBytes = 12;
const tagBytes = 16;
/** Opened keys kept, so that most calls find theirs. */
const mostOpen = 64;

type CryptoKey = webcrypto.CryptoKey;

/** A key as it is to be sealed. */
export interface NewKey {
  readonly type: 'secret' | 'private' | 'public';
  readonly extractable: boolean;
  readonly algorithm: webcrypto.KeyAlgorithm;
  readonly usages: webcrypto.KeyUsage[];
  /** A secret key's bytes, else PKCS #8 or SPKI. */
  readonly material: Uint8Array;
}

type Header = Omit<NewKey, 'material'>;

/**
 * The keys of one instance. Its isolate holds each of them sealed: encrypted with a secret of this ring, what it is and
 * what it may be used for included. Nothing a guest does to its isolate reads or changes a key, and the cell keeps no
 * table of keys that somebody has to clear. Sealed: nonce, tag, ciphertext of header length, header (JSON), key.
 */
export class KeyRing {
  readonly #secret = randomBytes(32);
  readonly #open: Map<string, CryptoKey> = new Map();

  static of(shared: SharedState): KeyRing {
    const known = shared.get('keys');
    if (known instanceof KeyRing) return known;
    const ring = new KeyRing();
    shared.set('keys', ring);
    return ring;
  }

  seal({ type, extractable, algorithm, usages, material }: NewKey): Uint8Array {
    const header: Header = { type, extractable, usages, algorithm: toParameters(algorithm) };
    const head = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(head.length);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#secret, nonce);
    const body = [cipher.update(size), cipher.update(head), cipher.update(material), cipher.final()];
    return Buffer.concat([nonce, cipher.getAuthTag(), ...body]);
  }

  /** Throws ServiceError for what this ring did not seal. */
  open(sealed: Uint8Array): CryptoKey {
    const name = nameOf(sealed);
    const known = this.#open.get(name);
    if (known !== undefined) {
      this.#open.delete(name);
      this.#open.set(name, known);
      return known;
    }
    const key = this.#unseal(sealed);
    this.#open.set(name, key);
    if (this.#open.size > mostOpen) this.#open.delete(this.#open.keys().next().value ?? '');
    return key;
  }

  #unseal(sealed: Uint8Array): CryptoKey {
    const plain = this.#decrypt(sealed);
    const end = 4 + plain.readUInt32BE(0);
    const { type, algorithm, extractable, usages } = JSON.parse(plain.toString('utf8', 4, end)) as Header;
    const key = plain.subarray(end);
    return toKeyObject(type, key).toCryptoKey(algorithm, extractable, usages);
  }

  #decrypt(sealed: Uint8Array): Buffer {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#secret, sealed.subarray(0, nonceBytes));
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]);
    } catch {
      throw new ServiceError('DataError', 'The key is none of this instance');
    }
  }
}

/** Nonce and tag: no two sealed keys share them, and nobody makes a second one. */
function nameOf(sealed: Uint8Array): string {
  return Buffer.from(
    sealed.buffer,
    sealed.byteOffset,
    Math.min(sealed.length, nonceBytes + tagBytes),
  ).toString('latin1');
}

function toKeyObject(type: Header['type'], key: Buffer): KeyObject {
  if (type === 'secret') return createSecretKey(key);
  if (type === 'private') return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** What of a KeyAlgorithm an import needs again. */
function toParameters(algorithm: webcrypto.KeyAlgorithm): webcrypto.KeyAlgorithm {
  const { name, hash, namedCurve, length } = algorithm as unknown as Record<string, unknown>;
  return { name, hash, namedCurve, ...(name === 'HMAC' ? { length } : {}) } as never;
}
