import { Buffer } from 'node:buffer';
import { close, fdatasync, fstatSync, openSync, statfsSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';

/** What SQLite lets its log grow to before it begins again at the front: 1000 pages of 4 KiB, and a little more. */
const logBytes: number = 4.5 * 1024 * 1024;
/** Written in one turn of the event loop. */
const sliceBytes: number = 256 * 1024;
/** A disk with less room than this keeps what it has. */
const leastFreeBytes: number = 16 * logBytes;

const synced = promisify(fdatasync);

/**
 * Fills the file of a log with zeros up to the length it will have, a slice a turn. Syncing a file that grows makes the
 * file system write its own journal too; in place it is one write and one flush (bench/kv.ts, put: 264 µs and 209 µs in
 * bare SQLite).
 *
 * SQLite writes at its own mark and takes zeros behind it for the end of the log, so both may write: each slice is put
 * behind the end of the file within one turn, in which SQLite, on the same thread, does nothing. The log is another file
 * than the database: closing its descriptor drops no lock. What fails here costs time only, and is left.
 */
export async function makeLogRoom(path: string, signal: AbortSignal): Promise<void> {
  try {
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < leastFreeBytes) return;
    const file = openSync(path, 'r+');
    try {
      const zeros = Buffer.alloc(sliceBytes);
      for (;;) {
        if (signal.aborted) return;
        const { size } = fstatSync(file);
        if (size >= logBytes) return;
        writeSync(file, zeros, 0, Math.min(zeros.length, logBytes - size), size);
        await synced(file);
      }
    } finally {
      close(file);
    }
  } catch {
    // No room, or a file system that will not have it.
  }
}
