import {
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type KeyObject,
  type SignKeyObjectInput,
} from 'node:crypto';
import { hashCpuMs } from './digest.ts';
import { isHash } from './hash.ts';
import { ServiceError, type ServiceCall, type Work } from './service.ts';
import { curveMs, rsaMs } from './subtle-cost.ts';
import { machineFactor } from './yardstick.ts';

const callMs = 0.05;
const kinds: ReadonlySet<unknown> = new Set(['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448', 'x25519', 'x448']);

/** How a key is written: DER as `node:crypto` exports it, or text. */
interface KeyForm {
  readonly kind: 'private' | 'public';
  /** Bytes of the key at the front of the call. */
  readonly length: number;
  readonly format: 'pem' | 'der' | 'jwk';
  readonly type?: 'pkcs1' | 'pkcs8' | 'spki' | 'sec1';
}

/**
 * `createPrivateKey` and `createPublicKey` of `node:crypto`. args: [KeyForm]; answers with what the key is, and as bytes
 * with the key as DER: PKCS #8 or SPKI.
 */
export function keys({ args, bytes }: ServiceCall): Work {
  const [form] = args as readonly [KeyForm];
  return {
    cpuMs: callMs + bytes.length * 1e-5,
    run: () => {
      const began = performance.now();
      const key = guarded(() => toKey(form, bytes));
      const { asymmetricKeyType, asymmetricKeyDetails = {} } = key;
      const { publicExponent, ...details } = asymmetricKeyDetails;
      const value = { type: asymmetricKeyType, details, publicExponent: publicExponent?.toString() };
      const out = key.export({ format: 'der', type: key.type === 'private' ? 'pkcs8' : 'spki' });
      // Keys may leave out what is computed from the rest: known when it is done.
      return { value, bytes: out, cpuMs: performance.now() - began };
    },
  };
}

/** The same, written otherwise. args: [KeyForm, {format, type}]; a JWK comes as `value`. */
export function exportKey({ args, bytes }: ServiceCall): Work {
  const [form, as] = args as readonly [
    KeyForm,
    { readonly format?: unknown; readonly type?: unknown } | null,
  ];
  const { format, type } = as ?? {};
  return {
    cpuMs: callMs,
    run: () => {
      const began = performance.now();
      const out: unknown = guarded(() => toKey(form, bytes).export(defined({ format, type }) as never));
      const cpuMs = performance.now() - began;
      return out instanceof Uint8Array ? { bytes: out, cpuMs } : { value: out, cpuMs };
    },
  };
}

interface Signing extends KeyForm {
  /** Bytes of the signature behind the key, when it is to be verified. */
  readonly signature?: number;
  readonly digest: string | null;
  readonly padding?: number;
  readonly saltLength?: number;
  readonly dsaEncoding?: 'der' | 'ieee-p1363';
}

/**
 * `sign` and `verify` of `node:crypto`. args: [Signing]; bytes: the key, the signature to verify, the data. Answers with
 * the signature, or with true or false.
 */
export function signature({ args, bytes }: ServiceCall): Work {
  const [signing] = args as readonly [Signing];
  const { digest, padding, saltLength, dsaEncoding, signature: signatureLength } = signing ?? {};
  if (digest !== null && !isHash(digest))
    throw new ServiceError('Error', `Invalid digest: ${String(digest)}`, 'ERR_CRYPTO_INVALID_DIGEST');
  const began = performance.now();
  const key = guarded(() => toKey(signing, bytes));
  const readMs = performance.now() - began;
  const rest = bytes.subarray(signing.length);
  const end = typeof signatureLength === 'number' ? signatureLength : 0;
  const data = rest.subarray(end);
  const options = { key, ...defined({ padding, saltLength, dsaEncoding }) } as SignKeyObjectInput;
  const isSigning = signatureLength === undefined;
  return {
    cpuMs: callMs + readMs + keyMs(key, isSigning) + hashCpuMs(digest ?? 'sha512', 2 * data.length + 128),
    run: () =>
      new Promise((resolve, reject) => {
        const fail = (error: Error): void => reject(toServiceError(error));
        if (isSigning)
          return sign(digest, data, options, (error, out) => (error ? fail(error) : resolve({ bytes: out })));
        return verify(digest, data, options, rest.subarray(0, end), (error, ok) =>
          error ? fail(error) : resolve({ value: ok }),
        );
      }),
  };
}

function keyMs({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject, isSigning: boolean): number {
  const { modulusLength, namedCurve } = asymmetricKeyDetails;
  if (modulusLength !== undefined) return rsaMs(modulusLength, isSigning);
  const name = namedCurve ?? String(asymmetricKeyType).replace('ed', 'Ed');
  return machineFactor() * curveMs(name)[isSigning ? 0 : 1];
}

function toKey(form: KeyForm | undefined, bytes: Uint8Array): KeyObject {
  const { kind, length, format, type } = form ?? {};
  if (typeof length !== 'number' || length > bytes.length)
    throw new ServiceError('TypeError', 'The key is not there', 'ERR_INVALID_ARG_TYPE');
  const text = Buffer.from(bytes.subarray(0, length));
  const key: unknown = format === 'jwk' ? JSON.parse(text.toString()) : text;
  // No passphrase: an encrypted key says itself how long it takes to open.
  const given = { key, format, ...defined({ type }) } as never;
  const made = kind === 'private' ? createPrivateKey(given) : createPublicKey(given);
  if (kinds.has(made.asymmetricKeyType)) return made;
  throw new ServiceError(
    'Error',
    'Keys of this kind are not supported',
    'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
  );
}

function defined(options: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  );
}

function guarded<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw toServiceError(error as Error);
  }
}

function toServiceError(error: Error): ServiceError {
  if (error instanceof ServiceError) return error;
  return new ServiceError(error.name, error.message, (error as { code?: string }).code);
}
