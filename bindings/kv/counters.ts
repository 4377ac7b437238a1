import { Buffer } from 'node:buffer';
import type { Change, Entry, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import { toVersion } from './arguments.ts';
import { KeyLocks } from './key-locks.ts';
import type { KeyPlace } from './namespace.ts';
import { decodeValue, encodeHead, replaceBytes } from './value.ts';

/** What an increment made: the number that is stored now, and its version. */
export interface Counted {
  readonly value: number;
  readonly version: string;
}

interface Waiting {
  readonly delta: number;
  readonly resolve: (counted: Counted) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes of others that come between reading and writing, in a row, before an increment gives up. */
export const mostAttempts = 100;
const counterPattern = /^-?(?:0|[1-9]\d{0,15})$/;
/** The longest counter, "-9007199254740991"; what is longer is not even decoded. */
const longestBytes = 17;

/**
 * Atomic counters over the store's compare-and-set. Increments of one key that come while one is under way share the
 * next write: n of them at once cost two writes and two syncs, not n. Those of other hosts are met by the compare alone.
 */
export class Counters {
  readonly #store: Store;
  /** By the store's key: who waits for the next write. A key is there as long as its loop runs. */
  readonly #queues = new Map<string, Waiting[]>();
  /** Commits that count wait their turn here too: else the loop of a busy counter would always be before them. */
  readonly locks: KeyLocks = new KeyLocks();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Adds `delta` to the decimal number stored there, 0 when there is none; metadata and expiry stay. Rejects with
   * HostError ERR_KV_VALUE when what is there is no whole number or the sum is none that a double holds exactly,
   * ERR_CONFLICT when others write without pause, and the store's errors; nothing was added then.
   */
  add(place: KeyPlace, delta: number): Promise<Counted> {
    const { promise, resolve, reject } = Promise.withResolvers<Counted>();
    const waiting: Waiting = { delta, resolve, reject };
    const queue = this.#queues.get(place.valueKey);
    if (queue !== undefined) {
      queue.push(waiting);
      return promise;
    }
    this.#queues.set(place.valueKey, [waiting]);
    void this.#run(place);
    return promise;
  }

  async #run(place: KeyPlace): Promise<void> {
    for (;;) {
      if ((this.#queues.get(place.valueKey) ?? []).length === 0) break;
      const release = await this.locks.hold([place.valueKey]);
      const group = this.#queues.get(place.valueKey) ?? [];
      this.#queues.set(place.valueKey, []);
      try {
        await this.#addAll(place, group);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
      } finally {
        release();
      }
    }
    this.#queues.delete(place.valueKey);
  }

  async #addAll(place: KeyPlace, group: readonly Waiting[]): Promise<void> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const entry = await this.#store.get(place.valueKey);
      const sums = addEach(toNumber(entry), group);
      const last = sums.findLast((sum) => sum !== undefined);
      if (last === undefined) return rejectOverflows(group, sums);
      const check = { key: place.valueKey, revision: entry?.revision ?? 0 };
      const written = await this.#store.write(toChanges(place, entry, last), [check]);
      if (!written.ok) continue;
      const version = toVersion(written.revision);
      for (const [index, value] of sums.entries())
        if (value !== undefined) group[index]?.resolve({ value, version });
      return rejectOverflows(group, sums);
    }
    throw new HostError(
      'ERR_CONFLICT',
      `Cannot increment: others wrote the key ${mostAttempts} times meanwhile; try again`,
    );
  }
}

/** The number after each one, undefined for one that would leave the safe integers; the others go on without it. */
function addEach(start: number, group: readonly Waiting[]): readonly (number | undefined)[] {
  let sum = start;
  return group.map(({ delta }) => {
    if (!Number.isSafeInteger(sum + delta)) return undefined;
    sum += delta;
    return sum;
  });
}

function rejectOverflows(group: readonly Waiting[], sums: readonly (number | undefined)[]): void {
  for (const [index, waiting] of group.entries()) {
    if (sums[index] !== undefined) continue;
    waiting.reject(overflow());
  }
}

/** ERR_KV_VALUE. */
export function overflow(): HostError {
  return new HostError(
    'ERR_KV_VALUE',
    'Cannot increment: the sum would be beyond 2^53 - 1; keep counters within safe integers',
  );
}

/** The number that is stored, 0 for nothing. Throws HostError ERR_KV_VALUE for what is no whole number. */
export function toNumber(entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  const { bytes } = decodeValue(entry.value);
  const text = bytes.length > longestBytes ? '' : Buffer.from(bytes).toString('latin1');
  const value = counterPattern.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new HostError(
    'ERR_KV_VALUE',
    'Cannot increment: the value there is no whole number in decimal digits; put one, e.g. "0"',
  );
}

/** The metadata beside a value that is there stays as it is; what an expired one left is removed, as a put does. */
export function toChanges(place: KeyPlace, entry: Entry | undefined, value: number): readonly Change[] {
  const bytes = Buffer.from(String(value));
  const { valueKey: key, metadataKey } = place;
  if (entry === undefined) {
    const stored = Buffer.concat([encodeHead(undefined), bytes]);
    return [
      { kind: 'put', key, value: stored },
      { kind: 'delete', key: metadataKey },
    ];
  }
  const expiry = entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt };
  return [{ kind: 'put', key, value: replaceBytes(entry.value, bytes), ...expiry }];
}
