import { Buffer } from 'node:buffer';
import type { Entry, Store } from '#bindings/store/store.ts';
import { toCursor } from './arguments.ts';
import type { ListOptions, PutOptions } from './arguments.ts';
import { decodeValue } from './value.ts';
import type { KvValue } from './value.ts';

/** A key as `list` names it; `expiration` in seconds since the epoch. */
export interface KvKey {
  readonly name: string;
  readonly expiration?: number;
  readonly metadata?: unknown;
}

export interface KvPage {
  readonly keys: readonly KvKey[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
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

  async get(key: string): Promise<KvValue | undefined> {
    const entry = await this.#store.get(this.#valueKey(key));
    return entry === undefined ? undefined : decodeValue(entry.value);
  }

  /** `stored` is head and body as `gatherValue` made them; it belongs to the store from here on. */
  async put(key: string, stored: Uint8Array, options: PutOptions, nowMs: number): Promise<void> {
    const expiration = options.expiration(nowMs);
    const expiry = expiration === undefined ? {} : { expiresAt: expiration * 1000 };
    const metadataKey = this.#metadataKey(key);
    await this.#store.write([
      { kind: 'put', key: this.#valueKey(key), value: stored, ...expiry },
      options.metadata === undefined
        ? { kind: 'delete', key: metadataKey }
        : { kind: 'put', key: metadataKey, value: Buffer.from(options.metadata), ...expiry },
    ]);
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
