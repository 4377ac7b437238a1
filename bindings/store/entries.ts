import { toBounds, encodeKey, decodeKey } from './keys.ts';
import type { Database, Statement } from './database.ts';
import type { Change, Check, Entry, Range } from './store.ts';

/** Rows and bytes one purge takes at most: a few milliseconds of work. */
const purgeRows = 128;
const purgeBytes = 8 * 1024 * 1024;

const noBytes = new Uint8Array(0);
/** Rows as arrays: an object with its names costs a get a fifth more. */
const columns = 'key, revision, expires_at';
type Row = readonly [
  key: Uint8Array,
  revision: number,
  expiresAt: number | null,
  /** Not in lists of keys. */
  value?: Uint8Array,
];
const live = '(expires_at IS NULL OR expires_at > ?)';

/** A change or check with its key as SQLite takes it, encoded when the write is asked for. */
export interface Prepared<T> {
  readonly item: T;
  readonly key: Uint8Array;
}

/** The table of entries through prepared statements. Synchronous; knows nothing of transactions. */
export class Entries {
  readonly #get: Statement;
  readonly #revision: Statement;
  readonly #put: Statement;
  readonly #delete: Statement;
  readonly #deleteRow: Statement;
  readonly #expired: Statement;
  readonly #setCeiling: Statement;
  readonly #lists: Readonly<Record<'forward' | 'backward' | 'forwardKeys' | 'backwardKeys', Statement>>;
  readonly #ceiling: Statement;

  constructor(database: Database) {
    this.#get = database.prepare(`SELECT ${columns}, value FROM entry WHERE key = ? AND ${live}`);
    this.#get.setReturnArrays(true);
    this.#revision = database.prepare(`SELECT revision FROM entry WHERE key = ? AND ${live}`);
    this.#put = database.prepare(
      'INSERT INTO entry (key, revision, expires_at, value) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET ' +
        'revision = excluded.revision, expires_at = excluded.expires_at, value = excluded.value',
    );
    this.#delete = database.prepare('DELETE FROM entry WHERE key = ?');
    this.#deleteRow = database.prepare('DELETE FROM entry WHERE id = ?');
    this.#expired = database.prepare(
      'SELECT id, length(value) AS bytes FROM entry WHERE expires_at <= ? ORDER BY expires_at LIMIT ?',
    );
    this.#setCeiling = database.prepare('UPDATE counter SET revision = ? WHERE id = 1');
    this.#ceiling = database.prepare('SELECT revision FROM counter WHERE id = 1');
    const list = (selected: string, order: string): Statement => {
      const statement = database.prepare(
        `SELECT ${selected} FROM entry WHERE key >= ? AND key < ? AND ${live} ORDER BY key ${order} LIMIT ?`,
      );
      statement.setReturnArrays(true);
      return statement;
    };
    this.#lists = {
      forward: list(`${columns}, value`, 'ASC'),
      backward: list(`${columns}, value`, 'DESC'),
      forwardKeys: list(columns, 'ASC'),
      backwardKeys: list(columns, 'DESC'),
    };
  }

  get(key: string, now: number): Entry | undefined {
    const row = this.#get.get(encodeKey(key), now);
    return row === undefined ? undefined : toEntry(row as unknown as Row, key);
  }

  list(range: Range, now: number): readonly Entry[] {
    const limit = range.limit ?? -1;
    if (!Number.isSafeInteger(limit) || (range.limit !== undefined && limit < 0)) {
      throw new RangeError(`Store list limit is ${String(range.limit)}; use a whole number, 0 or more`);
    }
    const { low, high } = toBounds(range);
    const direction = range.reverse === true ? 'backward' : 'forward';
    const statement = this.#lists[range.keysOnly === true ? (`${direction}Keys` as const) : direction];
    const rows = statement.all(low, high, now, limit) as unknown as readonly Row[];
    return rows.map((row) => toEntry(row, decodeKey(row[0])));
  }

  /** True when the key is at the revision, or absent (or expired) for revision 0. */
  holds(check: Prepared<Check>, now: number): boolean {
    const row = this.#revision.get(check.key, now);
    return (row === undefined ? 0 : row['revision']) === check.item.revision;
  }

  apply(change: Prepared<Change>, revision: number): void {
    if (change.item.kind === 'delete') {
      this.#delete.run(change.key);
      return;
    }
    this.#put.run(change.key, revision, change.item.expiresAt ?? null, change.item.value);
  }

  /** Removes some of what has expired; true when there may be more. */
  purge(now: number): boolean {
    const rows = this.#expired.all(now, purgeRows);
    let bytes = 0;
    for (const row of rows) {
      this.#deleteRow.run(row['id'] as number);
      bytes += row['bytes'] as number;
      if (bytes > purgeBytes) return true;
    }
    return rows.length === purgeRows;
  }

  /** Anything expired at `now`? Answered from the index, without a transaction. */
  anyExpired(now: number): boolean {
    return this.#expired.get(now, 1) !== undefined;
  }

  /** No revision above it has been given out. */
  get ceiling(): number {
    return this.#ceiling.get()?.['revision'] as number;
  }

  set ceiling(revision: number) {
    this.#setCeiling.run(revision);
  }
}

function toEntry([, revision, expiresAt, value = noBytes]: Row, key: string): Entry {
  return expiresAt === null ? { key, value, revision } : { key, value, revision, expiresAt };
}
