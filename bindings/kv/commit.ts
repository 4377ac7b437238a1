import { Buffer } from 'node:buffer';
import type { Change, Check, Entry, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import {
  parseDelta,
  parseFlag,
  parseKey,
  parsePutOptions,
  parseVersion,
  parseWhole,
  refuseOption,
  toVersion,
} from './arguments.ts';
import type { PutOptions } from './arguments.ts';
import { mostAttempts, overflow, toChanges, toNumber } from './counters.ts';
import type { KeyLocks } from './key-locks.ts';
import { maxCommitKeys } from './limits.ts';
import type { KvNamespace } from './namespace.ts';
import { encodeValue } from './value.ts';

interface KvCheck {
  readonly key: string;
  /** 0: the key must be absent. */
  readonly revision: number;
}

type KvWrite =
  | {
      readonly kind: 'put';
      readonly key: string;
      readonly value: string | number;
      readonly options: PutOptions;
    }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'increment'; readonly key: string; readonly delta: number };

/** What a commit asks for, checked. */
export interface Commit {
  readonly checks: readonly KvCheck[];
  readonly writes: readonly KvWrite[];
}

export type Committed =
  | {
      readonly ok: true;
      /** For each write the version its key has now; null for deletes. */
      readonly versions: readonly (string | null)[];
      /** For each write the number it counted to; null for what did not count. */
      readonly sums: readonly (number | null)[];
    }
  | { readonly ok: false; readonly failed: string };

/**
 * `checks: [{ key, version | null }]`, `writes: [{ key, value | size, expiration?, expirationTtl?, metadata? } | { key,
 * delete: true } | { key, increment: n }]`. A value is text, or so many bytes of the operation's body, in order.
 */
export function parseCommit(args: Readonly<Record<string, unknown>>, nowMs: number): Commit {
  const checks = parseMembers('checks', args['checks']).map((check): KvCheck => {
    const { key, version } = check;
    if (version !== null && typeof version !== 'string') {
      throw new TypeError(`KV version is of type ${typeof version}; use the version that get gave, or null`);
    }
    return { key: parseKey(key), revision: version === null ? 0 : parseVersion('version', version) };
  });
  const writes = parseMembers('writes', args['writes']).map((write) => parseWrite(write, nowMs));
  const keys = new Set(writes.map(({ key }) => key));
  if (keys.size < writes.length) throw refuseOption('writes names a key twice; write each key once');
  return { checks, writes };
}

/**
 * All writes or none, in one write of the store, when every key is as its check says. Numbers that are counted are read
 * first and compared again in that write. `body` is the values of the puts that gave a size, one after the other.
 * Rejects with HostError ERR_KV_VALUE, ERR_KV_OPTION, ERR_CONFLICT and the store's errors; nothing was written then.
 */
export async function commit(
  asked: Commit,
  body: Uint8Array,
  over: {
    readonly store: Store;
    readonly namespace: KvNamespace;
    readonly locks: KeyLocks;
    readonly nowMs: number;
  },
): Promise<Committed> {
  const { store, namespace, locks, nowMs } = over;
  const checks = asked.checks.map(({ key, revision }) => ({ key: namespace.place(key).valueKey, revision }));
  const values = splitBody(asked.writes, body);
  const counted = asked.writes.flatMap((write) =>
    write.kind === 'increment' ? [namespace.place(write.key).valueKey] : [],
  );
  const release = await locks.hold(counted);
  try {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const found = await readAll(store, counted);
      const sums = asked.writes.map((write) => toSum(write, found, namespace));
      const changes = asked.writes.flatMap((write, index) =>
        changesOf({ write, value: values[index], sum: sums[index] ?? null, found, namespace, nowMs }),
      );
      const written = await store.write(changes, [...checks, ...checksOf(found)]);
      if (written.ok) {
        const version = toVersion(written.revision);
        return {
          ok: true,
          versions: asked.writes.map(({ kind }) => (kind === 'delete' ? null : version)),
          sums,
        };
      }
      const { failed } = written;
      // One of the caller's own, which it would be the next time too.
      if (checks.some(({ key, revision }) => key === failed.key && revision === failed.revision)) {
        return { ok: false, failed: namespace.nameOf(failed.key) };
      }
    }
  } finally {
    release();
  }
  throw new HostError(
    'ERR_CONFLICT',
    `Cannot commit: others wrote the keys it counts ${mostAttempts} times meanwhile; try again`,
  );
}

function parseMembers(name: string, value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError(`KV ${name} is of type ${typeof value}; use an array`);
  if (value.length > maxCommitKeys) {
    throw refuseOption(`${name} has ${value.length} members; use at most ${maxCommitKeys} in one commit`);
  }
  return value.map((member: unknown) => {
    if (typeof member === 'object' && member !== null) return member as Readonly<Record<string, unknown>>;
    throw new TypeError(`KV ${name} holds a ${typeof member}; use objects with a key`);
  });
}

function parseWrite(write: Readonly<Record<string, unknown>>, nowMs: number): KvWrite {
  const key = parseKey(write['key']);
  const given = ['value', 'size', 'delete', 'increment'].filter((name) => write[name] !== undefined);
  if (given.length !== 1) {
    throw new TypeError(
      'KV commit: a write is one of { key, value }, { key, delete: true }, { key, increment }',
    );
  }
  if (write['increment'] !== undefined)
    return { kind: 'increment', key, delta: parseDelta(write['increment']) };
  if (write['delete'] !== undefined) {
    if (parseFlag('delete', write['delete']) === true) return { kind: 'delete', key };
    throw new TypeError('KV commit: delete is not true; leave the write out');
  }
  const value = write['size'] === undefined ? parseTextValue(write['value']) : parseSize(write['size']);
  const { expiration, expirationTtl, metadata } = write;
  return {
    kind: 'put',
    key,
    value,
    options: parsePutOptions({ expiration, expirationTtl, metadata }, nowMs),
  };
}

function parseTextValue(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`KV value is of type ${typeof value}; use text, or a size and the body`);
}

function parseSize(value: unknown): number {
  const size = parseWhole('size', value);
  if (size >= 0) return size;
  throw new TypeError(`KV size is ${size}; use 0 or more bytes`);
}

/** For each write its part of the body, or its text as bytes. */
function splitBody(writes: readonly KvWrite[], body: Uint8Array): readonly Uint8Array[] {
  let from = 0;
  const parts = writes.map((write) => {
    if (write.kind !== 'put') return body.subarray(0, 0);
    if (typeof write.value === 'string') return Buffer.from(write.value);
    from += write.value;
    return body.subarray(from - write.value, from);
  });
  if (from === body.length) return parts;
  throw refuseOption(`sizes add up to ${from}, the body has ${body.length} bytes; send what the sizes say`);
}

type Found = ReadonlyMap<string, Entry | undefined>;

async function readAll(store: Store, keys: readonly string[]): Promise<Found> {
  const entries = await Promise.all(keys.map(async (key) => await store.get(key)));
  return new Map(keys.map((key, index) => [key, entries[index]]));
}

function checksOf(found: Found): readonly Check[] {
  return [...found].map(([key, entry]) => ({ key, revision: entry?.revision ?? 0 }));
}

function toSum(write: KvWrite, found: Found, namespace: KvNamespace): number | null {
  if (write.kind !== 'increment') return null;
  const sum = toNumber(found.get(namespace.place(write.key).valueKey)) + write.delta;
  if (Number.isSafeInteger(sum)) return sum;
  throw overflow();
}

interface Planned {
  readonly write: KvWrite;
  readonly value: Uint8Array | undefined;
  readonly sum: number | null;
  readonly found: Found;
  readonly namespace: KvNamespace;
  readonly nowMs: number;
}

function changesOf({ write, value, sum, found, namespace, nowMs }: Planned): readonly Change[] {
  const place = namespace.place(write.key);
  if (write.kind === 'increment') return toChanges(place, found.get(place.valueKey), sum ?? 0);
  if (write.kind === 'delete') return namespace.deletion(write.key);
  const stored = encodeValue(write.options.metadata, value ?? '');
  return namespace.changes(write.key, stored, write.options, nowMs);
}
