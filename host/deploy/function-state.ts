import type { Entry, Store } from '#bindings/store/store.ts';
import type { FunctionName } from '#runtime/deployment.ts';
import {
  decodeFunction,
  decodeVersion,
  functionKey,
  functionPrefix,
  lastSegment,
  ownerOf,
  secretPrefix,
  secretsOf,
  versionPrefix,
  versionsOf,
} from './records.ts';
import type { FunctionRecord, VersionRecord } from './records.ts';
import type { Vault } from './vault.ts';

/** All the store knows of one function at one revision of its record. */
export interface FunctionState {
  readonly name: FunctionName;
  /** Of `fn/<name>`; 0 when it was never deployed. */
  readonly revision: number;
  readonly record: FunctionRecord;
  /** By number, ascending. */
  readonly versions: ReadonlyMap<number, VersionRecord>;
  readonly secrets: ReadonlyMap<string, { readonly value: string; readonly revision: number }>;
}

/** True for a function that was deployed and not deleted. */
export function isDeployed(state: FunctionState): boolean {
  return state.revision > 0 && !state.record.deleted;
}

/** Versions with traffic, the heaviest first, the newer first among equals. */
export function liveVersions(record: FunctionRecord): readonly number[] {
  return Object.entries(record.weights)
    .sort(([a, x], [b, y]) => y - x || Number(b) - Number(a))
    .map(([version]) => Number(version));
}

/** Routes of all versions with traffic. */
export function routesOf(state: Pick<FunctionState, 'record' | 'versions'>): ReadonlySet<string> {
  return new Set(liveVersions(state.record).flatMap((version) => state.versions.get(version)?.routes ?? []));
}

/** Reads one function; reads again when its record moved meanwhile. */
export async function readFunction(store: Store, vault: Vault, name: FunctionName): Promise<FunctionState> {
  for (;;) {
    const before = await store.get(functionKey(name));
    const versions = await store.list({ prefix: versionsOf(name) });
    const secrets = await store.list({ prefix: secretsOf(name) });
    const after = await store.get(functionKey(name));
    if (before?.revision === after?.revision)
      return toState(name, vault, { entry: after, versions, secrets });
  }
}

/** Reads all functions that have a record, for the start of a host: nobody else writes yet. */
export async function readFunctions(store: Store, vault: Vault): Promise<readonly FunctionState[]> {
  const versions = Map.groupBy(await store.list({ prefix: versionPrefix }), (entry) => ownerOf(entry.key));
  const secrets = Map.groupBy(await store.list({ prefix: secretPrefix }), (entry) => ownerOf(entry.key));
  const functions = await store.list({ prefix: functionPrefix });
  return functions.map((entry) => {
    const name = ownerOf(entry.key);
    return toState(name, vault, {
      entry,
      versions: versions.get(name) ?? [],
      secrets: secrets.get(name) ?? [],
    });
  });
}

interface Entries {
  readonly entry: Entry | undefined;
  readonly versions: readonly Entry[];
  readonly secrets: readonly Entry[];
}

const never: FunctionRecord = {
  format: 1,
  next: 1,
  weights: {},
  earlier: [],
  updatedAt: 0,
  deleted: false,
};

function toState(name: FunctionName, vault: Vault, entries: Entries): FunctionState {
  return {
    name,
    revision: entries.entry?.revision ?? 0,
    record: entries.entry === undefined ? never : decodeFunction(entries.entry),
    versions: new Map(
      entries.versions.map((entry) => [Number(lastSegment(entry.key)), decodeVersion(entry)] as const),
    ),
    secrets: new Map(
      entries.secrets.map(({ key, value, revision }) => [
        lastSegment(key),
        { value: vault.open(key, value), revision },
      ]),
    ),
  };
}
