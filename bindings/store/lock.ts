import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import { isBusy, openDatabase, toStoreError } from './database.ts';
import type { Database } from './database.ts';

export interface DataDirLock {
  /** Lets the next host in. The lock also ends with the process, however it ends. */
  release(): void;
}

/**
 * Makes this host the only one on a data directory that exists. Throws HostError ERR_STORE_LOCKED naming the
 * directory and, when known, the process that has it; ERR_DATA_DIR when the directory cannot be written.
 * The lock is SQLite's own exclusive lock on `host.lock`: the system drops it when the process dies, and SQLite also
 * refuses a second host inside this process, which a bare file lock would let in.
 */
export function lockDataDir(dir: string): DataDirLock {
  const database = lockFile(dir);
  const pidFile = join(dir, 'host.pid');
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    database.close();
    throw notWritable(dir, error);
  }
  return {
    release(): void {
      if (!database.isOpen) return;
      rmSync(pidFile, { force: true });
      database.close();
    },
  };
}

function lockFile(dir: string): Database {
  let database: Database | undefined;
  try {
    database = openDatabase(join(dir, 'host.lock'), 'write');
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw locked(dir, error);
    const known = toStoreError(`lock ${JSON.stringify(dir)}`, error);
    throw known.code === 'ERR_STORE' ? notWritable(dir, error) : known;
  }
}

function locked(dir: string, cause: unknown): HostError {
  const pid = ownerPid(dir);
  const owner = pid === undefined ? 'another host' : `another host (pid ${pid})`;
  return new HostError(
    'ERR_STORE_LOCKED',
    `Cannot use the data directory ${JSON.stringify(dir)}: ${owner} is running on it; stop it or use another --dir`,
    { cause },
  );
}

function ownerPid(dir: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(dir, 'host.pid'), 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function notWritable(dir: string, cause: unknown): HostError {
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'there is no room left; free disk space, what is stored is kept'
      : 'it does not exist or this user may not write to it; give another --dir';
  return new HostError('ERR_DATA_DIR', `Cannot use the data directory ${JSON.stringify(dir)}: ${why}`, {
    cause,
  });
}
