import type { Store } from '#bindings/store/store.ts';
import { secretPrefix } from './records.ts';
import { openVault } from './vault.ts';
import type { Vault } from './vault.ts';

/** Where something sealed may lie: secrets of functions, and what bindings keep. */
const sealedPrefixes: readonly string[] = [secretPrefix, 'auth/', 'notify/'];

/**
 * The vault that belongs to a store: its key is made only while nothing was sealed. Rejects with HostError ERR_DATA_DIR
 * when the key file is lost, open to others, or no key.
 */
export async function openStoreVault(store: Store, keyFile: string): Promise<Vault> {
  const pages = sealedPrefixes.map((prefix) => store.list({ prefix, limit: 1, keysOnly: true }));
  const found = await Promise.all(pages);
  return openVault(keyFile, { inUse: found.some((page) => page.length > 0) });
}
