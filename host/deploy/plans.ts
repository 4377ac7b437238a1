import type { Change, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import type { AssetStage } from './assets-stage.ts';
import { deleteCode, putCode } from './code-parts.ts';
import type { Draft } from './draft.ts';
import type { FunctionState } from './function-state.ts';
import type { Plan } from './ledger.ts';
import { leaveModules, useModule } from './modules.ts';
import { encodeRecord, secretKey, versionKey } from './records.ts';
import { moveTraffic, requireVersion } from './traffic.ts';

/** The number under which the draft's version is stored, if it is. */
export function versionOf(state: FunctionState, draft: Draft): number | undefined {
  return [...state.versions].find(([, record]) => record.id === draft.record.id)?.[0];
}

/** Stores the draft as the next version and moves the traffic to it; undefined when there is nothing to write. */
export async function planCommit(
  store: Store,
  state: FunctionState,
  draft: Draft,
  options: { readonly activate: boolean; readonly now: number; readonly stage: AssetStage },
): Promise<Plan | undefined> {
  const { name, record } = draft;
  const { activate, now, stage } = options;
  const stored = versionOf(state, draft);
  if (stored !== undefined) {
    return activate ? { record: moveTraffic(state.record, { [stored]: 100 }, now) } : undefined;
  }
  if (record.assets !== undefined) await stage.require(name, record.assets.hash);
  const version = state.record.next;
  const next = { ...state.record, next: version + 1, updatedAt: now, deleted: false };
  const { code } = draft.deployment;
  const own = isShared(state.versions.values(), record.code.hash) ? [] : putCode(name, record.code, code);
  const module =
    record.code.kind === 'wasm' && code.kind === 'wasm'
      ? await useModule(store, name, { hash: record.code.module, bytes: code.module })
      : { changes: [], checks: [] };
  return {
    record: activate ? moveTraffic(next, { [version]: 100 }, now) : next,
    versions: new Map([...state.versions, [version, record]]),
    changes: [
      ...own,
      ...module.changes,
      { kind: 'put', key: versionKey(name, version), value: encodeRecord(record) },
    ],
    checks: module.checks,
  };
}

/** Removes one version, and its code with the last version of it. Throws HostError ERR_NO_VERSION or ERR_VERSION_IN_USE. */
export async function planDeleteVersion(
  store: Store,
  state: FunctionState,
  options: { readonly version: number; readonly now: number; readonly stage: AssetStage },
): Promise<Plan> {
  const { version, now, stage } = options;
  const gone = requireVersion(state, version);
  if (state.record.weights[version] !== undefined) {
    throw new HostError(
      'ERR_VERSION_IN_USE',
      `Cannot delete version ${version} of "${state.name}": it has traffic; move that to another version first`,
    );
  }
  const versions = new Map(state.versions);
  versions.delete(version);
  const earlier = state.record.earlier.filter((other) => other !== version);
  const { hash } = gone.code;
  const unused = isShared(versions.values(), hash) ? [] : await deleteCode(store, state.name, hash);
  const assets = gone.assets === undefined ? [] : await stage.sweep(state.name, versions.values());
  const modules = await leaveModules(store, state.name, { gone: [gone], left: versions.values() });
  return {
    record: { ...state.record, earlier, updatedAt: now },
    versions,
    changes: [
      { kind: 'delete', key: versionKey(state.name, version) },
      ...unused,
      ...assets,
      ...modules.changes,
    ],
    checks: modules.checks,
  };
}

/** Removes all versions, code and secrets; the record stays, so that version numbers go on. */
export async function planDelete(
  store: Store,
  state: FunctionState,
  { now, stage }: { readonly now: number; readonly stage: AssetStage },
): Promise<Plan> {
  const keys = [
    ...[...state.versions.keys()].map((version) => versionKey(state.name, version)),
    ...[...state.secrets.keys()].map((secret) => secretKey(state.name, secret)),
  ];
  const changes: Change[] = keys.map((key) => ({ kind: 'delete', key }));
  for (const hash of new Set([...state.versions.values()].map(({ code }) => code.hash))) {
    changes.push(...(await deleteCode(store, state.name, hash)));
  }
  const modules = await leaveModules(store, state.name, { gone: state.versions.values(), left: [] });
  changes.push(...modules.changes, ...(await stage.sweep(state.name, [])));
  const record = { ...state.record, weights: {}, earlier: [], updatedAt: now, deleted: true };
  return { record, versions: new Map(), changes, checks: modules.checks };
}

function isShared(versions: Iterable<{ readonly code: { readonly hash: string } }>, hash: string): boolean {
  for (const { code } of versions) {
    if (code.hash === hash) return true;
  }
  return false;
}
