/* oxlint-disable max-params -- how many parameters a method has is the standard's to say */
import {
  NativeTypeError,
  NativeUint8Array,
  copyBytes,
  isView,
  quote,
  toText,
  viewBuffer,
} from '../primordials.ts';
import { serveLater } from '../services.ts';
import { createDomException, requireArguments } from '../web/index.ts';
import type { Served } from '../web/io.ts';
import { isBuffer, isObject, toBytes, toStringsJson } from './conversions.ts';
import { createKey, slotsOf, type CryptoKey } from './crypto-key.ts';
import { toJwkJson } from './json-web-key.ts';
import { normalize, normalizeDerived, normalizeEither, normalizeName } from './normalize.ts';
import { Packer } from './packer.ts';
import { shape } from './shape.ts';

const formats: Readonly<Record<string, true>> = {
  __proto__: null,
  raw: true,
  spki: true,
  pkcs8: true,
  jwk: true,
} as never;

const keyUsages: Readonly<Record<string, true>> = {
  __proto__: null,
  encrypt: true,
  decrypt: true,
  sign: true,
  verify: true,
  deriveKey: true,
  deriveBits: true,
  wrapKey: true,
  unwrapKey: true,
} as never;

let building = true;
let check: (self: unknown, given: number, needed: number) => void;

/**
 * Web Cryptography, 14. Here arguments are converted and algorithms normalised, in the standard's order; what comes then
 * is the cell's (runtime/isolate/services/subtle.ts). All methods reject and never throw.
 */
export class SubtleCrypto {
  // oxlint-disable-next-line no-unused-private-class-members -- asked for with `in`
  readonly #brand = true;

  static {
    check = (self, given, needed) => {
      if (typeof self !== 'object' || self === null || !(#brand in self))
        throw new NativeTypeError('Illegal invocation: this is no SubtleCrypto');
      requireArguments(given, needed, 'This method of crypto.subtle');
    };
  }

  constructor() {
    if (!building) throw new NativeTypeError('Illegal constructor; use crypto.subtle');
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this, arguments.length, 3);
    return await withKey('encrypt', algorithm, { key, data });
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this, arguments.length, 3);
    return await withKey('decrypt', algorithm, { key, data });
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this, arguments.length, 3);
    return await withKey('sign', algorithm, { key, data });
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    check(this, arguments.length, 4);
    const packer = new Packer();
    const given = toIdentifier(algorithm);
    const used = toKey(key, packer);
    const one = packer.bytes(toBytes(signature, 'signature'));
    const other = packer.bytes(toBytes(data, 'data'));
    const { value } = await ask(
      packer,
      'verify',
      `${normalize(given, 'verify', packer)},${used},${one},${other}`,
    );
    return value === true;
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this, arguments.length, 2);
    const given = toIdentifier(algorithm);
    const bytes = toBytes(data, 'data');
    return bufferOf(await serveLater('digest', `[${quote(normalizeName(given, 'digest'))}]`, bytes));
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<object> {
    check(this, arguments.length, 3);
    const packer = new Packer();
    const given = toIdentifier(algorithm);
    const rest = `${toBoolean(extractable)},${toUsages(usages)}`;
    return keysOf(await ask(packer, 'generateKey', `${normalize(given, 'generateKey', packer)},${rest}`));
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedKeyType: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    check(this, arguments.length, 5);
    const packer = new Packer();
    const given = toIdentifier(algorithm);
    const base = toKey(baseKey, packer);
    const derived = toIdentifier(derivedKeyType);
    const rest = `${toBoolean(extractable)},${toUsages(usages)}`;
    const by = normalize(given, 'deriveBits', packer);
    return keysOf(
      await ask(packer, 'deriveKey', `${by},${base},${normalizeDerived(derived, packer)},${rest}`),
    );
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    check(this, arguments.length, 2);
    const packer = new Packer();
    const given = toIdentifier(algorithm);
    const base = toKey(baseKey, packer);
    const bits = length === null ? 'null' : `${(length as number) >>> 0}`;
    return bufferOf(
      await ask(packer, 'deriveBits', `${normalize(given, 'deriveBits', packer)},${base},${bits}`),
    );
  }

  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    check(this, arguments.length, 5);
    const packer = new Packer();
    const named = toFormat(format);
    const data = isBufferSource(keyData)
      ? { isJwk: false, json: packer.bytes(toBytes(keyData, 'keyData')) }
      : { isJwk: true, json: toJwkJson(keyData) };
    const given = toIdentifier(algorithm);
    const rest = `${toBoolean(extractable)},${toUsages(usages)}`;
    if (data.isJwk !== (named === 'jwk'))
      throw new NativeTypeError(
        named === 'jwk' ? 'keyData must be a JsonWebKey' : 'keyData must be an ArrayBuffer or a view on one',
      );
    const by = normalize(given, 'importKey', packer);
    return keysOf(await ask(packer, 'importKey', `${quote(named)},${data.json},${by},${rest}`));
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    check(this, arguments.length, 2);
    const packer = new Packer();
    const named = toFormat(format);
    const answer = await ask(packer, 'exportKey', `${quote(named)},${toKey(key, packer)}`);
    return answer.bytes === undefined ? answer.value : bufferOf(answer);
  }

  async wrapKey(
    format: unknown,
    key: unknown,
    wrappingKey: unknown,
    algorithm: unknown,
  ): Promise<ArrayBuffer> {
    check(this, arguments.length, 4);
    const packer = new Packer();
    const named = quote(toFormat(format));
    const keys = `${toKey(key, packer)},${toKey(wrappingKey, packer)}`;
    const by = normalizeEither(toIdentifier(algorithm), ['wrapKey', 'encrypt'], packer);
    return bufferOf(await ask(packer, 'wrapKey', `${named},${keys},${by}`));
  }

  async unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    check(this, arguments.length, 7);
    const packer = new Packer();
    const named = quote(toFormat(format));
    const wrapped = packer.bytes(toBytes(wrappedKey, 'wrappedKey'));
    const key = toKey(unwrappingKey, packer);
    const [by, to] = [toIdentifier(unwrapAlgorithm), toIdentifier(unwrappedKeyAlgorithm)];
    const rest = `${toBoolean(extractable)},${toUsages(usages)}`;
    const byJson = normalizeEither(by, ['unwrapKey', 'decrypt'], packer);
    const toJson = normalize(to, 'importKey', packer);
    return keysOf(await ask(packer, 'unwrapKey', `${named},${wrapped},${key},${byJson},${toJson},${rest}`));
  }
}

shape(SubtleCrypto, 'SubtleCrypto');
const subtle: SubtleCrypto = new SubtleCrypto();

/** `crypto.subtle`. */
export function getSubtle(): SubtleCrypto {
  return subtle;
}
building = false;

/** encrypt, decrypt, sign: the same but for the name. */
async function withKey(
  operation: 'encrypt' | 'decrypt' | 'sign',
  algorithm: unknown,
  given: { readonly key: unknown; readonly data: unknown },
): Promise<ArrayBuffer> {
  const packer = new Packer();
  const identifier = toIdentifier(algorithm);
  const key = toKey(given.key, packer);
  const data = packer.bytes(toBytes(given.data, 'data'));
  return bufferOf(await ask(packer, operation, `${normalize(identifier, operation, packer)},${key},${data}`));
}

function ask(packer: Packer, operation: string, args: string): Promise<Served> {
  return serveLater('subtle', `[${quote(operation)},${args}]`, packer.pack());
}

function toIdentifier(value: unknown): unknown {
  return isObject(value) ? value : toText(value);
}

function toKey(value: unknown, packer: Packer): string {
  const slots = slotsOf(value);
  if (slots === undefined) throw new NativeTypeError('The key must be a CryptoKey');
  return packer.key(slots.sealed);
}

function toBoolean(value: unknown): 'true' | 'false' {
  return value ? 'true' : 'false';
}

function toUsages(value: unknown): string {
  return toStringsJson(value, 'keyUsages', (usage) => {
    if (keyUsages[usage] === undefined) throw new NativeTypeError(`${quote(usage)} is no key usage`);
  });
}

function toFormat(value: unknown): string {
  const format = toText(value);
  if (formats[format] === undefined)
    throw new NativeTypeError(`${quote(format)} is no key format; use raw, spki, pkcs8 or jwk`);
  return format;
}

function isBufferSource(value: unknown): boolean {
  return isView(value) || isBuffer(value);
}

function bufferOf(answer: Served): ArrayBuffer {
  if (answer.bytes === undefined) throw createDomException('The operation failed', 'OperationError');
  return viewBuffer(answer.bytes);
}

/** How the cell describes the keys of an answer; their sealed forms follow one another in its bytes. */
interface Described {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: string;
  readonly usages: string;
  readonly length: number;
}

function keysOf(answer: Served): object {
  const list = answer.value as readonly Described[];
  const all = answer.bytes ?? new NativeUint8Array(0);
  const first = list[0] as Described;
  if (list.length === 1) return keyOf(first, all, 0);
  const second = list[1] as Described;
  return { privateKey: keyOf(second, all, first.length), publicKey: keyOf(first, all, 0) };
}

function keyOf(described: Described, all: Uint8Array, offset: number): CryptoKey {
  const { type, extractable, algorithm, usages, length } = described;
  return createKey({ type, extractable, algorithm, usages, sealed: copyBytes(all, offset, length) });
}
