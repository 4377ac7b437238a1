import { createAssets } from '#bindings/assets/assets.ts';
import { createAuthBinding } from '#bindings/auth/auth.ts';
import { createCacheBinding } from '#bindings/cache/cache.ts';
import { createEgress } from '#bindings/fetch/egress.ts';
import { createFetchBinding } from '#bindings/fetch/fetch.ts';
import { createFunctionBinding } from '#bindings/function/function.ts';
import type { KvAccess } from '#bindings/kv/access.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { openMailer } from '#bindings/mail/mail.ts';
import { createNotifyBinding } from '#bindings/notify/notify.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Attachment, Binding } from '#runtime/binding.ts';
import type { FunctionCaller } from '#runtime/functions.ts';
import type { Sealer } from '#runtime/sealer.ts';
import type { HostConfig } from './config.ts';
import { secretKey } from './deploy/records.ts';
import type { DataDir } from './data-dir.ts';
import type { TargetAssets } from './front/plan.ts';
import type { HostLogLine } from './host.ts';
import type { Target } from './registry.ts';

export interface BindingNeeds {
  readonly store: Store;
  readonly kvAccess: KvAccess;
  readonly config: HostConfig;
  readonly dataDir: DataDir;
  readonly functions: FunctionCaller;
  readonly sealer: Sealer;
  readonly log: (level: HostLogLine['level'], message: string) => void;
}

/** A binding that works in the background. */
interface Working {
  /** Called once, when functions can be called. */
  start?(): void;
  close?(): Promise<void>;
}

/** The bindings of one host. */
export interface Bindings {
  readonly byKind: ReadonlyMap<string, Binding>;
  /** What every guest has without naming it: fetch and caches. */
  readonly runtime: (target: Target) => Pick<Attachment, 'grant'>;
  /** Static files of a target, where it has some that come before its function. */
  readonly assets: (target: Target) => TargetAssets | undefined;
  start(): void;
  /** Stops what works in the background, then what it works with. */
  close(): Promise<void>;
}

/** Makes every binding with what it needs of the host. */
export function openBindings({
  store,
  kvAccess,
  config,
  dataDir,
  functions,
  sealer,
  log,
}: BindingNeeds): Bindings {
  const guard = { allowPrivate: config.privateEgress };
  const fetch = createFetchBinding(guard);
  const cache = createCacheBinding(store);
  const egress = createEgress(guard);
  const mailer = openMailer({
    ...config.mail,
    folder: dataDir.mail,
    log: (line) => log('info', line),
  });
  const notify = createNotifyBinding({
    store,
    functions,
    mailer,
    sealer,
    egress,
    publicUrl: config.publicUrl,
    failed: (error, what) =>
      log('error', `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  });
  const auth = createAuthBinding({
    store,
    sealer,
    mailer,
    functions,
    egress,
    secret: async (owner, name) => {
      const key = secretKey(owner, name);
      const entry = await store.get(key);
      return entry === undefined ? undefined : sealer.open(key, entry.value);
    },
    publicUrl: config.publicUrl,
    log,
  });
  const assets = createAssets({ store });
  const kinds: readonly (Binding & Working)[] = [
    auth,
    createKvBinding(store, { access: kvAccess }),
    createFunctionBinding({ functions }),
    notify,
    assets.binding,
  ];
  return {
    byKind: new Map(kinds.map((binding) => [binding.kind, binding])),
    runtime: ({ deployment, secrets, withheld }) =>
      withCaches(fetch.attach(deployment, { ...secrets, ...withheld }), cache.attach(deployment)),
    assets: (target) => assets.of(target.deployment),
    start() {
      for (const binding of kinds) binding.start?.();
    },
    async close() {
      for (const binding of kinds) await binding.close?.();
      await mailer.close();
      await egress.close();
      await fetch.close();
    },
  };
}

type Runtime = Pick<Attachment, 'grant'>;

/** One grant for both: operations `cache.…` go to the caches, all others to fetch. */
function withCaches(fetch: Runtime, caches: Runtime): Runtime {
  return {
    grant(context) {
      const network = fetch.grant(context);
      return {
        call: (operation) =>
          operation.method.startsWith('cache.')
            ? caches.grant(context).call(operation)
            : network.call(operation),
      };
    },
  };
}
