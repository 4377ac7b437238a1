import { Buffer } from 'node:buffer';
import type { Check, Entry, Store } from '#bindings/store/store.ts';
import { toCursor, toVersion } from './arguments.ts';
import type { ListOptions, PutOptions } from './arguments.ts';
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
}

export interface KvPage {
  readonly keys: readonly KvKey[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
}

/** The two keys of one value in the store. */
export interface CounterPlace {
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

  async get(key: string): Promise<KvFound | undefined> {
    const entry = await this.#store.get(this.#valueKey(key));
    return entry === undefined
      ? undefined
      : { ...decodeValue(entry.value), version: toVersion(entry.revision) };
  }

  /**
   * The value's new version, or undefined when `options.revision` is not what is there: then nothing was written.
   * `stored` is head and body as `gatherValue` made them; it belongs to the store from here on.
   */
  async put(
    key: string,
    stored: Uint8Array,
    options: PutOptions,
    nowMs: number,
  ): Promise<string | undefined> {
    const expiration = options.expiration(nowMs);
    const expiry = expiration === undefined ? {} : { expiresAt: expiration * 1000 };
    const [valueKey, metadataKey] = [this.#valueKey(key), this.#metadataKey(key)];
    const checks: readonly Check[] =
      options.revision === undefined ? [] : [{ key: valueKey, revision: options.revision }];
    const written = await this.#store.write(
      [
        { kind: 'put', key: valueKey, value: stored, ...expiry },
        options.metadata === undefined
          ? { kind: 'delete', key: metadataKey }
          : { kind: 'put', key: metadataKey, value: Buffer.from(options.metadata), ...expiry },
      ],
      checks,
    );
    return written.ok ? toVersion(written.revision) : undefined;
  }

  /** Where the counter of this key lies, for `Counters`. */
  counter(key: string): CounterPlace {
    return { valueKey: this.#valueKey(key), metadataKey: this.#metadataKey(key) };
  }

  async delete(key: string): Promise<void> {
    await this.#store.write([
      { kind: 'delete', key: this.#valueKey(key) },
      { kind: 'delete', key: this.#metadataKey(key) },
    ]);
  }

  async list(options: ListOptions): Promise<KvPage> {
    const entries = await this.#store.list({
      prefix: this.#valueKey(options.prefix),
      ...(options.after === undefined ? {} : { after: this.#valueKey(options.after) }),
      limit: options.limit + 1,
      keysOnly: true,
    });
    const names = entries.slice(0, options.limit).map((entry) => this.#nameOf(entry));
    const metadata = await this.#metadataOf(names);
    const keys = names.map((name, index) => toKvKey(name, entries[index], metadata.get(name)));
    const last = names.at(-1);
    return entries.length > options.limit && last !== undefined ? { keys, cursor: toCursor(last) } : { keys };
  }

  async #metadataOf(names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const first = names[0];
    const last = names.at(-1);
    if (first === undefined || last === undefined) return new Map();
    const prefix = this.#metadataKey('');
    const entries = await this.#store.list({
      prefix,
      from: this.#metadataKey(first),
      // The least key after the last one.
      before: `${this.#metadataKey(last)}\0`,
    });
    return new Map(entries.map((entry) => [entry.key.slice(prefix.length), entry.value]));
  }

  #nameOf(entry: Entry): string {
    return entry.key.slice(valuePrefix.length + this.#path.length);
  }

  #valueKey(key: string): string {
    return `${valuePrefix}${this.#path}${key}`;
  }

  #metadataKey(key: string): string {
    return `${metadataPrefix}${this.#path}${key}`;
  }
}

function toKvKey(name: string, entry: Entry | undefined, metadata: Uint8Array | undefined): KvKey {
  const expiresAt = entry?.expiresAt;
  return {
    name,
    ...(expiresAt === undefined ? {} : { expiration: Math.floor(expiresAt / 1000) }),
    ...(metadata === undefined
      ? {}
      : { metadata: JSON.parse(Buffer.from(metadata).toString('utf8')) as unknown }),
  };
}
