import { Buffer } from 'node:buffer';
import type { Change, Check, Entry, Range, Store } from '#bindings/store/store.ts';
import { toVersion } from './arguments.ts';
import type { PutOptions } from './arguments.ts';
import { pageValueBytes } from './limits.ts';
import { toCursor } from './range.ts';
import type { ListOptions } from './range.ts';
import { decodeValue } from './value.ts';
import type { KvValue } from './value.ts';

/** A key as `list` names it; `expiration` in seconds since the epoch. */
export interface KvKey {
  readonly name: string;
  readonly expiration?: number;
  readonly metadata?: unknown;
}

/** A value with the version it has: another one after every write, never one that was before. */
export interface KvFound extends KvValue {
  readonly version: string;
  /** Seconds since the epoch; absent when it never expires. */
  readonly expiration?: number;
}

export interface KvPage {
  readonly keys: readonly KvKey[];
  /** What the keys hold, in their order; there when it was asked for. */
  readonly found?: readonly KvFound[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
}

/** The two keys of one value in the store. */
export interface KeyPlace {
  readonly valueKey: string;
  readonly metadataKey: string;
}

/** Where values lie: `kv/<cordon>/<namespace>/<key>`, the first two percent-encoded so that they hold no slash. */
export const valuePrefix = 'kv/';
/** A copy of the metadata alone, for `list`: reading it there would mean reading every value. */
const metadataPrefix = 'kvm/';

/** One namespace of one cordon over the store. Arguments are checked before they come here. */
export class KvNamespace {
  readonly #store: Store;
  readonly #path: string;

  constructor(store: Store, cordon: string, namespace: string) {
    this.#store = store;
    this.#path = `${encodeURIComponent(cordon)}/${encodeURIComponent(namespace)}/`;
  }

  /** At once where the store has it at hand. Throws or rejects with the store's errors. */
  get(key: string): KvFound | undefined | Promise<KvFound | undefined> {
    const entry = this.#store.get(this.#valueKey(key));
    return entry instanceof Promise ? entry.then(toFound) : toFound(entry);
  }

  /**
   * The value's new version, or undefined when `options.revision` is not what is there: then nothing was written.
   * `stored` is head and body as `encodeValue` or `gatherValue` made them; it belongs to the store from here on.
   */
  async put(
    key: string,
    stored: Uint8Array,
    options: PutOptions,
    nowMs: number,
  ): Promise<string | undefined> {
    const valueKey = this.#valueKey(key);
    const checks: readonly Check[] =
      options.revision === undefined ? [] : [{ key: valueKey, revision: options.revision }];
    const written = await this.#store.write(this.changes(key, stored, options, nowMs), checks);
    return written.ok ? toVersion(written.revision) : undefined;
  }

  /** What a put changes in the store. */
  changes(key: string, stored: Uint8Array, options: PutOptions, nowMs: number): readonly Change[] {
    const expiration = options.expiration(nowMs);
    const expiry = expiration === undefined ? {} : { expiresAt: expiration * 1000 };
    const { valueKey, metadataKey } = this.place(key);
    return [
      { kind: 'put', key: valueKey, value: stored, ...expiry },
      options.metadata === undefined
        ? { kind: 'delete', key: metadataKey }
        : { kind: 'put', key: metadataKey, value: Buffer.from(options.metadata), ...expiry },
    ];
  }

  /** What a delete changes in the store. */
  deletion(key: string): readonly Change[] {
    const { valueKey, metadataKey } = this.place(key);
    return [
      { kind: 'delete', key: valueKey },
      { kind: 'delete', key: metadataKey },
    ];
  }

  /** Where the value of this key lies. */
  place(key: string): KeyPlace {
    return { valueKey: this.#valueKey(key), metadataKey: this.#metadataKey(key) };
  }

  /** The key of a value of this namespace in the store. */
  nameOf(valueKey: string): string {
    return valueKey.slice(valuePrefix.length + this.#path.length);
  }

  async delete(key: string): Promise<void> {
    await this.#store.write(this.deletion(key));
  }

  /** The next keys that begin with `prefix`. */
  async names(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    const from = after === undefined ? {} : { after: this.#valueKey(after) };
    const entries = await this.#store.list({
      prefix: this.#valueKey(prefix),
      ...from,
      limit,
      keysOnly: true,
    });
    return entries.map(({ key }) => this.nameOf(key));
  }

  async list(options: ListOptions): Promise<KvPage> {
    const entries = await this.#store.list({
      prefix: this.#valueKey(options.prefix),
      ...this.#bounds(options),
      limit: options.limit + 1,
      reverse: options.reverse,
      keysOnly: true,
    });
    const listed = entries.slice(0, options.limit);
    const page = options.values ? await this.#withValues(listed) : await this.#withMetadata(listed);
    const last = page.keys.at(-1)?.name;
    return page.keys.length < entries.length && last !== undefined
      ? { ...page, cursor: toCursor(last) }
      : page;
  }

  #bounds({ start, end, reverse, after }: ListOptions): Pick<Range, 'from' | 'before' | 'after'> {
    const before = reverse ? (after ?? end) : end;
    return {
      ...(start === undefined ? {} : { from: this.#valueKey(start) }),
      ...(before === undefined ? {} : { before: this.#valueKey(before) }),
      ...(after === undefined || reverse ? {} : { after: this.#valueKey(after) }),
    };
  }

  async #withMetadata(entries: readonly Entry[]): Promise<KvPage> {
    const names = entries.map(({ key }) => this.nameOf(key));
    const metadata = await this.#metadataOf(names);
    return { keys: names.map((name, index) => toKvKey(name, entries[index], metadata.get(name))) };
  }

  /** Value by value, so that no more than a page's bytes and one value are read at once. */
  async #withValues(entries: readonly Entry[]): Promise<KvPage> {
    const keys: KvKey[] = [];
    const values: KvFound[] = [];
    let bytes = 0;
    for (const { key } of entries) {
      const name = this.nameOf(key);
      const found = await this.get(name);
      if (found === undefined) continue;
      const { metadata, expiration } = found;
      keys.push({
        name,
        ...(expiration === undefined ? {} : { expiration }),
        ...(metadata === null ? {} : { metadata }),
      });
      values.push(found);
      bytes += found.bytes.length;
      if (bytes >= pageValueBytes) break;
    }
    return { keys, found: values };
  }

  async #metadataOf(names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const [one, other] = [names[0], names.at(-1)];
    if (one === undefined || other === undefined) return new Map();
    const [first, last] =
      Buffer.compare(Buffer.from(one), Buffer.from(other)) <= 0 ? [one, other] : [other, one];
    const prefix = this.#metadataKey('');
    const entries = await this.#store.list({
      prefix,
      from: this.#metadataKey(first),
      // The least key after the last one.
      before: `${this.#metadataKey(last)}\0`,
    });
    return new Map(entries.map((entry) => [entry.key.slice(prefix.length), entry.value]));
  }

  #valueKey(key: string): string {
    return `${valuePrefix}${this.#path}${key}`;
  }

  #metadataKey(key: string): string {
    return `${metadataPrefix}${this.#path}${key}`;
  }
}

function toKvKey(name: string, entry: Entry | undefined, metadata: Uint8Array | undefined): KvKey {
  return {
    name,
    ...(entry === undefined ? {} : toExpiration(entry)),
    ...(metadata === undefined
      ? {}
      : { metadata: JSON.parse(Buffer.from(metadata).toString('utf8')) as unknown }),
  };
}

function toFound(entry: Entry | undefined): KvFound | undefined {
  if (entry === undefined) return undefined;
  const { metadata, bytes } = decodeValue(entry.value);
  const version = toVersion(entry.revision);
  if (entry.expiresAt === undefined) return { metadata, bytes, version };
  return { metadata, bytes, version, ...toExpiration(entry) };
}

/** Seconds since the epoch, as KV has them. */
export function toExpiration({ expiresAt }: Pick<Entry, 'expiresAt'>): { readonly expiration?: number } {
  return expiresAt === undefined ? {} : { expiration: Math.floor(expiresAt / 1000) };
}
