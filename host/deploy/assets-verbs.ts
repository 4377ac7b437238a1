import { hashOfBlob } from '#bindings/assets/list.ts';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { mostAssetBytes, mostAssets } from './assets-files.ts';
import type { AssetStage } from './assets-stage.ts';
import { toName } from './secrets.ts';

/** Static files that are given one by one, before the deployment that names them. */
export function assetVerbs(stage: AssetStage): Host['assets'] {
  return {
    async missing(name, hashes) {
      if (hashes.length > mostAssets) {
        throw new HostError(
          'ERR_DEPLOY_TOO_LARGE',
          `Cannot take the assets of "${name}": there are ${hashes.length}, a version may have ${mostAssets}`,
        );
      }
      const staging = await stage.open(toName(name));
      return [...new Set(hashes)].filter((hash) => !staging.has(hash));
    },
    async put(name, bytes) {
      if (bytes.length > mostAssetBytes) {
        throw new HostError(
          'ERR_DEPLOY_TOO_LARGE',
          `Cannot take an asset of "${name}": it has ${bytes.length} bytes, a file may have ${mostAssetBytes}`,
        );
      }
      const own = toName(name);
      const hash = hashOfBlob(bytes);
      if (await stage.holds(own, hash)) return hash;
      const staging = await stage.open(own, new Set());
      await staging.put(bytes);
      await staging.flush();
      return hash;
    },
  };
}
