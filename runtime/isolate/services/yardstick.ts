import { createHash } from 'node:crypto';

/** Bytes of one calibration: long enough for the clock, short enough for the thread that all guests share. */
const sampleBytes = 64 * 1024;
const samples = 5;
/** SHA-512 of a sample on the machine that fixed costs were measured on, in ms. */
const referenceMs = 0.105;

const known: Map<string, number> = new Map();

/**
 * How long this machine takes for some work, in ms: the quickest of a few runs, since what else runs on it makes them
 * longer, never shorter. Timed once in a process, when first asked for.
 */
export function quickestMs(name: string, work: () => unknown): number {
  const before = known.get(name);
  if (before !== undefined) return before;
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < samples; i++) {
    const began = performance.now();
    work();
    quickest = Math.min(quickest, performance.now() - began);
  }
  known.set(name, quickest);
  return quickest;
}

/** The same for work that grows with its bytes, in ms a byte. */
export function msPerByte(name: string, work: (data: Uint8Array) => unknown): number {
  const data = new Uint8Array(known.has(name) ? 0 : sampleBytes);
  return quickestMs(name, () => work(data)) / sampleBytes;
}

/** How much slower than the machine of fixed costs this one is. */
export function machineFactor(): number {
  return (
    (msPerByte('sha512', (data) => createHash('sha512').update(data).digest()) * sampleBytes) / referenceMs
  );
}
