import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { median } from './histogram.ts';
import { serveTasks } from './tasks.ts';

/** What KV is held against: the same database engine with the same durability, called directly. */
export interface SqlitePlan {
  readonly dir: string;
  readonly verb: 'put' | 'get' | 'list';
  readonly count: number;
  /** Puts that share a transaction and its fsync. */
  readonly width: number;
}

let writes = 0;
const databases: Map<string, DatabaseSync> = new Map();

function open(dir: string): DatabaseSync {
  const known = databases.get(dir);
  if (known !== undefined) return known;
  const database = new DatabaseSync(join(dir, 'bare.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID');
  databases.set(dir, database);
  return database;
}

/** Resolves to the ms it took. */
function work({ dir, verb, count, width }: SqlitePlan): number {
  const database = open(dir);
  const value = Buffer.alloc(100, 'v');
  // SQLite writes nothing, and syncs nothing, when a row is replaced by its equal.
  const fresh = (): Buffer => {
    value.writeUInt32LE(writes++);
    return value;
  };
  const put = database.prepare(
    'INSERT INTO entries VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const get = database.prepare('SELECT value FROM entries WHERE key = ?');
  const list = database.prepare('SELECT key FROM entries ORDER BY key LIMIT 100');
  const key = (i: number): Buffer => Buffer.from(`key-${i % 1000}`);
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    if (verb === 'get') get.get(key(i));
    if (verb === 'list') list.all();
    if (verb !== 'put') continue;
    if (width > 1 && i % width === 0) database.exec('BEGIN');
    put.run(key(i), fresh());
    if (width > 1 && (i % width === width - 1 || i === count - 1)) database.exec('COMMIT');
  }
  return performance.now() - began;
}

/**
 * Median microseconds of one write of 4 KB with its fdatasync: what the disk asks for a durable put. In place, as a log is
 * written that has its length: a file that grows takes twice as long.
 */
function sync({ dir, count }: { readonly dir: string; readonly count: number }): number {
  const file = openSync(join(dir, 'sync.dat'), 'w');
  const page = Buffer.alloc(4096, 'p');
  writeSync(file, Buffer.alloc(page.length * count));
  fdatasyncSync(file);
  const micros: number[] = [];
  for (let i = 0; i < count; i++) {
    page.writeUInt32LE(i);
    const began = performance.now();
    writeSync(file, page, 0, page.length, i * page.length);
    fdatasyncSync(file);
    micros.push((performance.now() - began) * 1000);
  }
  closeSync(file);
  return median(micros);
}

serveTasks({ work, sync });
