import { setImmediate } from 'node:timers/promises';

/** About 0.1 ms of hashing or encrypting. */
const sliceBytes = 128 * 1024;

/**
 * Hands bytes over in slices, with a turn of the event loop between them: for work that has no form off this thread, so
 * that other guests have theirs meanwhile. Short ones are done when this returns.
 */
export function eachSlice(
  bytes: Uint8Array,
  take: (slice: Uint8Array) => unknown,
): Promise<void> | undefined {
  if (bytes.length > sliceBytes) return eachLater(bytes, take);
  take(bytes);
  return undefined;
}

async function eachLater(bytes: Uint8Array, take: (slice: Uint8Array) => unknown): Promise<void> {
  for (let from = 0; from < bytes.length; from += sliceBytes) {
    take(bytes.subarray(from, from + sliceBytes));
    await setImmediate();
  }
}
