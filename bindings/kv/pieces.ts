import type { Hold } from './budget.ts';
import { pieceBytes } from './limits.ts';

/**
 * A large value as a stream of copies, so that each piece may be given away. The hold on its memory ends when the
 * reader is done, cancels, or the signal aborts; written by hand because a generator that never started runs no
 * `finally`.
 */
export function streamPieces(
  bytes: Uint8Array,
  hold: Hold,
  signal: AbortSignal,
): AsyncIterableIterator<Uint8Array> {
  let rest: Uint8Array | undefined = bytes;
  const finish = (): IteratorReturnResult<undefined> => {
    rest = undefined;
    signal.removeEventListener('abort', finish);
    hold.release();
    return { done: true, value: undefined };
  };
  signal.addEventListener('abort', finish, { once: true });
  if (signal.aborted) finish();
  return {
    async next() {
      if (rest === undefined || rest.length === 0) return finish();
      const value = rest.slice(0, pieceBytes);
      rest = rest.subarray(pieceBytes);
      return { done: false, value };
    },
    async return() {
      return finish();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
