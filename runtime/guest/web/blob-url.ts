import { type Blob, isBlob } from './blob.ts';
import { io } from './io.ts';
import { toText } from './webidl.ts';

/** File API, 8: the blob URL store of this instance. What is in it stays until it is revoked. */
const store = new Map<string, Blob>();

/** The blob a blob: URL stands for now; its fragment does not count. */
export function blobOfUrl(url: string): Blob | undefined {
  const hash = url.indexOf('#');
  return store.get(hash < 0 ? url : url.slice(0, hash));
}

/** `URL.createObjectURL` (File API, 8.4); there is no origin, so it is "null". */
export function createObjectUrl(value: unknown): string {
  if (!isBlob(value)) throw new TypeError('URL.createObjectURL needs a Blob');
  const url = `blob:null/${createUuid()}`;
  store.set(url, value);
  return url;
}

/** `URL.revokeObjectURL` (File API, 8.4). */
export function revokeObjectUrl(value: unknown): void {
  const url = toText(value);
  if (!url.includes('#')) store.delete(url);
}

/** RFC 9562, version 4. */
function createUuid(): string {
  const bytes = new Uint8Array(16);
  io.random(bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
