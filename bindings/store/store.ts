/**
 * The durable layer under every binding and under the host's own state: ordered keys, bytes, expiry,
 * compare-and-set, atomic batches. Written so that SQLite carries it on one machine and NATS JetStream on many.
 * Keys are strings ordered by their UTF-8 bytes. A write is acknowledged only when it is durable.
 */
export interface Store {
  /**
   * The entry, or undefined when absent or expired. An engine that has it at hand gives it at once, others a promise;
   * what fails rejects in both.
   */
  get(key: string): Entry | undefined | Promise<Entry | undefined>;
  /** Entries in key order, `limit` at most. Expired entries are never listed. */
  list(range: Range): Promise<readonly Entry[]>;
  /**
   * All changes or none. Checks are compared in the same transaction; when one fails nothing is written and the
   * result says which. Rejects with HostError ERR_STORE_FULL, ERR_STORE_CORRUPT or ERR_STORE.
   */
  write(changes: readonly Change[], checks?: readonly Check[]): Promise<WriteResult>;
  /** Every later committed change under `prefix`, in commit order, until the signal aborts. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<ChangeEvent>;
  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Grows with every write in the store; never reused. */
  readonly revision: number;
  /** Milliseconds since the epoch; absent when the entry never expires. */
  readonly expiresAt?: number;
}

export interface Range {
  readonly prefix: string;
  /** Start after this key (exclusive). */
  readonly after?: string;
  /** Start at this key (inclusive). */
  readonly from?: string;
  /** Stop before this key (exclusive). */
  readonly before?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
  /** Leave `value` empty: keys, revisions and expiry only. */
  readonly keysOnly?: boolean;
}

export type Change =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array; readonly expiresAt?: number }
  | { readonly kind: 'delete'; readonly key: string };

/** `revision: 0` means the key must be absent. */
export interface Check {
  readonly key: string;
  readonly revision: number;
}

export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly failed: Check };

export type ChangeEvent =
  | { readonly kind: 'put'; readonly entry: Entry }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: number };
