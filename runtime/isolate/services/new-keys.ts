import { KeyObject, webcrypto } from 'node:crypto';
import type { NewKey } from './key-ring.ts';

type CryptoKey = webcrypto.CryptoKey;
type Bytes = Uint8Array<ArrayBuffer>;
type Method = (...given: readonly unknown[]) => Promise<unknown>;

const { subtle } = webcrypto;
/** Keys of these are never extractable. */
const derivers: ReadonlySet<unknown> = new Set(['HKDF', 'PBKDF2']);
/** Any bytes are a key of it. */
const anyBytes = { name: 'HMAC', hash: 'SHA-256' };

/**
 * The operations that make keys, with the bytes of what they made. Node gives those of extractable keys only, so keys
 * are made extractable here and become what the guest asked for in their seal; where the standard's checks depend on it,
 * the operation is done as asked for first.
 */
export const keyMakers: Readonly<Record<string, (given: readonly unknown[]) => Promise<readonly NewKey[]>>> =
  {
    /** given: algorithm, extractable, usages */
    async generateKey([algorithm, extractable, usages]) {
      const made = await call('generateKey', [algorithm, true, usages]);
      const { publicKey, privateKey } = made as Partial<webcrypto.CryptoKeyPair>;
      if (publicKey === undefined) return [toNew(made, extractable)];
      return [toNew(publicKey, true), toNew(privateKey, extractable)];
    },

    /** given: format, keyData, algorithm, extractable, usages */
    async importKey([format, keyData, algorithm, extractable, usages]) {
      if (extractable === false && derivers.has(nameOf(algorithm))) {
        const key = (await call('importKey', [format, keyData, algorithm, false, usages])) as CryptoKey;
        return [{ ...describe(key), material: keyData as Bytes }];
      }
      const data =
        extractable === false && format === 'jwk' ? { ...(keyData as object), ext: undefined } : keyData;
      return [toNew(await call('importKey', [format, data, algorithm, true, usages]), extractable)];
    },

    /** given: algorithm, baseKey, derivedKeyType, extractable, usages */
    async deriveKey([algorithm, baseKey, derived, extractable, usages]) {
      if (extractable === true || !derivers.has(nameOf(derived)))
        return [toNew(await call('deriveKey', [algorithm, baseKey, derived, true, usages]), extractable)];
      const key = (await call('deriveKey', [algorithm, baseKey, derived, false, usages])) as CryptoKey;
      // Of all that derive, key agreement alone has a length of its own; an HMAC key takes it whole.
      const whole = { ...anyBytes, length: agreedBits(baseKey as CryptoKey) };
      const bytes = await call('deriveKey', [algorithm, baseKey, whole, true, ['sign']]);
      return [{ ...describe(key), material: await rawOf(bytes) }];
    },

    /** given: format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, usages */
    async unwrapKey([format, wrapped, key, by, algorithm, extractable, usages]) {
      const simple = extractable === true || (format !== 'jwk' && !derivers.has(nameOf(algorithm)));
      if (simple)
        return [
          toNew(await call('unwrapKey', [format, wrapped, key, by, algorithm, true, usages]), extractable),
        ];
      await call('unwrapKey', [format, wrapped, key, by, algorithm, false, usages]);
      const bytes = await rawOf(await call('unwrapKey', ['raw', wrapped, key, by, anyBytes, true, ['sign']]));
      const data: unknown = format === 'jwk' ? JSON.parse(Buffer.from(bytes).toString()) : bytes;
      return keyMakers['importKey']?.([format, data, algorithm, false, usages]) ?? [];
    },
  };

/** Bits that key agreement gives, by curve. */
const agreed: Readonly<Record<string, number>> = {
  'P-256': 256,
  'P-384': 384,
  'P-521': 528,
  X25519: 256,
  X448: 448,
};

function agreedBits({ algorithm }: CryptoKey): number {
  const { name, namedCurve } = algorithm as { name: string; namedCurve?: string };
  return agreed[namedCurve ?? name] ?? 0;
}

function call(
  operation: 'generateKey' | 'importKey' | 'deriveKey' | 'unwrapKey',
  given: readonly unknown[],
): ReturnType<Method> {
  return (subtle[operation] as Method).apply(subtle, [...given]);
}

async function rawOf(key: unknown): Promise<Bytes> {
  return new Uint8Array(await subtle.exportKey('raw', key as CryptoKey));
}

function describe({ type, algorithm, extractable, usages }: CryptoKey): Omit<NewKey, 'material'> {
  return { type, algorithm, extractable, usages };
}

function toNew(made: unknown, extractable: unknown): NewKey {
  const key = made as CryptoKey;
  return { ...describe(key), extractable: extractable === true, material: materialOf(key) };
}

function materialOf(key: CryptoKey): Uint8Array {
  const object = KeyObject.from(key);
  if (key.type === 'secret') return object.export();
  return object.export({ format: 'der', type: key.type === 'private' ? 'pkcs8' : 'spki' });
}

function nameOf(algorithm: unknown): unknown {
  return (algorithm as { name?: unknown } | null)?.name;
}
