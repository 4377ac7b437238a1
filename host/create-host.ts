import { KvAccess } from '#bindings/kv/access.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import { lockDataDir } from '#bindings/store/lock.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { HostError } from '#runtime/errors.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { openBindings } from './bindings.ts';
import { CodeCache } from './cells/code-cache.ts';
import { Fleet } from './cells/fleet.ts';
import { isAddonThere } from './cells/process.ts';
import { Pruner } from './cells/pruner.ts';
import { WasmCache } from './cells/wasm-cache.ts';
import { WasmCompiler } from './cells/wasm-compiler.ts';
import { parseHostOptions, type HostConfig } from './config.ts';
import { openDataDir, type DataDir } from './data-dir.ts';
import { openDeployments, type Deployments } from './deploy/deployments.ts';
import { openStoreVault } from './deploy/store-vault.ts';
import { Attachments } from './dispatch/attachments.ts';
import { Dispatcher } from './dispatch/dispatch.ts';
import { Starter, type StartObserver } from './dispatch/starter.ts';
import { createFront } from './front/front.ts';
import { Functions } from './functions.ts';
import type { Host, HostLogLine, HostOptions } from './host.ts';
import { createGateway } from './http/gateway.ts';
import { Logs } from './logs.ts';
import { Meter } from './meter.ts';
import { Metrics } from './metrics.ts';
import { RunningHost } from './running-host.ts';
import { isletVersion } from './version.ts';

/** Cells of this cordon are up from the start; others come with their first function. */
const baseCordon = 'default';

/** What the bench watches beside the public interface. */
export interface HostProbes {
  readonly started?: StartObserver;
}

/**
 * Opens a host on a data directory: store, deployments, cells; it listens nowhere yet. Rejects with HostError:
 * ERR_BAD_INPUT, ERR_DATA_DIR, ERR_STORE_LOCKED (another host has the directory), ERR_STORE_CORRUPT,
 * ERR_STORE_VERSION, ERR_SANDBOX, ERR_CELL. What was opened by then is closed again.
 */
export async function createHost(options: HostOptions = {}, probes: HostProbes = {}): Promise<Host> {
  const config = parseHostOptions(options);
  if (config.sandbox === 'require') {
    throw new HostError(
      'ERR_SANDBOX',
      'Cannot create host: level L2 (Landlock, seccomp) is not part of this version, it gives L1; use --sandbox auto',
    );
  }
  const undo: (() => unknown)[] = [];
  try {
    return await open(config, probes, undo);
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}

async function open(config: HostConfig, probes: HostProbes, undo: (() => unknown)[]): Promise<Host> {
  const log = (level: HostLogLine['level'], message: string): void =>
    config.log({ level, message, at: Date.now() });
  const failed = (error: unknown, what: string): void =>
    log('error', `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const dataDir = openDataDir(config.dir);
  const lock = lockDataDir(config.dir);
  undo.push(() => lock.release());
  const store = openSqliteStore(config.storeFile ?? dataDir.storeFile);
  undo.push(() => store.close());

  const vault = await openStoreVault(store, dataDir.keyFile);
  const functions = new Functions();
  const kvAccess = await KvAccess.open(store);
  undo.push(() => kvAccess.close());
  const bindings = openBindings({ store, kvAccess, config, dataDir, functions, sealer: vault, log });
  undo.push(() => bindings.close());
  const deployments = await openDeployments({
    store,
    vault,
    caps: config.caps,
    forbid: config.forbid,
    bindings: bindings.byKind,
    ports: { log: config.log },
  });
  undo.push(() => deployments.close());

  const meter = new Meter(store, (error) => failed(error, 'Saving usage'));
  await meter.open();
  const logs = new Logs();
  const compiler = new WasmCompiler();
  undo.push(() => compiler.close());
  const wasmCache = new WasmCache(dataDir.wasmCache, compiler);
  const { fleet, codeCache } = await openFleet(config, dataDir, { log, undo, wasmCache });
  const pruner = new Pruner({ codeCache, wasmCache, codes: () => deployments.codes() });
  undo.push(() => pruner.close());
  // Before anything is made there: nothing can be half made now.
  await pruner.run(0);
  const starter = new Starter({
    codeCache,
    wasmCache,
    agent: `islet/${isletVersion()}`,
    started: probes.started ?? (() => undefined),
    failed,
  });
  const attachments = new Attachments({ bindings: bindings.byKind, runtime: bindings.runtime });
  const dispatch = new Dispatcher({ fleet, starter, meter, attachments, logs, log, baseCordon });
  const front = createFront({
    dispatch,
    attachments,
    assets: bindings.assets,
    nextId: () => dispatch.nextId(),
    failed,
  });
  functions.open({ registry: deployments, dispatch: front });
  await startCells(fleet, deployments, config);
  deployments.onChange((change) => {
    dispatch.moved(change);
    void settleCells(fleet, deployments).catch((error: unknown) => failed(error, 'Starting a cell'));
  });
  for (const change of deployments.live()) dispatch.moved(change);
  void prepareWasm(deployments, starter, failed).then(() => pruner.soon());
  let open = true;
  const live = deployments.live().flatMap((change) => change.live);
  const ahead = starter
    .readAhead(live, () => open)
    .catch((error: unknown) => failed(error, 'Reading code ahead'));
  deployments.onChange(() => pruner.soon());
  const gateway = createGateway({
    registry: deployments,
    dispatch: front,
    log: config.log,
    trustProxy: config.trustProxy,
  });
  bindings.start();
  const metrics = new Metrics({
    front: () => front.figures.report(),
    usage: () => meter.report(),
    cells: () => fleet.info(),
    version: isletVersion(),
  });
  return new RunningHost({
    config,
    dataDir,
    deployments,
    dispatch,
    fleet,
    front,
    gateway,
    kv: openKvNamespaces(store, { access: kvAccess }),
    logs,
    meter,
    metrics,
    closeLast: async () => {
      open = false;
      await ahead;
      pruner.close();
      compiler.close();
      await bindings.close();
      await deployments.close();
      kvAccess.close();
      await store.close();
      lock.release();
    },
  });
}

interface FleetNeeds {
  readonly log: (level: HostLogLine['level'], message: string) => void;
  readonly undo: (() => unknown)[];
  readonly wasmCache: WasmCache;
}

/** Cells with the guest bundle and its code cache, made on the first start and read from disk after that. */
async function openFleet(
  config: HostConfig,
  dataDir: DataDir,
  { log, undo, wasmCache }: FleetNeeds,
): Promise<{ fleet: Fleet; codeCache: CodeCache }> {
  const { isolation, cells, spares, warmBytes, idleMs } = config;
  const wasm = isAddonThere() ? { wasmFolder: (cordon: string) => wasmCache.folderOf(cordon) } : {};
  const fleet = new Fleet({ isolation, cells, config: { spares, warmBytes, idleMs }, log, ...wasm });
  undo.push(() => fleet.close());
  const codeCache = new CodeCache(dataDir.codeCache, (kind, source) => fleet.compile(kind, source));
  const bundle = await loadGuestBundle();
  fleet.setBundle(bundle.source, await codeCache.make('script', bundle.source));
  return { fleet, codeCache };
}

/** After an upgrade all modules are compiled anew: begin before the first call asks. Never rejects. */
async function prepareWasm(
  deployments: Deployments,
  starter: Starter,
  failed: (error: unknown, what: string) => void,
): Promise<void> {
  const targets = deployments.live().flatMap(({ live }) => live);
  const modules = targets.filter(({ code }) => code?.kind === 'wasm');
  await Promise.all(
    modules.map((target) =>
      starter.prepare(target).catch((error: unknown) => {
        if (error instanceof HostError && error.code === 'ERR_CLOSING') return;
        failed(error, `Compiling ${target.deployment.function}`);
      }),
    ),
  );
}

async function startCells(fleet: Fleet, deployments: Deployments, config: HostConfig): Promise<void> {
  for (let i = 0; i < config.cells; i++) await fleet.grow(baseCordon);
  await settleCells(fleet, deployments);
  await fleet.ready();
}

/** A cell for each cordon that has a function with traffic, and none for those that have none. */
async function settleCells(fleet: Fleet, deployments: Deployments): Promise<void> {
  const wanted = new Set([baseCordon]);
  for (const { live } of deployments.live()) for (const { deployment } of live) wanted.add(deployment.cordon);
  for (const cordon of wanted) if (fleet.cells(cordon).length === 0) await fleet.grow(cordon);
  for (const cordon of fleet.cordons()) if (!wanted.has(cordon)) fleet.shrink(cordon);
}
