import { HostError } from '#runtime/errors.ts';
import { fileBytes, isInputOutput, openDatabase, toStoreError } from './database.ts';
import type { Database } from './database.ts';

/** Marks the file as an islet store: "isle" in ASCII, in the header's application_id. */
const applicationId = 0x69736c65;
/** The header's user_version: grows with every change of the tables below. */
const schemaVersion = 1;
/** SQLite's smallest page: a shorter file is no database, though SQLite takes some of them for an empty one. */
const leastFileBytes = 512;
/** Files up to this size are checked page by page when opened: about 0.1 s. */
const checkedFileBytes = 32 * 1024 * 1024;

/**
 * `value` is last, so that reading a key, revision or expiry never touches the pages of a large value.
 * `counter` holds the last revision given out; it survives the deletion of the entry that had it.
 */
const tables = `
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    expires_at INTEGER,
    value BLOB NOT NULL
  ) STRICT;
  CREATE INDEX entry_expiry ON entry (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT INTO counter (id, revision) VALUES (1, 0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Opens the store's file for this process alone, making its tables when it is new. Everything is checked on a
 * read-only connection first, so that a file which is refused is left as it was, byte for byte.
 * Throws HostError ERR_STORE_CORRUPT, ERR_STORE_VERSION, ERR_STORE_LOCKED, ERR_STORE_FULL or ERR_STORE.
 */
export function openStoreFile(path: string, maxBytes: number | undefined): Database {
  const action = `open the store ${JSON.stringify(path)}`;
  let database: Database | undefined;
  try {
    const seen = inspect(path);
    database = openDatabase(path, 'write');
    configure(database, maxBytes);
    const state = seen === 'unseen' ? check(database, path) : seen;
    if (state === 'new') database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT;`);
    return database;
  } catch (error) {
    database?.close();
    throw toStoreError(action, error);
  }
}

/** What a look without touching says; `unseen` when a full disk has no room for the index such a look needs. */
function inspect(path: string): 'new' | 'store' | 'unseen' {
  const bytes = fileBytes(path);
  if (bytes === undefined || bytes === 0) return 'new';
  if (bytes < leastFileBytes) throw notAStore(path);
  const database = openDatabase(path, 'read');
  try {
    return check(database, path);
  } catch (error) {
    if (isInputOutput(error)) return 'unseen';
    throw error;
  } finally {
    database.close();
  }
}

/** Throws when the file is anything but a store this islet can read. */
function check(database: Database, path: string): 'new' | 'store' {
  const version = pragma(database, 'user_version');
  const owner = pragma(database, 'application_id');
  if (version === 0 && owner === 0 && isBare(database)) return 'new';
  if (owner !== applicationId) throw notAStore(path);
  if (Number(version) > schemaVersion) throw newer(path, version);
  const isSmall = (fileBytes(path) ?? 0) <= checkedFileBytes;
  if (isSmall && pragma(database, 'quick_check') !== 'ok') throw damaged(path);
  return 'store';
}

/**
 * Exclusive locking keeps a second process out for as long as this one lives, however it ends, and needs no shared
 * memory file. FULL syncs the log at every commit: what is acknowledged survives a power cut.
 */
function configure(database: Database, maxBytes: number | undefined): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  const mode = pragma(database, 'journal_mode = WAL');
  if (mode !== 'wal')
    throw new HostError('ERR_STORE', `Cannot open the store: journal mode is ${String(mode)}`);
  database.exec(
    'PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384',
  );
  // Reading once takes the lock now, not at the first write.
  pragma(database, 'user_version');
  if (maxBytes === undefined) return;
  const pageBytes = Number(pragma(database, 'page_size'));
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

function pragma(database: Database, text: string): unknown {
  const row = database.prepare(`PRAGMA ${text}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

function isBare(database: Database): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
}

function notAStore(path: string): HostError {
  return new HostError(
    'ERR_STORE_CORRUPT',
    `Cannot open the store ${JSON.stringify(path)}: the file is not an islet store; restore a copy or give another path, it is left as it is`,
  );
}

function damaged(path: string): HostError {
  return new HostError(
    'ERR_STORE_CORRUPT',
    `Cannot open the store ${JSON.stringify(path)}: the file is damaged; restore a copy, it is left as it is`,
  );
}

function newer(path: string, version: unknown): HostError {
  return new HostError(
    'ERR_STORE_VERSION',
    `Cannot open the store ${JSON.stringify(path)}: it has version ${String(version)}, this islet reads up to ${schemaVersion}; use the islet that wrote it, or a newer one`,
  );
}
