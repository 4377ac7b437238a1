import { createHash } from 'node:crypto';
import type { WasmFile } from '#runtime/deployment.ts';

/**
 * Files in one run of bytes: u32 length (little-endian) of a JSON list of [path, length], that list, then the files' bytes
 * in its order, which is the order of the paths. The same files always give the same bytes.
 */
export function packFiles(files: readonly WasmFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const list = Buffer.from(JSON.stringify(sorted.map(({ path, bytes }) => [path, bytes.length])));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(list.length);
  return Buffer.concat([length, list, ...sorted.map(({ bytes }) => bytes)]);
}

/** The files again. What `packFiles` did not write is the caller's to find out before, by its hash. */
export function unpackFiles(packed: Buffer): readonly WasmFile[] {
  const start = 4 + packed.readUInt32LE(0);
  const list = JSON.parse(packed.toString('utf8', 4, start)) as readonly (readonly [string, number])[];
  let at = start;
  return list.map(([path, length]) => {
    const bytes = packed.subarray(at, at + length);
    at += length;
    return { path, bytes };
  });
}

/** Names the files: hex SHA-256 of them packed. */
export function hashOfFiles(packed: Uint8Array): string {
  return createHash('sha256').update('files:').update(packed).digest('hex');
}
