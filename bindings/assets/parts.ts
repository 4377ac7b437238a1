import type { Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import { blobKeys, partBytes, partKey, partsOf } from './keys.ts';
import type { AssetBlob } from './list.ts';

/** Parts kept in memory, so that what is asked for again and again reads no store. */
const keptBytes = 64 * 2 ** 20;

/** Reads blobs of functions part by part; the parts used last stay in memory. What it gives is the caller's own copy. */
export class Parts {
  readonly #store: Pick<Store, 'get' | 'list'>;
  readonly #mostBytes: number;
  /** The one used last at the end. */
  readonly #kept: Map<string, Uint8Array> = new Map();
  #bytes = 0;

  constructor(store: Pick<Store, 'get' | 'list'>, mostBytes: number = keptBytes) {
    this.#store = store;
    this.#mostBytes = mostBytes;
  }

  /** A whole blob of any length, not kept. Rejects with HostError ERR_NO_VERSION when it is gone. */
  async whole(name: string, hash: string): Promise<Uint8Array> {
    const entries = await this.#store.list({ prefix: blobKeys(name, hash) });
    if (entries.length === 0) throw gone(name);
    return Buffer.concat(entries.map(({ value }) => value));
  }

  /** Bytes from `start` up to `end`, exclusive. */
  async *stream(
    name: string,
    blob: AssetBlob,
    { start, end }: { readonly start: number; readonly end: number },
  ): AsyncGenerator<Uint8Array> {
    const last = Math.min(partsOf(blob.bytes), Math.ceil(end / partBytes));
    for (let part = Math.floor(start / partBytes); part < last; part++) {
      const bytes = await this.#part(name, blob, part);
      const from = part * partBytes;
      // A copy: whoever takes it may hand its memory on.
      yield bytes.slice(Math.max(0, start - from), Math.min(bytes.length, end - from));
    }
  }

  async #part(name: string, { hash }: AssetBlob, part: number): Promise<Uint8Array> {
    const key = partKey(name, hash, part);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const entry = await this.#store.get(key);
    if (entry === undefined) throw gone(name);
    const bytes = Uint8Array.from(entry.value);
    this.#keep(key, bytes);
    return bytes;
  }

  #keep(key: string, bytes: Uint8Array): void {
    if (bytes.length > this.#mostBytes || this.#kept.has(key)) return;
    this.#kept.set(key, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}

function gone(name: string): HostError {
  return new HostError(
    'ERR_NO_VERSION',
    `Cannot read assets of "${name}": the version was deleted; deploy it again`,
  );
}
