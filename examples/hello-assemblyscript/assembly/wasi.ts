// What this program needs of WASI preview 1; AssemblyScript itself brings none of it.
import { environ_get, environ_sizes_get, fd_write, proc_exit } from './wasi_snapshot_preview1';

/** Three numbers: an iovec and a count. */
const numbers = memory.data(12, 4);

function write(fd: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  for (let done = 0; done < bytes.byteLength; done += load<u32>(numbers, 8)) {
    store<usize>(numbers, changetype<usize>(bytes) + done);
    store<u32>(numbers, bytes.byteLength - done, 4);
    if (fd_write(fd, numbers, 1, numbers + 8) != 0) return;
  }
}

export function print(text: string): void {
  write(1, text);
}

/** A line of the function's log. */
export function log(text: string): void {
  write(2, text + '\n');
}

/** Value of an environment variable, '' where there is none. */
export function variable(name: string): string {
  environ_sizes_get(numbers, numbers + 4);
  const count = load<u32>(numbers);
  const pointers = new StaticArray<usize>(count);
  const text = new ArrayBuffer(load<u32>(numbers, 4));
  environ_get(changetype<usize>(pointers), changetype<usize>(text));
  for (let i: u32 = 0; i < count; i++) {
    const start = pointers[i];
    let end = start;
    while (load<u8>(end) != 0) end++;
    const entry = String.UTF8.decodeUnsafe(start, end - start);
    if (entry.startsWith(name + '=')) return entry.slice(name.length + 1);
  }
  return '';
}

/** What the compiler calls where a program fails. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log(
    'abort: ' +
      (message === null ? '' : message) +
      ' at ' +
      (file === null ? '' : file) +
      ':' +
      line.toString(),
  );
  proc_exit(134);
}
