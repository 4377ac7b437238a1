import type { Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import { parseKey, parseListOptions, parsePutOptions } from './arguments.ts';
import type { KvOptions } from './kv.ts';
import { KvNamespace, valuePrefix } from './namespace.ts';
import type { KvKey } from './namespace.ts';
import { encodeHead, gatherValue } from './value.ts';
import { parseNamespace } from './config.ts';

/** Namespaces of this cordon go by their plain name, those of others as "cordon:namespace". */
const plainCordon = 'default';

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
  readonly limit?: number;
  readonly cursor?: string;
}

export interface KvListResult {
  readonly keys: readonly KvKey[];
  readonly listComplete: boolean;
  readonly cursor?: string;
}

/** Rejects as the binding does: TypeError, HostError ERR_KV_*; and ERR_BAD_NAME for what names no namespace. */
export function openKvNamespaces(store: Store, options: KvOptions = {}): KvNamespaces {
  const now = options.now ?? Date.now;
  const find = (name: string): KvNamespace => {
    const { cordon, namespace } = parseQualified(name);
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
      const { keys, cursor } = await find(namespace).list(parseListOptions({ ...options }));
      return cursor === undefined ? { keys, listComplete: true } : { keys, listComplete: false, cursor };
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
    names.push(toQualified(decodeURIComponent(cordon), decodeURIComponent(namespace)));
    // "0" is the character after "/": the least key beyond this namespace.
    from = `${valuePrefix}${cordon}/${namespace}0`;
  }
}

function toQualified(cordon: string, namespace: string): string {
  return cordon === plainCordon ? namespace : `${cordon}:${namespace}`;
}

function parseQualified(name: string): { readonly cordon: string; readonly namespace: string } {
  const colon = name.indexOf(':');
  const cordon = colon < 0 ? plainCordon : name.slice(0, colon);
  try {
    return { cordon: parseCordon(cordon), namespace: parseNamespace(name.slice(colon + 1)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    throw new HostError('ERR_BAD_NAME', `Cannot use KV namespace ${JSON.stringify(name)}: ${reason}`, {
      cause: error,
    });
  }
}

function parseCordon(cordon: string): string {
  if (/^[\w.-]{1,128}$/.test(cordon)) return cordon;
  throw new TypeError('cordon is not usable; use "cordon:namespace"');
}
