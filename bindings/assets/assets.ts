import type { Store } from '#bindings/store/store.ts';
import type { Binding } from '#runtime/binding.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import { createAssetsBinding } from './binding.ts';
import { Indexes } from './indexes.ts';
import { Parts } from './parts.ts';
import { respond } from './respond.ts';

/** A request as far as static files look at it. */
export interface AssetRequest {
  readonly method: string;
  /** Absolute, normalised, its prefix stripped. */
  readonly url: string;
  /** Flat; names in lower case. */
  readonly headers: readonly string[];
}

export interface AssetAnswer {
  readonly status: number;
  /** Flat. */
  readonly headers: readonly string[];
  /** Absent: none, as for HEAD. The receiver's own. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Static files of one version, before its function. */
export interface VersionAssets {
  readonly first: 'assets' | 'function';
  /** Undefined when the request is the function's. Rejects only for mistakes of the host. */
  respond(request: AssetRequest): Promise<AssetAnswer | undefined> | undefined;
}

export interface Assets {
  /** `env.ASSETS`. */
  readonly binding: Binding;
  /** Undefined when the version has none, or its function is asked first. */
  of(deployment: DeploymentHead): VersionAssets | undefined;
}

/** Static files out of the store: for the gateway, and for functions as a binding. */
export function createAssets({ store }: { readonly store: Store }): Assets {
  const parts = new Parts(store);
  const indexes = new Indexes(parts);
  return {
    binding: createAssetsBinding({ parts, indexes }),
    of(deployment) {
      const { assets, function: name } = deployment;
      if (assets === undefined || assets.first === 'function') return undefined;
      return {
        first: assets.first,
        respond(request) {
          if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
          const index = indexes.of(name, assets);
          if (index instanceof Promise) return index.then((loaded) => respond(loaded, request, parts));
          return respond(index, request, parts);
        },
      };
    },
  };
}
