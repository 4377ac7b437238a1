import { createHash, webcrypto } from 'node:crypto';

export type DigestResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly error: { readonly name: string; readonly message: string } };

type Algorithm = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

/** By algorithm: how long this machine takes for a byte, in ms; undefined until it is first asked. */
const costs: Record<Algorithm, number | undefined> = {
  'SHA-1': undefined,
  'SHA-256': undefined,
  'SHA-384': undefined,
  'SHA-512': undefined,
};

/** What a digest costs beside its bytes: the way to a thread of the pool and back. Measured: 18 µs. */
const callMs = 0.02;
/** Bytes of one calibration: long enough for the clock, short enough for the thread that all guests share. */
const sampleBytes = 64 * 1024;
const samples = 5;

/** `args` is [algorithm name], as the guest's runtime sends it; undefined when it names none of ours. */
export function parseAlgorithm(args: unknown): Algorithm | undefined {
  const given = Array.isArray(args) ? (args as readonly unknown[])[0] : undefined;
  const name = typeof given === 'string' ? given.toUpperCase() : '';
  return Object.hasOwn(costs, name) ? (name as Algorithm) : undefined;
}

/**
 * CPU that a digest of so many bytes takes, in ms. An estimate known before the work begins: the pool's threads tell
 * no CPU time of their own, and wall clock would charge one guest for the other that had the core.
 */
export function digestCpuMs(algorithm: Algorithm, bytes: number): number {
  costs[algorithm] ??= calibrate(algorithm);
  return callMs + bytes * costs[algorithm];
}

/** `crypto.subtle.digest` for a guest, off the cell's main thread. Web Cryptography API, 14.3.5. Never rejects. */
export async function digest(algorithm: Algorithm, data: Uint8Array): Promise<DigestResult> {
  try {
    // A view on memory that is not shared: webcrypto copies it before it returns.
    const bytes = new Uint8Array(await webcrypto.subtle.digest(algorithm, data as Uint8Array<ArrayBuffer>));
    return { ok: true, bytes };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return refused('OperationError', `The digest failed: ${message}`);
  }
}

export function refused(name: string, message: string): DigestResult {
  return { ok: false, error: { name, message } };
}

/** The quickest of a few: what else runs on this machine makes samples longer, never shorter. */
function calibrate(algorithm: Algorithm): number {
  const data = new Uint8Array(sampleBytes);
  const name = algorithm.replace('-', '');
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < samples; i++) {
    const began = performance.now();
    createHash(name).update(data).digest();
    quickest = Math.min(quickest, performance.now() - began);
  }
  return quickest / sampleBytes;
}
