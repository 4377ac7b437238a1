import type { Change, Check, Store } from '#bindings/store/store.ts';
import type { FunctionName } from '#runtime/deployment.ts';
import { deleteParts, putParts } from './code-parts.ts';
import { decodeModule, encodeRecord, moduleKey, moduleParts } from './records.ts';
import type { ModuleRecord, VersionRecord } from './records.ts';

/** Changes that hold only with their checks. */
export interface ModuleChanges {
  readonly changes: readonly Change[];
  readonly checks: readonly Check[];
}

const none: ModuleChanges = { changes: [], checks: [] };

/**
 * What makes `name` a user of the module: a module is stored once, whoever deploys it, an interpreter for many functions.
 * Who uses it is written in `module/<hash>`, and every change of users rewrites that record under a check: a function
 * cannot come to rely on parts that another one's deletion is about to remove.
 */
export async function useModule(
  store: Store,
  name: FunctionName,
  { hash, bytes }: { readonly hash: string; readonly bytes: Uint8Array },
): Promise<ModuleChanges> {
  const { record, revision } = await readModule(store, hash);
  if (record?.users.includes(name) === true) {
    // Rewritten all the same: whoever planned to remove it loses.
    return { changes: [put(hash, record)], checks: [{ key: moduleKey(hash), revision }] };
  }
  const users = [...(record?.users ?? []), name].toSorted();
  const parts = record === undefined ? putParts(moduleParts(hash), bytes) : [];
  return {
    changes: [...parts, put(hash, { format: 1, bytes: bytes.length, users })],
    checks: [{ key: moduleKey(hash), revision }],
  };
}

/** What takes `name` from the users of the modules that none of its versions left needs; the last user takes the parts along. */
export async function leaveModules(
  store: Store,
  name: FunctionName,
  { gone, left }: { readonly gone: Iterable<VersionRecord>; readonly left: Iterable<VersionRecord> },
): Promise<ModuleChanges> {
  const kept = modulesOf(left);
  const all: ModuleChanges[] = [];
  for (const hash of modulesOf(gone)) if (!kept.has(hash)) all.push(await leaveModule(store, name, hash));
  return { changes: all.flatMap(({ changes }) => changes), checks: all.flatMap(({ checks }) => checks) };
}

async function leaveModule(store: Store, name: FunctionName, hash: string): Promise<ModuleChanges> {
  const { record, revision } = await readModule(store, hash);
  if (record === undefined) return none;
  const users = record.users.filter((user) => user !== name);
  const checks = [{ key: moduleKey(hash), revision }];
  if (users.length > 0) return { changes: [put(hash, { ...record, users })], checks };
  const parts = await deleteParts(store, moduleParts(hash));
  return { changes: [...parts, { kind: 'delete', key: moduleKey(hash) }], checks };
}

function modulesOf(versions: Iterable<VersionRecord>): ReadonlySet<string> {
  const hashes = new Set<string>();
  for (const { code } of versions) if (code.kind === 'wasm') hashes.add(code.module);
  return hashes;
}

async function readModule(
  store: Store,
  hash: string,
): Promise<{ readonly record: ModuleRecord | undefined; readonly revision: number }> {
  const entry = await store.get(moduleKey(hash));
  return { record: entry === undefined ? undefined : decodeModule(entry), revision: entry?.revision ?? 0 };
}

function put(hash: string, record: ModuleRecord): Change {
  return { kind: 'put', key: moduleKey(hash), value: encodeRecord(record) };
}
