import { closest } from 'fastest-levenshtein';

export interface KvConfig {
  /** Namespace to use instead of the function's own; "cordon:namespace" for one of another cordon. */
  readonly namespace?: string;
}

const keys: readonly string[] = ['namespace'];
/** A namespace, or another function's own: "function/NAME". */
const namespacePattern = /^[A-Za-z0-9][\w.-]{0,63}(?:\/[A-Za-z_$][\w$]{0,63})?$/;

/** As manifests name cordons. */
const cordonPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Unknown to config: nothing, a namespace, or `{ namespace }`. Throws a TypeError that says what would work. */
export function parseKvConfig(config: unknown): KvConfig {
  if (config === undefined || config === null) return {};
  if (typeof config === 'string') return { namespace: parseReference(config) };
  if (typeof config !== 'object' || Array.isArray(config)) {
    throw new TypeError(`KV binding is ${describe(config)}; use a namespace or { "namespace": "…" }`);
  }
  const unknown = Object.keys(config).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(
      `KV binding has an unknown key ${JSON.stringify(unknown)}; did you mean ${JSON.stringify(closest(unknown, keys))}?`,
    );
  }
  const namespace = 'namespace' in config ? config.namespace : undefined;
  return namespace === undefined ? {} : { namespace: parseReference(namespace) };
}

/** Throws TypeError unless the value names a namespace. */
export function parseNamespace(value: unknown): string {
  if (typeof value === 'string' && namespacePattern.test(value)) return value;
  throw new TypeError(
    `KV namespace is ${describe(value)}; use 1 to 64 of A-Z, a-z, 0-9, "_", "." and "-", e.g. "sessions", or another function's own, e.g. "shop/KV"`,
  );
}

/** A namespace of a cordon. */
export interface Place {
  readonly cordon: string;
  readonly namespace: string;
}

/** "cordon:namespace", or a namespace of `cordon`. The text was checked. */
export function toPlace(reference: string, cordon: string): Place {
  const colon = reference.indexOf(':');
  if (colon < 0) return { cordon, namespace: reference };
  return { cordon: reference.slice(0, colon), namespace: reference.slice(colon + 1) };
}

/** Throws TypeError unless the value names a cordon. */
export function parseCordon(value: unknown): string {
  if (typeof value === 'string' && cordonPattern.test(value)) return value;
  throw new TypeError(`Cordon is ${describe(value)}; use 1 to 63 of a-z, 0-9 and "-"`);
}

function parseReference(value: unknown): string {
  const colon = typeof value === 'string' ? value.indexOf(':') : -1;
  if (typeof value !== 'string' || colon < 0) return parseNamespace(value);
  return `${parseCordon(value.slice(0, colon))}:${parseNamespace(value.slice(colon + 1))}`;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : typeof value;
}
