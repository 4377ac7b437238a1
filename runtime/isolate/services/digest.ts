import { createHash, webcrypto } from 'node:crypto';
import { ServiceError, type ServiceCall, type Work } from './service.ts';
import { msPerByte } from './yardstick.ts';

const algorithms = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const;
type Algorithm = (typeof algorithms)[number];

/** What a digest costs beside its bytes: the way to a thread of the pool and back. Measured: 18 µs. */
const callMs = 0.02;

/**
 * `crypto.subtle.digest` for a guest, off the cell's main thread (Web Cryptography API, 14.3.5). args: [algorithm name].
 */
export function digest({ args, bytes }: ServiceCall): Work {
  const [given] = args;
  const name = typeof given === 'string' ? given.toUpperCase() : '';
  const algorithm = algorithms.find((one) => one === name);
  if (algorithm === undefined)
    throw new ServiceError(
      'NotSupportedError',
      'Unrecognized digest; use SHA-1, SHA-256, SHA-384 or SHA-512',
    );
  return {
    cpuMs: digestCpuMs(algorithm, bytes.length),
    // A view on memory that is not shared: webcrypto copies it before it returns.
    run: async () => ({ bytes: new Uint8Array(await webcrypto.subtle.digest(algorithm, bytes)) }),
  };
}

/**
 * CPU that a digest of so many bytes takes, in ms. An estimate known before the work begins: the pool's threads tell
 * no CPU time of their own, and wall clock would charge one guest for the other that had the core.
 */
export function digestCpuMs(algorithm: Algorithm, bytes: number): number {
  const name = algorithm.replace('-', '');
  return callMs + bytes * msPerByte(name, (data) => createHash(name).update(data).digest());
}
