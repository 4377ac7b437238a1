import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import { maxValueBytes } from './limits.ts';

/**
 * How a value lies in the store: one byte of format (1), two bytes of metadata length (big endian; 0: no metadata),
 * the metadata as JSON in UTF-8, then the value's own bytes.
 */
const format = 1;
const headBytes = 3;

export interface KvValue {
  readonly metadata: unknown;
  readonly bytes: Uint8Array;
}

/** Head and metadata: what goes before the value's own bytes. */
export function encodeHead(metadata: string | undefined): Uint8Array {
  const json = Buffer.from(metadata ?? '');
  const head = Buffer.alloc(headBytes + json.length);
  head[0] = format;
  head.writeUInt16BE(json.length, 1);
  json.copy(head, headBytes);
  return head;
}

/** The same with the value's bytes behind it. Throws HostError ERR_KV_VALUE for a value that is too large. */
export function encodeValue(metadata: string | undefined, value: string | Uint8Array): Uint8Array {
  const json = metadata ?? '';
  const jsonBytes = Buffer.byteLength(json);
  const valueBytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  if (valueBytes > maxValueBytes) throw tooLarge();
  const start = headBytes + jsonBytes;
  // Not of the pool: the store keeps it until it is written, and its watchers longer.
  const stored = Buffer.allocUnsafeSlow(start + valueBytes);
  stored[0] = format;
  stored.writeUInt16BE(jsonBytes, 1);
  if (jsonBytes > 0) stored.write(json, headBytes);
  if (typeof value === 'string') stored.write(value, start);
  else stored.set(value, start);
  return stored;
}

/** `bytes` is a view of `stored`. Throws HostError ERR_STORE_CORRUPT when `stored` was not made by this file. */
export function decodeValue(stored: Uint8Array): KvValue {
  const view = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const start = view.length < headBytes ? Infinity : headBytes + view.readUInt16BE(1);
  if (view[0] !== format || start > view.length) {
    throw new HostError('ERR_STORE_CORRUPT', 'Cannot read KV value: its head is damaged; put it again');
  }
  const json = view.toString('utf8', headBytes, start);
  return { metadata: json === '' ? null : JSON.parse(json), bytes: stored.subarray(start) };
}

/** The same head and metadata, as they were written, before other bytes. */
export function replaceBytes(stored: Uint8Array, bytes: Uint8Array): Uint8Array {
  const head = stored.subarray(0, stored.length - decodeValue(stored).bytes.length);
  return Buffer.concat([head, bytes]);
}

/** Head and body in one piece. Stops reading, with HostError ERR_KV_VALUE, as soon as the body is too large. */
export async function gatherValue(
  head: Uint8Array,
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined,
): Promise<Uint8Array> {
  const gathered = new Gathered(head);
  if (body === undefined) return gathered.bytes;
  if (body instanceof Uint8Array) gathered.add(body);
  else for await (const piece of body) gathered.add(piece);
  return gathered.bytes;
}

/** Grows by doubling: a guest that streams a byte at a time costs no more memory than its value. */
class Gathered {
  readonly #headBytes: number;
  #buffer: Uint8Array;
  #length: number;

  constructor(head: Uint8Array) {
    this.#headBytes = head.length;
    this.#buffer = head;
    this.#length = head.length;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    const most = this.#headBytes + maxValueBytes;
    if (length > most) throw tooLarge();
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(most, Math.max(length, this.#buffer.length * 2)));
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }
}

function tooLarge(): HostError {
  return new HostError(
    'ERR_KV_VALUE',
    `Cannot store KV value: it is larger than 25 MiB; store at most ${maxValueBytes} bytes`,
  );
}
