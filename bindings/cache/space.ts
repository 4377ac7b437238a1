import type { Change, Store } from '#bindings/store/store.ts';
import type { Put, Query } from './arguments.ts';
import { readPieces, tooLarge, writeBody, type Source, type Written } from './body.ts';
import type { EntryIndex, Kept } from './entry-index.ts';
import { expiryOf } from './freshness.ts';
import { decodeHead, encodeHead, type Head } from './head.ts';
import { cachePrefix, pieceKey, placeOf, toId, withoutFragment } from './keys.ts';
import { maxBodyBytes, maxEntries } from './limits.ts';
import { loadSpace } from './load.ts';
import { NamesOfCaches } from './names.ts';
import { variesAlike } from './vary.ts';

/** A stored response that was found; `inline` is its body where that has no pieces. */
export interface Found {
  readonly key: string;
  readonly head: Head;
  readonly inline: Uint8Array;
}

export interface SpaceOptions {
  readonly now: () => number;
  readonly maxBytes: number;
}

/** All caches of one function. What it holds in memory is its index; heads and bodies lie in the store. */
export class Space {
  readonly names: NamesOfCaches;
  readonly #store: Store;
  readonly #prefix: string;
  readonly #options: SpaceOptions;
  readonly #index: EntryIndex;
  /** Readers of bodies in pieces, by id; a body that went goes when its last reader does. */
  readonly #readers: Map<string, number> = new Map();
  readonly #leaving: Map<string, Kept> = new Map();
  #next: number;
  /** Bytes of bodies that are being stored. */
  #pending = 0;
  /** Changes of the index and the store come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    store: Store,
    prefix: string,
    { index, next, names }: Awaited<ReturnType<typeof loadSpace>>,
    options: SpaceOptions,
  ) {
    this.#store = store;
    this.#prefix = prefix;
    this.#options = options;
    this.#index = index;
    this.#next = next;
    this.names = new NamesOfCaches(store, prefix, names);
  }

  /** Reads what is there, and removes bodies whose put was never finished. */
  static async open(store: Store, prefix: string, options: SpaceOptions): Promise<Space> {
    return new Space(store, prefix, await loadSpace(store, prefix), options);
  }

  /** Stored responses a query asks for, in the order they were put, `limit` at most. */
  async find(query: Query, limit: number = Number.POSITIVE_INFINITY): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const cache of this.#prefixes(query)) {
      for (const key of await this.#keys(cache, query)) {
        if (found.length >= limit) return found;
        const entry = await this.#store.get(key);
        if (entry === undefined) continue;
        const { head, inline } = decodeHead(entry.value);
        if (!isAskedFor(head, query)) continue;
        this.#index.touch(key);
        found.push({ key, head, inline });
      }
    }
    return found;
  }

  async read(key: string): Promise<Found | undefined> {
    if (!key.startsWith(`${this.#prefix}e/`)) return undefined;
    const entry = await this.#store.get(key);
    return entry === undefined ? undefined : { key, ...decodeHead(entry.value) };
  }

  /** A part of the body of what was found, from its pieces. */
  open({ key, head }: Found, start: number, end: number): AsyncIterable<Uint8Array> {
    const id = idOf(key);
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
    return readPieces({
      store: this.#store,
      space: this.#prefix,
      id,
      start,
      end: Math.min(end, head.bodyBytes),
      done: () => void this.#close(id),
    });
  }

  /** False when the response says that it may not be stored. Rejects with ERR_CACHE_TOO_LARGE, ERR_STORE_*. */
  async put(put: Put, body: Source): Promise<boolean> {
    const expiresAt = expiryOf(put.headers, this.#options.now());
    if (expiresAt === undefined) return false;
    const id = toId(this.#next++);
    const { maxBytes } = this.#options;
    let reserved = 0;
    const reserve = async (bytes: number): Promise<void> => {
      if (this.#pending + bytes > maxBytes) throw tooLarge(maxBytes);
      reserved += bytes;
      this.#pending += bytes;
      await this.#inTurn(() => this.#makeRoom(0));
    };
    const writer = {
      store: this.#store,
      space: this.#prefix,
      id,
      expiresAt,
      reserve,
      maxBytes: Math.min(maxBodyBytes, maxBytes),
    };
    let written: Written;
    try {
      written = await writeBody(writer, body);
    } catch (error) {
      await this.#removePieces(id);
      throw error;
    } finally {
      this.#pending -= reserved;
    }
    await this.#inTurn(() => this.#commit(put, { id, expiresAt, written, hasBody: body !== undefined }));
    return true;
  }

  /** Removes what a query asks for; false when there was nothing. */
  delete(query: Query): Promise<boolean> {
    return this.#inTurn(async () => {
      const found = await this.find(query);
      await this.#remove(found.map(({ key }) => key));
      return found.length > 0;
    });
  }

  /** Removes a cache with all that is in it; false when there was none of this name. */
  async drop(name: string): Promise<boolean> {
    const removed = await this.names.remove(name);
    const query = { cache: name, url: undefined, headers: [], ignoreSearch: false, ignoreVary: true };
    await this.delete(query);
    return removed;
  }

  async #commit(
    put: Put,
    {
      id,
      expiresAt,
      written,
      hasBody,
    }: { id: string; expiresAt: number; written: Written; hasBody: boolean },
  ): Promise<void> {
    const { cache, ...rest } = put;
    const head: Head = { ...rest, hasBody, bodyBytes: written.bytes, pieces: written.pieces };
    const value = encodeHead(head, written.inline);
    const place = placeOf(cachePrefix(this.#prefix, cache), put.url);
    const key = `${place.exact}${id}`;
    const bytes = value.length + (written.pieces === 0 ? 0 : written.bytes);
    await this.#makeRoom(bytes);
    const query = {
      cache,
      url: put.url,
      headers: put.requestHeaders,
      ignoreSearch: false,
      ignoreVary: false,
    };
    const replaced = await this.find(query);
    const change: Change = { kind: 'put', key, value, expiresAt };
    await this.#remove(
      replaced.map((found) => found.key),
      change,
    );
    this.#index.add({ key, id, bytes, pieces: written.pieces, expiresAt });
    if (cache !== undefined) await this.names.add(cache);
  }

  /** Lets the longest unused go until `bytes` more have room. */
  async #makeRoom(bytes: number): Promise<void> {
    const full = (): boolean =>
      this.#index.bytes + this.#pending + bytes > this.#options.maxBytes || this.#index.size >= maxEntries;
    if (!full()) return;
    this.#index.forgetExpired(this.#options.now());
    for (let entry = this.#index.longestUnused(); entry && full(); entry = this.#index.longestUnused())
      await this.#remove([entry.key]);
  }

  /** In one write: heads and bodies go, `added` comes. Bodies that are being read go later. */
  async #remove(keys: readonly string[], added?: Change): Promise<void> {
    const changes: Change[] = added === undefined ? [] : [added];
    const removed: Kept[] = [];
    for (const key of keys) {
      changes.push({ kind: 'delete', key });
      const entry = this.#index.get(key);
      if (entry === undefined) continue;
      removed.push(entry);
      if (this.#readers.has(entry.id)) this.#leaving.set(entry.id, entry);
      else changes.push(...this.#pieceDeletes(entry));
    }
    if (changes.length > 0) await this.#store.write(changes);
    for (const entry of removed) this.#index.remove(entry.key);
  }

  #pieceDeletes({ id, pieces }: Kept): Change[] {
    return Array.from({ length: pieces }, (_, index) => ({
      kind: 'delete',
      key: pieceKey(this.#prefix, id, index),
    }));
  }

  async #removePieces(id: string): Promise<void> {
    const keys = await this.#store.list({ prefix: `${this.#prefix}b/${id}/`, keysOnly: true });
    if (keys.length > 0) await this.#store.write(keys.map(({ key }) => ({ kind: 'delete', key })));
  }

  async #close(id: string): Promise<void> {
    const left = (this.#readers.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(id, left);
      return;
    }
    this.#readers.delete(id);
    const entry = this.#leaving.get(id);
    if (entry === undefined) return;
    this.#leaving.delete(id);
    // What fails here is removed when the space is opened the next time.
    await this.#store.write(this.#pieceDeletes(entry)).catch(() => undefined);
  }

  #prefixes({ cache }: Query): readonly string[] {
    if (cache !== null) return [cachePrefix(this.#prefix, cache)];
    return [...this.names.list(), undefined].map((name) => cachePrefix(this.#prefix, name));
  }

  async #keys(cache: string, { url, ignoreSearch }: Query): Promise<readonly string[]> {
    const place = url === undefined ? undefined : placeOf(cache, url);
    const prefix = place === undefined ? cache : ignoreSearch ? place.path : place.exact;
    const entries = await this.#store.list({ prefix, keysOnly: true });
    return entries.map(({ key }) => key).toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function idOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** Service Workers, "request matches cached item". */
function isAskedFor(head: Head, { url, headers, ignoreSearch, ignoreVary }: Query): boolean {
  if (url === undefined) return true;
  const [asked, stored] = [withoutFragment(url), withoutFragment(head.url)];
  const same = ignoreSearch ? pathOf(asked) === pathOf(stored) : asked === stored;
  return same && (ignoreVary || variesAlike(head, headers));
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
