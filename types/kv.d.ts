export type KVType = 'text' | 'json' | 'arrayBuffer' | 'stream';
export type KVValue = string | ArrayBuffer | ArrayBufferView;

export interface KVFound<Value, Metadata = unknown> {
  readonly value: Value | null;
  readonly metadata: Metadata | null;
  /** Null: it is not there. */
  readonly version: string | null;
  readonly cacheStatus: null;
}

export interface KVPutOptions {
  /** Seconds since the epoch. */
  readonly expiration?: number;
  /** Seconds from now, 60 at the least. */
  readonly expirationTtl?: number;
  /** JSON of 1024 bytes at the most. */
  readonly metadata?: unknown;
}

export type KVCondition =
  | { readonly ifVersion: string | null; readonly ifAbsent?: never }
  | { readonly ifAbsent: true; readonly ifVersion?: never };

export interface KVListOptions {
  readonly prefix?: string;
  /** From this key on, inclusive. */
  readonly start?: string;
  /** Up to this key, exclusive. */
  readonly end?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface KVKey<Metadata = unknown> {
  readonly name: string;
  readonly expiration?: number;
  readonly metadata?: Metadata;
}

export type KVListed<Key> = { readonly keys: readonly Key[]; readonly cacheStatus?: null } & (
  | { readonly list_complete: true; readonly cursor?: undefined }
  | { readonly list_complete: false; readonly cursor: string }
);

export interface KVCheck {
  readonly key: string;
  /** Null: the key must be absent. */
  readonly version: string | null;
}

export type KVWrite =
  | ({ readonly key: string; readonly value: KVValue } & KVPutOptions)
  | { readonly key: string; readonly delete: true }
  | { readonly key: string; readonly increment: number };

export type KVCommitted =
  | {
      readonly ok: true;
      /** One for each write; null for deletes. */
      readonly versions: readonly (string | null)[];
      /** One for each write; null for what did not count. */
      readonly sums: readonly (number | null)[];
    }
  | { readonly ok: false; readonly failed: string };

export interface KVChange {
  readonly key: string;
  readonly kind: 'put' | 'delete';
  readonly version: string;
}

/** `env.NAME` of kind "kv": Workers KV's methods, versions, counters, commits and watches. */
export interface KVNamespace {
  get(key: string, type?: 'text' | { readonly type?: 'text' }): Promise<string | null>;
  get<Value = unknown>(key: string, type: 'json' | { readonly type: 'json' }): Promise<Value | null>;
  get(key: string, type: 'arrayBuffer' | { readonly type: 'arrayBuffer' }): Promise<ArrayBuffer | null>;
  get(key: string, type: 'stream' | { readonly type: 'stream' }): Promise<ReadableStream<Uint8Array> | null>;
  get(
    keys: readonly string[],
    type?: 'text' | { readonly type?: 'text' },
  ): Promise<Map<string, string | null>>;
  get<Value = unknown>(
    keys: readonly string[],
    type: 'json' | { readonly type: 'json' },
  ): Promise<Map<string, Value | null>>;

  getWithMetadata<Metadata = unknown>(
    key: string,
    type?: 'text' | { readonly type?: 'text' },
  ): Promise<KVFound<string, Metadata>>;
  getWithMetadata<Value = unknown, Metadata = unknown>(
    key: string,
    type: 'json' | { readonly type: 'json' },
  ): Promise<KVFound<Value, Metadata>>;
  getWithMetadata<Metadata = unknown>(
    key: string,
    type: 'arrayBuffer' | { readonly type: 'arrayBuffer' },
  ): Promise<KVFound<ArrayBuffer, Metadata>>;
  getWithMetadata<Metadata = unknown>(
    key: string,
    type: 'stream' | { readonly type: 'stream' },
  ): Promise<KVFound<ReadableStream<Uint8Array>, Metadata>>;
  getWithMetadata<Metadata = unknown>(
    keys: readonly string[],
    type?: 'text' | { readonly type?: 'text' },
  ): Promise<Map<string, KVFound<string, Metadata>>>;
  getWithMetadata<Value = unknown, Metadata = unknown>(
    keys: readonly string[],
    type: 'json' | { readonly type: 'json' },
  ): Promise<Map<string, KVFound<Value, Metadata>>>;

  /** With a condition it says whether it wrote. */
  put(
    key: string,
    value: KVValue | ReadableStream,
    options: KVPutOptions & KVCondition,
  ): Promise<{ readonly ok: boolean; readonly version?: string }>;
  put(key: string, value: KVValue | ReadableStream, options?: KVPutOptions): Promise<void>;
  delete(key: string): Promise<void>;
  /** Adds to the number stored there, in one step; gives the sum. */
  increment(key: string, by?: number): Promise<number>;

  list<Metadata = unknown>(
    options?: KVListOptions & { readonly values?: false | null },
  ): Promise<KVListed<KVKey<Metadata>>>;
  list<Metadata = unknown>(
    options: KVListOptions & { readonly values: true | 'text' },
  ): Promise<KVListed<KVKey<Metadata> & { readonly value: string }>>;
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- whoever stored the JSON says what it is
  list<Value = unknown, Metadata = unknown>(
    options: KVListOptions & { readonly values: 'json' },
  ): Promise<KVListed<KVKey<Metadata> & { readonly value: Value }>>;
  list<Metadata = unknown>(
    options: KVListOptions & { readonly values: 'arrayBuffer' },
  ): Promise<KVListed<KVKey<Metadata> & { readonly value: ArrayBuffer }>>;

  /** All writes or none, when every check holds. */
  commit(checks: readonly KVCheck[] | null | undefined, writes: readonly KVWrite[]): Promise<KVCommitted>;
  /** Changes of keys that begin with the prefix, from this call on. */
  watch(
    prefix?: string,
    options?: { readonly limit?: number; readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): AsyncIterableIterator<KVChange>;
}
