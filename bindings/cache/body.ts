import { HostError } from '#runtime/errors.ts';
import type { Store } from '#bindings/store/store.ts';
import { pieceKey } from './keys.ts';
import { pieceBytes } from './limits.ts';

export type Source = Uint8Array | AsyncIterable<Uint8Array> | undefined;

export interface Written {
  readonly inline: Uint8Array;
  readonly bytes: number;
  /** 0: all of it is inline. */
  readonly pieces: number;
}

export interface Writer {
  readonly store: Store;
  readonly space: string;
  readonly id: string;
  readonly expiresAt: number;
  readonly maxBytes: number;
  /** Called before bytes are stored: makes room for them. */
  readonly reserve: (bytes: number) => Promise<void>;
}

const none = new Uint8Array(0);

/**
 * Stores a body as it comes, one piece in memory at a time. Rejects with HostError ERR_CACHE_TOO_LARGE, and with what the
 * source or the store reject with; the caller then removes what was stored of it.
 */
export async function writeBody(writer: Writer, source: Source): Promise<Written> {
  if (source === undefined) return { inline: none, bytes: 0, pieces: 0 };
  let held = new Uint8Array(pieceBytes);
  let heldBytes = 0;
  let bytes = 0;
  let pieces = 0;
  const flush = async (): Promise<void> => {
    const value = held.subarray(0, heldBytes);
    held = new Uint8Array(pieceBytes);
    heldBytes = 0;
    await writer.reserve(value.length);
    const key = pieceKey(writer.space, writer.id, pieces++);
    await writer.store.write([{ kind: 'put', key, value, expiresAt: writer.expiresAt }]);
  };
  for await (const chunk of chunksOf(source)) {
    bytes += chunk.length;
    if (bytes > writer.maxBytes) throw tooLarge(writer.maxBytes);
    for (let at = 0; at < chunk.length;) {
      // A full piece waits for the next byte: until then it may be the whole body, which lies with its head.
      if (heldBytes === pieceBytes) await flush();
      const part = chunk.subarray(at, at + pieceBytes - heldBytes);
      held.set(part, heldBytes);
      heldBytes += part.length;
      at += part.length;
    }
  }
  if (pieces === 0) return { inline: held.slice(0, heldBytes), bytes, pieces };
  await flush();
  return { inline: none, bytes, pieces };
}

async function* chunksOf(source: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (!(source instanceof Uint8Array)) {
    yield* source;
    return;
  }
  for (let at = 0; at < source.length; at += pieceBytes) yield source.subarray(at, at + pieceBytes);
}

/** A HostError ERR_CACHE_TOO_LARGE. */
export function tooLarge(most: number): HostError {
  return new HostError(
    'ERR_CACHE_TOO_LARGE',
    `Cannot cache the response: its body, or all that is being cached now, is longer than ${most} bytes; keep it elsewhere`,
  );
}

export interface Part {
  readonly store: Store;
  readonly space: string;
  readonly id: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Called once, however reading ends. */
  readonly done: () => void;
}

/** A part of a body in pieces. Written by hand: a generator that never started runs no `finally`. */
export function readPieces({ store, space, id, start, end, done }: Part): AsyncIterableIterator<Uint8Array> {
  let at = start;
  const finish = (): IteratorReturnResult<undefined> => {
    if (at !== Number.POSITIVE_INFINITY) done();
    at = Number.POSITIVE_INFINITY;
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (at >= end) return finish();
      const index = Math.floor(at / pieceBytes);
      const entry = await store.get(pieceKey(space, id, index));
      if (entry === undefined) {
        finish();
        throw new HostError('ERR_CACHE_GONE', 'The cached response went while it was read; fetch it anew');
      }
      const from = at - index * pieceBytes;
      const value = entry.value.slice(from, from + (end - at));
      at += value.length;
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
