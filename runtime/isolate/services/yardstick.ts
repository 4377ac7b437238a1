/** Bytes of one calibration: long enough for the clock, short enough for the thread that all guests share. */
const sampleBytes = 64 * 1024;
const samples = 5;

const known: Map<string, number> = new Map();

/**
 * How long this machine takes for a byte of `work`, in ms: the quickest of a few samples, since what else runs on it
 * makes them longer, never shorter. Timed once in a process, when first asked for.
 */
export function msPerByte(name: string, work: (data: Uint8Array) => unknown): number {
  const before = known.get(name);
  if (before !== undefined) return before;
  const data = new Uint8Array(sampleBytes);
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < samples; i++) {
    const began = performance.now();
    work(data);
    quickest = Math.min(quickest, performance.now() - began);
  }
  const ms = quickest / sampleBytes;
  known.set(name, ms);
  return ms;
}
