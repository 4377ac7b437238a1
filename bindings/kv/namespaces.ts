import type { Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import type { KvAccess } from './access.ts';
import { parseKey, parsePutOptions } from './arguments.ts';
import { KvNamespace, valuePrefix } from './namespace.ts';
import type { KvKey } from './namespace.ts';
import { parseCordonName, parseName, toName } from './names.ts';
import { parseListOptions } from './range.ts';
import { exportLines, importLines } from './transfer.ts';
import type { KvImported, KvImportOptions } from './transfer.ts';
import { encodeHead, gatherValue } from './value.ts';

/** The operator's side of KV: what `Host.kv` offers, over every cordon. */
export interface KvNamespaces {
  /** Names of the namespaces that hold a key, in order of cordon and name. */
  namespaces(): Promise<readonly string[]>;
  get(
    namespace: string,
    key: string,
  ): Promise<{ value: Uint8Array; metadata: unknown; version: string } | undefined>;
  /** Rejects with ERR_CONFLICT, writing nothing, when a condition of the options does not hold. */
  put(namespace: string, key: string, value: Uint8Array, options?: KvPutOptions): Promise<void>;
  delete(namespace: string, key: string): Promise<void>;
  list(namespace: string, options?: KvListOptions): Promise<KvListResult>;
  /** Entries as JSON Lines (README, "Lines"), in pieces of whole lines. */
  export(namespace: string, options?: { readonly prefix?: string }): AsyncIterable<Uint8Array>;
  /** The same the other way; resolves also when a line fails, and says which. */
  import(namespace: string, lines: AsyncIterable<Uint8Array>, options?: KvImportOptions): Promise<KvImported>;
  /** What cordons may use of each other's. */
  grants(): Promise<readonly KvGranted[]>;
  /** `to` is a cordon; replaces what it had. */
  grant(namespace: string, to: string, access: 'read' | 'write'): Promise<void>;
  revoke(namespace: string, to: string): Promise<void>;
}

export interface KvGranted {
  readonly namespace: string;
  /** A cordon. */
  readonly to: string;
  /** `write` includes reading. */
  readonly access: 'read' | 'write';
}

export interface KvPutOptions {
  readonly expiration?: number;
  readonly expirationTtl?: number;
  readonly metadata?: unknown;
  /** Only when the key has this version; null: only when it is absent. */
  readonly ifVersion?: string | null;
  /** Only when the key is absent. */
  readonly ifAbsent?: boolean;
}

export interface KvListOptions {
  readonly prefix?: string;
  /** The first key, and the one before which it ends. */
  readonly start?: string;
  readonly end?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface KvListResult {
  readonly keys: readonly KvKey[];
  readonly listComplete: boolean;
  readonly cursor?: string;
}

export interface KvNamespacesOptions {
  readonly access: KvAccess;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** Rejects as the binding does: TypeError, HostError ERR_KV_*; and ERR_BAD_NAME for what names no namespace. */
export function openKvNamespaces(store: Store, options: KvNamespacesOptions): KvNamespaces {
  const now = options.now ?? Date.now;
  const { access } = options;
  const find = (name: string): KvNamespace => {
    const { cordon, namespace } = parseName(name);
    return new KvNamespace(store, cordon, namespace);
  };
  return {
    namespaces: () => listNamespaces(store),
    async get(namespace, key) {
      const found = await find(namespace).get(parseKey(key));
      if (found === undefined) return undefined;
      return { value: found.bytes, metadata: found.metadata, version: found.version };
    },
    async put(namespace, key, value, options = {}) {
      const parsed = parsePutOptions({ ...options }, now());
      const stored = await gatherValue(encodeHead(parsed.metadata), value);
      const version = await find(namespace).put(parseKey(key), stored, parsed, now());
      if (version !== undefined) return;
      throw new HostError(
        'ERR_CONFLICT',
        `Cannot put ${JSON.stringify(key)}: it is not at the version asked for; get it again, then retry`,
      );
    },
    async delete(namespace, key) {
      await find(namespace).delete(parseKey(key));
    },
    async list(namespace, options = {}) {
      const { keys, cursor } = await find(namespace).list(parseListOptions({ ...options, values: false }));
      return cursor === undefined ? { keys, listComplete: true } : { keys, listComplete: false, cursor };
    },
    export: (namespace, { prefix = '' } = {}) => exportLines(find(namespace), prefix),
    import: async (namespace, lines, options = {}) =>
      importLines(find(namespace), lines, { ...options, now }),
    async grants() {
      return access.list().map(({ to, access, ...place }) => ({ namespace: toName(place), to, access }));
    },
    async grant(namespace, to, wanted) {
      await access.grant({ ...parseName(namespace), to: parseCordonName(to), access: wanted });
    },
    async revoke(namespace, to) {
      await access.revoke(parseName(namespace), parseCordonName(to));
    },
  };
}

/** Skips from namespace to namespace: one short read for each, however many keys it holds. */
async function listNamespaces(store: Store): Promise<readonly string[]> {
  const names: string[] = [];
  let from = valuePrefix;
  for (;;) {
    const [entry] = await store.list({ prefix: valuePrefix, from, limit: 1, keysOnly: true });
    if (entry === undefined) return names;
    const [, cordon = '', namespace = ''] = entry.key.split('/', 3);
    names.push(toName({ cordon: decodeURIComponent(cordon), namespace: decodeURIComponent(namespace) }));
    // "0" is the character after "/": the least key beyond this namespace.
    from = `${valuePrefix}${cordon}/${namespace}0`;
  }
}
