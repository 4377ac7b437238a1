import type { AssetList } from '#bindings/assets/list.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Allowance } from '#runtime/allowance.ts';
import type { Binding } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import type { Limits } from '#runtime/limits.ts';
import type { DeployOptions, DeploySource, Host, HostLogLine, VersionInfo } from '#host/host.ts';
import type { Registry } from '#host/registry.ts';
import { packAssets } from './assets-pack.ts';
import { AssetStage } from './assets-stage.ts';
import { assetVerbs } from './assets-verbs.ts';
import { buildSource } from './build.ts';
import { stopBundler } from './bundle.ts';
import { readCode } from './code-parts.ts';
import { chooseName, toContent, toDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { isDeployed, readFunctions } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { toFunctionInfo, toVersionInfo } from './info.ts';
import { Ledger } from './ledger.ts';
import type { Plan } from './ledger.ts';
import { planCommit, planDelete, planDeleteVersion, versionOf } from './plans.ts';
import type { CodeRecord } from './records.ts';
import { Routing } from './routing.ts';
import { secretVerbs, toName } from './secrets.ts';
import { moveTraffic, parseWeights, rollBack } from './traffic.ts';
import { activeVersion, changedVars } from './vars.ts';
import type { Vault } from './vault.ts';

export interface DeploymentsOptions {
  readonly store: Store;
  /** Opens the secrets in the store. */
  readonly vault: Vault;
  readonly caps: Limits;
  readonly forbid: readonly Allowance[];
  /** By kind. */
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly ports?: {
    /** Milliseconds since the epoch. Default Date.now. */
    readonly now?: () => number;
    /** From 0 up to 1, for the draw between two versions. Default Math.random. */
    readonly random?: () => number;
    readonly log?: (line: HostLogLine) => void;
  };
}

/** Code of one version, and whose cells it may be in. */
export interface CodeInUse {
  readonly cordon: string;
  readonly code: CodeRecord;
}

/** Functions and their versions: the registry every call asks, and the verbs that change it. */
export interface Deployments
  extends
    Registry,
    Pick<Host, 'list' | 'versions' | 'rollback' | 'setWeights' | 'delete' | 'secrets' | 'vars' | 'assets'> {
  /** Bundles and checks; stores nothing but static files, ahead of the version. Rejects as `buildSource` does, or with ERR_BAD_NAME. */
  draft(source: DeploySource, options?: Omit<DeployOptions, 'activate'>): Promise<Draft>;
  /** The active version with other vars, as a draft; null removes one. `vars.set` is this and `commit`. */
  draftVars(name: string, vars: Readonly<Record<string, string | null>>): Promise<Draft>;
  /**
   * Stores the draft as the next version and, unless `activate` is false, moves all traffic to it, in one write. A draft
   * that is stored already stays the version it is. Rejects with ERR_ROUTE_TAKEN or the store's error.
   */
  commit(draft: Draft, options?: { readonly activate?: boolean }): Promise<VersionInfo>;
  /** The code of every version there is, with its cordon. */
  codes(): readonly CodeInUse[];
  /** Ends the bundler's child process. The store stays its opener's. */
  close(): Promise<void>;
}

/**
 * Reads every function from the store into memory. Rejects with HostError ERR_DATA_DIR when the vault's key is not the one
 * the secrets were sealed with, and with the store's errors.
 */
export async function openDeployments(options: DeploymentsOptions): Promise<Deployments> {
  const { store, vault, caps, ports = {} } = options;
  const now = ports.now ?? Date.now;
  const context = {
    caps,
    forbid: options.forbid,
    kinds: options.bindings,
    load: readCode.bind(undefined, store),
  };
  const routing = new Routing({
    ...context,
    random: ports.random ?? Math.random,
    warn: (message) => ports.log?.({ level: 'warn', message, at: now() }),
  });
  for (const state of await readFunctions(store, vault)) routing.put(state);
  const ledger = new Ledger(store, vault, routing);
  const stage = new AssetStage(store, now);

  /** Changes a function that is deployed; rejects with ERR_NO_FUNCTION when it is not. */
  const change = (
    name: string,
    plan: (state: FunctionState) => Plan | Promise<Plan>,
  ): Promise<FunctionState> =>
    ledger.change(toName(name), (state) => {
      if (isDeployed(state)) return plan(state);
      routing.require(name);
      throw new HostError('ERR_NO_FUNCTION', `There is no function "${name}"; another host deleted it`);
    });

  /** Of the newest version that has static files. */
  const lastList = async (state: FunctionState): Promise<AssetList | undefined> => {
    const last = [...state.versions.values()].findLast(({ assets }) => assets !== undefined);
    return last === undefined ? undefined : stage.list(state.name, last);
  };

  const draftVars: Deployments['draftVars'] = async (name, vars) => {
    const state = await ledger.read(routing.require(name).name);
    const { record } = activeVersion(state);
    if (Object.keys(state.record.weights).length > 1) {
      throw new HostError(
        'ERR_CONFLICT',
        `Cannot set vars of "${name}": two versions share its traffic; finish the rollout with weights first`,
      );
    }
    const { format: _format, id: _id, createdAt: _createdAt, ...content } = record;
    const code = await readCode(store, state.name, record.code);
    return toDraft(state, { ...content, vars: changedVars(record, vars) }, code, { context, now: now() });
  };

  const commit: Deployments['commit'] = async (draft, { activate = true } = {}) => {
    const plan = (state: FunctionState): Promise<Plan | undefined> =>
      planCommit(store, state, draft, { activate, now: now(), stage });
    const state = await ledger.change(draft.name, plan);
    const { assets } = draft.record;
    if (assets !== undefined) await stage.release(draft.name, assets.hash);
    const info = toVersionInfo(state, versionOf(state, draft) ?? 0, caps);
    for (const warning of info.warnings ?? []) {
      ports.log?.({
        level: 'warn',
        message: `${info.function} version ${info.version}: ${warning}`,
        at: now(),
      });
    }
    return info;
  };

  return {
    match: (hostname, path) => routing.match(hostname, path),
    target: (name, version) => routing.target(name, version),
    onChange: (listener) => routing.onChange(listener),
    live: () => routing.live(),

    async draft(source, { name: option, manifest: overrides } = {}) {
      const build = await buildSource(source, {
        caps,
        kinds: options.bindings,
        ...(overrides === undefined ? {} : { manifest: overrides }),
      });
      const name = chooseName({ option, manifest: build.manifest.name, hint: build.nameHint });
      const state = await ledger.read(name);
      const assets =
        build.assets && (await packAssets(build.assets, { name, stage, earlier: await lastList(state) }));
      return toDraft(state, toContent(build, context, assets), build.code, { context, now: now() });
    },
    draftVars,
    commit,
    codes: () =>
      routing
        .states()
        .flatMap(({ versions }) => [...versions.values()])
        .map(({ cordon, code }) => ({ cordon, code })),
    async list() {
      return routing
        .states()
        .map(toFunctionInfo)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async versions(name) {
      const state = routing.require(name);
      return [...state.versions.keys()].map((version) => toVersionInfo(state, version, caps));
    },
    async rollback(name, version) {
      const state = await change(name, (present) => ({ record: rollBack(present, version, now()) }));
      return toVersionInfo(state, activeVersion(state).version, caps);
    },
    async setWeights(name, weights) {
      const state = await change(name, (present) => ({
        record: moveTraffic(present.record, parseWeights(present, weights), now()),
      }));
      return toFunctionInfo(state);
    },
    async delete(name, version) {
      await change(name, (state) =>
        version === undefined
          ? planDelete(store, state, { now: now(), stage })
          : planDeleteVersion(store, state, { version, now: now(), stage }),
      );
    },
    secrets: secretVerbs(ledger, vault),
    assets: assetVerbs(stage),
    vars: {
      async get(name) {
        return activeVersion(routing.require(name)).record.vars;
      },
      async set(name, vars) {
        return commit(await draftVars(name, vars));
      },
    },
    close: stopBundler,
  };
}
