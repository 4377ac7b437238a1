import { join } from 'node:path';
import type { Test } from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import type { Store } from '#bindings/store/store.ts';
import { openDeployments } from '#host/deploy/deployments.ts';
import type { Deployments, DeploymentsOptions } from '#host/deploy/deployments.ts';
import { openStoreVault } from '#host/deploy/store-vault.ts';
import type { DeployOptions, VersionInfo } from '#host/host.ts';
import type { Target } from '#host/registry.ts';
import type { ScriptCode } from '#runtime/deployment.ts';
import { defaultCaps } from '#runtime/limits.ts';
import { temporaryDir, temporaryStore } from '#test/support/store-files.ts';

export interface Bench {
  readonly store: Store;
  readonly keyFile: string;
  /** Opens deployments on the bench's store; each counts as a host of its own. */
  readonly open: (
    options?: Partial<DeploymentsOptions> & { readonly keyFile?: string },
  ) => Promise<Deployments>;
}

/** A store on disk and a key file, gone with the test. */
export function openBench(t: Test, store: Store = temporaryStore(t)): Bench {
  const keyFile = join(temporaryDir(t), 'key');
  const bindings = new Map([['kv', createKvBinding(store)]]);
  return {
    store,
    keyFile,
    open: async (options) => {
      const { keyFile: file = keyFile, ...rest } = options ?? {};
      const vault = await openStoreVault(rest.store ?? store, file);
      const deployments = await openDeployments({
        store,
        vault,
        caps: defaultCaps,
        forbid: [],
        bindings,
        ...rest,
      });
      t.teardown(() => deployments.close());
      return deployments;
    },
  };
}

/** Deploys one line that exports `text`, under the name. */
export async function deploy(
  deployments: Deployments,
  name: string,
  text: string,
  { activate = true, manifest = {} }: DeployOptions = {},
): Promise<VersionInfo> {
  const files = { 'index.js': `export default ${JSON.stringify(text)};` };
  const draft = await deployments.draft({ files }, { name, manifest });
  return deployments.commit(draft, { activate });
}

/** `name@version` of what answers at the address, and the prefix to strip. */
export function at(deployments: Deployments, hostname: string, path: string): string | undefined {
  const match = deployments.match(hostname, path);
  if (match === undefined) return undefined;
  const { function: name, version } = match.target.deployment;
  return match.prefix === '' ? `${name}@${version}` : `${name}@${version} under ${match.prefix}`;
}

/** Its code, which is a script. */
export async function scriptOf(target: Target): Promise<ScriptCode> {
  const code = await target.load();
  if (code.kind === 'script') return code;
  throw new Error('the target is no script');
}

/** The code with which the promise rejects. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'resolved';
}
