import { closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { HostError } from '#runtime/errors.ts';
import type { ErrorCode } from '#runtime/errors.ts';

/** The one door to node:sqlite: opening files, and naming what SQLite says in the store's own codes. */
export type Database = DatabaseSync;
export type Statement = StatementSync;

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

const remedies: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [SQLITE_BUSY]: [
    'ERR_STORE_LOCKED',
    'another process has it open; stop the other host or use another --dir',
  ],
  [SQLITE_LOCKED]: [
    'ERR_STORE_LOCKED',
    'another process has it open; stop the other host or use another --dir',
  ],
  [SQLITE_CORRUPT]: ['ERR_STORE_CORRUPT', 'the file is damaged; restore a copy, it is left as it is'],
  [SQLITE_NOTADB]: ['ERR_STORE_CORRUPT', 'the file is not a database; restore a copy, it is left as it is'],
  [SQLITE_FULL]: ['ERR_STORE_FULL', 'there is no room left; free disk space, what is stored is kept'],
  [SQLITE_CANTOPEN]: [
    'ERR_STORE',
    'the file cannot be opened; give a path in a directory this user may write',
  ],
};

/** SQLite's primary result code of an error, or undefined when the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** A HostError that says what was attempted, what SQLite answered and what would work. HostErrors pass unchanged. */
export function toStoreError(action: string, error: unknown): HostError {
  if (error instanceof HostError) return error;
  const code = resultCode(error);
  const known = code === undefined ? undefined : remedies[code];
  if (known) return new HostError(known[0], `Cannot ${action}: ${known[1]}`, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new HostError('ERR_STORE', `Cannot ${action}: ${reason}; see the cause in the host log`, {
    cause: error,
  });
}

/** True when another process (or another opener in this one) holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** True when the disk, not the file's content, was the trouble. */
export function isInputOutput(error: unknown): boolean {
  return resultCode(error) === SQLITE_IOERR;
}

/**
 * Opens without waiting for locks; a file that is new is made readable by its owner only. Never reads the file by
 * other means: closing any descriptor of it would drop the POSIX locks this process holds on it.
 */
export function openDatabase(path: string, mode: 'read' | 'write'): Database {
  if (mode === 'write' && fileBytes(path) === undefined) createPrivate(path);
  return new DatabaseSync(path, { readOnly: mode === 'read', timeout: 0 });
}

/** Size of the file at `path`, or undefined when there is none. */
export function fileBytes(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch {
    // SQLite opens the same path next and says what is wrong with it.
  }
}
