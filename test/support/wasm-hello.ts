import { buildModule, i32, leb, signed } from './wasm-builder.ts';

/** A preview 1 command, binary, that answers every request with this text. */
export function helloCommand(text: string): Uint8Array {
  const answer = Buffer.from(`Content-Type: text/plain\n\n${text}`);
  // One iovec at 0: the answer lies at 16.
  const vector = Buffer.alloc(8);
  vector.writeUInt32LE(16, 0);
  vector.writeUInt32LE(answer.length, 4);
  return buildModule({
    types: [
      [[i32, i32, i32, i32], [i32]],
      [[], []],
    ],
    imports: [['wasi_snapshot_preview1', 'fd_write', [0, 0]]],
    functions: [{ type: 1, code: [0x41, 1, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x1a] }],
    memories: [[0, 1]],
    exports: [
      ['memory', 2, 0],
      ['_start', 0, 1],
    ],
    data: [data(0, vector), data(16, answer)],
  });
}

function data(at: number, bytes: Uint8Array): number[] {
  return [0, 0x41, ...signed(at), 0x0b, ...leb(bytes.length), ...bytes];
}
