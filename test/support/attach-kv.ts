import type { Test } from 'tap';
import { KvAccess } from '#bindings/kv/access.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import type { KvNamespaces } from '#bindings/kv/namespaces.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Attachment } from '#runtime/binding.ts';
import { parseFunctionName, type DeploymentHead } from '#runtime/deployment.ts';
import { temporaryStore } from './store-files.ts';

/** The KV binding over a store of its own, as a function "shop" has it as env.KV. */
export function attachKv(t: Test): Attachment {
  const deployment = { function: parseFunctionName('shop'), cordon: 'default' } as DeploymentHead;
  return createKvBinding(temporaryStore(t)).attach({ name: 'KV', kind: 'kv', config: undefined }, deployment);
}

/** The operator's side over a store. */
export async function openKv(store: Store): Promise<KvNamespaces> {
  return openKvNamespaces(store, { access: await KvAccess.open(store) });
}
