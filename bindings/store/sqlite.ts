import { HostError } from '#runtime/errors.ts';
import { toStoreError } from './database.ts';
import type { Database, Statement } from './database.ts';
import { Entries } from './entries.ts';
import type { Prepared } from './entries.ts';
import { encodeKey } from './keys.ts';
import { makeLogRoom } from './log-room.ts';
import { openStoreFile } from './schema.ts';
import type { Change, ChangeEvent, Check, Entry, Range, Store, WriteResult } from './store.ts';
import { Watchers } from './watchers.ts';

export interface SqliteStoreOptions {
  /** Milliseconds since the epoch; decides what has expired. Default `Date.now`. */
  readonly now?: () => number;
  /** Largest size of the database file, log aside; a write beyond it rejects with ERR_STORE_FULL. Default: the disk. */
  readonly maxBytes?: number;
  /** How often expired entries are looked for and removed. Default one minute. */
  readonly purgeEveryMs?: number;
}

/**
 * Opens the store in one SQLite file, for this process alone. Throws HostError ERR_STORE_CORRUPT (the file is left
 * as it is), ERR_STORE_VERSION, ERR_STORE_LOCKED, ERR_STORE_FULL or ERR_STORE.
 *
 * Writes of one turn of the event loop share one transaction and one sync to disk; each is acknowledged after it, and
 * one that fails does not take the others with it. The bytes of a put belong to the store until the write settles.
 * Reads answer from what is committed. Everything rejects with ERR_CLOSING after `close`.
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const database = openStoreFile(path, options.maxBytes);
  try {
    return new SqliteStore(database, options);
  } catch (error) {
    database.close();
    throw toStoreError(`open the store ${JSON.stringify(path)}`, error);
  }
}

/** A write that waits for the end of the turn. */
interface Waiting {
  readonly changes: readonly Prepared<Change>[];
  readonly checks: readonly Prepared<Check>[];
  readonly settle: (outcome: Outcome) => void;
}

type Outcome = WriteResult | { readonly error: unknown };

/** Revisions that are noted as given out at once: what counts them is a page of every commit that notes more. */
const revisionBlock = 1024;
/** Commits after which the log gets its room: a store that is hardly written needs none. */
const commitsBeforeRoom = 8;

class SqliteStore implements Store {
  readonly #database: Database;
  readonly #entries: Entries;
  readonly #watchers = new Watchers();
  readonly #now: () => number;
  readonly #purgeTimer: NodeJS.Timeout;
  readonly #begin: Statement;
  readonly #end: Statement;
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #flush: NodeJS.Immediate | undefined;
  #revision: number;
  /** The file says that no revision above it was given out. */
  #ceiling: number;
  #commits = 0;
  #closed = false;

  constructor(database: Database, options: SqliteStoreOptions) {
    this.#database = database;
    this.#entries = new Entries(database);
    this.#ceiling = this.#entries.ceiling;
    this.#revision = this.#ceiling;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#end = database.prepare('COMMIT');
    this.#now = options.now ?? Date.now;
    this.#purgeTimer = setInterval(() => this.#purge(), options.purgeEveryMs ?? 60_000).unref();
  }

  get(key: string): Entry | undefined | Promise<never> {
    try {
      this.#refuseWhenClosed();
      return this.#entries.get(key, this.#now());
    } catch (error) {
      return Promise.reject(toReadError(error));
    }
  }

  async list(range: Range): Promise<readonly Entry[]> {
    this.#refuseWhenClosed();
    try {
      return this.#entries.list(range, this.#now());
    } catch (error) {
      throw toReadError(error);
    }
  }

  write(changes: readonly Change[], checks: readonly Check[] = []): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenClosed();
      const settle = (outcome: Outcome): void => {
        if ('ok' in outcome) return resolve(outcome);
        reject(toStoreError('write to the store', outcome.error));
      };
      this.#waiting.push({
        changes: changes.map((item) => ({ item: checkedChange(item), key: encodeKey(item.key) })),
        checks: checks.map((item) => ({ item, key: encodeKey(item.key) })),
        settle,
      });
      this.#flush ??= setImmediate(() => this.#commitWaiting());
    });
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<ChangeEvent> {
    this.#refuseWhenClosed();
    return this.#watchers.watch(prefix, signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#purgeTimer);
    clearImmediate(this.#flush);
    this.#closing.abort();
    this.#commitWaiting();
    this.#watchers.close();
    this.#database.close();
  }

  #commitWaiting(): void {
    this.#flush = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    const outcomes = this.#commit(group);
    for (const [index, write] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('ok' in outcome && outcome.ok) this.#announce(write, outcome.revision);
      write.settle(outcome);
    }
    this.#commits++;
    const path = this.#commits === commitsBeforeRoom ? this.#database.location() : null;
    if (path !== null) void makeLogRoom(`${path}-wal`, this.#closing.signal);
  }

  /** One transaction for all; when it fails, one for each, so that only the bad ones do. */
  #commit(group: readonly Waiting[]): readonly Outcome[] {
    try {
      let ceiling = this.#ceiling;
      const outcomes = this.#transact(() => {
        const applied = group.map((write) => this.#apply(write));
        if (this.#revision > ceiling) {
          ceiling = this.#revision + revisionBlock;
          this.#entries.ceiling = ceiling;
        }
        return applied;
      });
      this.#ceiling = ceiling;
      return outcomes;
    } catch (error) {
      if (group.length === 1) return [{ error }];
      return group.flatMap((write) => this.#commit([write]));
    }
  }

  #apply(write: Waiting): WriteResult {
    const now = this.#now();
    const failed = write.checks.find((check) => !this.#entries.holds(check, now));
    if (failed) return { ok: false, failed: failed.item };
    this.#revision += 1;
    for (const change of write.changes) this.#entries.apply(change, this.#revision);
    return { ok: true, revision: this.#revision };
  }

  #transact<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#end.run();
      return result;
    } catch (error) {
      // A full disk may have rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #announce(write: Waiting, revision: number): void {
    if (!this.#watchers.any) return;
    for (const { item } of write.changes) this.#watchers.emit(toEvent(item, revision));
  }

  #purge(): void {
    if (this.#closed) return;
    try {
      const now = this.#now();
      if (!this.#entries.anyExpired(now)) return;
      const more = this.#transact(() => this.#entries.purge(now));
      // Other work of the loop comes between two batches.
      if (more) setTimeout(() => this.#purge(), 1).unref();
    } catch {
      // Expired entries are never seen; the next round tries again, e.g. when the disk has room.
    }
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new HostError('ERR_CLOSING', 'Cannot use the store: it is closed; open it again');
  }
}

function toReadError(error: unknown): Error {
  if (error instanceof TypeError || error instanceof RangeError) return error;
  return toStoreError('read the store', error);
}

function checkedChange(change: Change): Change {
  if (change.kind === 'delete') return change;
  if (!(change.value instanceof Uint8Array))
    throw new TypeError('A store value is not bytes; use a Uint8Array');
  if (change.expiresAt !== undefined && !Number.isSafeInteger(change.expiresAt)) {
    throw new RangeError(`expiresAt is ${String(change.expiresAt)}; use whole milliseconds since the epoch`);
  }
  return change;
}

function toEvent(change: Change, revision: number): ChangeEvent {
  if (change.kind === 'delete') return { kind: 'delete', key: change.key, revision };
  const { key, value, expiresAt } = change;
  return {
    kind: 'put',
    entry: expiresAt === undefined ? { key, value, revision } : { key, value, revision, expiresAt },
  };
}
