import { hashOfBlob } from '#bindings/assets/list.ts';
import type { AssetSource, AssetSourceFile } from '#host/deploy/assets-files.ts';
import { path } from './client.ts';
import type { AdminClient } from './client.ts';

/** Files on the way at once. */
const atOnce = 4;

/**
 * Sends the static files that the host does not have yet, some at a time; what it has is read here, not sent. Gives the
 * deployment's `assets`: hex SHA-256 by path.
 */
export async function sendAssets(
  client: AdminClient,
  name: string,
  { files }: AssetSource,
): Promise<Readonly<Record<string, string>>> {
  const hashes = new Map<string, string>();
  const byHash = new Map<string, AssetSourceFile>();
  for (const file of files) {
    const hash = 'hash' in file.content ? file.content.hash : hashOfBlob(await file.content.read());
    hashes.set(file.path, hash);
    byHash.set(hash, file);
  }
  const to = path`/v1/functions/${name}/assets/missing`;
  const { missing } = await client.json<{ missing: string[] }>('POST', to, { hashes: [...byHash.keys()] });
  const waiting = missing.values();
  const send = async (): Promise<void> => {
    for (const hash of waiting) {
      const content = byHash.get(hash)?.content;
      if (content === undefined || !('read' in content)) continue;
      await client.bytes('PUT', path`/v1/functions/${name}/assets/${hash}`, await content.read());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, send));
  return Object.fromEntries(hashes);
}
