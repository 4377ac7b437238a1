// What these programs need of WASI preview 1; AssemblyScript itself brings none of it.
import { environ_get, environ_sizes_get, fd_read, fd_write, proc_exit } from './wasi_snapshot_preview1';

/** One iovec and one count. */
const vector = memory.data(12, 4);
const piece = memory.data(65536, 16);

/** The next bytes of stdin, at most 64 KiB of them; empty at its end. */
export function read(): ArrayBuffer {
  store<usize>(vector, piece);
  store<u32>(vector, 65536, 4);
  if (fd_read(0, vector, 1, vector + 8) != 0) return new ArrayBuffer(0);
  const bytes = new ArrayBuffer(load<u32>(vector, 8));
  memory.copy(changetype<usize>(bytes), piece, bytes.byteLength);
  return bytes;
}

/** Writes all of them to stdout (1) or stderr (2). */
export function write(fd: i32, bytes: ArrayBuffer): void {
  let done = 0;
  while (done < bytes.byteLength) {
    store<usize>(vector, changetype<usize>(bytes) + done);
    store<u32>(vector, bytes.byteLength - done, 4);
    if (fd_write(fd, vector, 1, vector + 8) != 0) return;
    done += load<u32>(vector, 8);
  }
}

export function print(text: string): void {
  write(1, String.UTF8.encode(text));
}

export function log(text: string): void {
  write(2, String.UTF8.encode(text + '\n'));
}

/** Value of an environment variable, '' where there is none. */
export function variable(name: string): string {
  environ_sizes_get(vector, vector + 4);
  const count = load<u32>(vector);
  const pointers = new ArrayBuffer(count * 4);
  const text = new ArrayBuffer(load<u32>(vector, 4));
  environ_get(changetype<usize>(pointers), changetype<usize>(text));
  for (let i: u32 = 0; i < count; i++) {
    const start = load<usize>(changetype<usize>(pointers) + i * 4);
    let end = start;
    while (load<u8>(end) != 0) end++;
    const entry = String.UTF8.decodeUnsafe(start, end - start);
    if (entry.startsWith(name + '=')) return entry.slice(name.length + 1);
  }
  return '';
}

/** What the compiler calls where a program fails (`--use abort=wasi/abort`). */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log(
    'abort: ' +
      (message === null ? '' : message) +
      ' at ' +
      (file === null ? '' : file) +
      ':' +
      line.toString() +
      ':' +
      column.toString(),
  );
  proc_exit(134);
}
