import { createHash, webcrypto } from 'node:crypto';
import { ServiceError, type ServiceCall, type Work } from './service.ts';
import { msPerByte } from './yardstick.ts';

/** Names of Web Cryptography, each with OpenSSL's. */
const algorithms: ReadonlyMap<unknown, string> = new Map([
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
  ['SHA3-256', 'sha3-256'],
  ['SHA3-384', 'sha3-384'],
  ['SHA3-512', 'sha3-512'],
]);

/** What a digest costs beside its bytes, in ms. Measured: 2 µs, and 18 µs for the way to a thread of the pool and back. */
const callMs = 0.02;
/** Up to here the way to the pool takes longer than the digest. */
const atOnceBytes = 16 * 1024;

/** `crypto.subtle.digest` for a guest (Web Cryptography API, 14.3.5). args: [algorithm name]. */
export function digest({ args, bytes }: ServiceCall): Work {
  const [name] = args;
  const algorithm = algorithms.get(name);
  if (algorithm === undefined || typeof name !== 'string')
    throw new ServiceError(
      'NotSupportedError',
      'Unrecognized digest; use SHA-1, SHA-256, SHA-384 or SHA-512',
    );
  return {
    cpuMs: callMs + hashCpuMs(algorithm, bytes.length),
    run: () =>
      bytes.length <= atOnceBytes
        ? { bytes: createHash(algorithm).update(bytes).digest() }
        : digestLater(name, bytes),
  };
}

async function digestLater(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ readonly bytes: Uint8Array }> {
  // A view on memory that is not shared: webcrypto copies it before it returns.
  return { bytes: new Uint8Array(await webcrypto.subtle.digest(name, bytes)) };
}

/**
 * CPU that hashing so many bytes takes, in ms; `algorithm` as OpenSSL names it. An estimate known before the work begins:
 * the pool's threads tell no CPU time of their own, and wall clock would charge one guest for the other that had the core.
 */
export function hashCpuMs(algorithm: string, bytes: number): number {
  return bytes * msPerByte(algorithm, (data) => createHash(algorithm).update(data).digest());
}
