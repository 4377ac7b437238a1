import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Native } from './native.ts';

/** The native addon, or why there is none, in words that say what to do. */
export type Addon =
  | { readonly ok: true; readonly native: Native; readonly path: string }
  | { readonly ok: false; readonly reason: string };

export const addonFile = 'islet-wasm.node';
/** What a build needs, for messages. */
const remedy = 'run `npm run build:native` in a checkout of islet, with Rust (cargo) installed';

/** Folders of prebuilt addons this platform may use, the likelier first: a build for glibc does not load on musl. */
export function prebuildNames(): readonly string[] {
  const name = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [name, `${name}-musl`] : [name];
}

/** Absolute path of the addon in one of `prebuildNames()`; the same from source and from dist/. */
export function addonPath(name: string): string {
  return fileURLToPath(new URL(`./prebuilds/${name}/${addonFile}`, import.meta.url));
}

/**
 * Loads the addon from runtime/wasm/prebuilds/<platform>-<arch>[-musl]. Reads the disk: in a cell, call it before the
 * right to read files is dropped. Never throws.
 */
export function loadAddon(pathOf: (name: string) => string = addonPath): Addon {
  const load = createRequire(import.meta.url);
  const names = prebuildNames();
  let failure: string | undefined;
  for (const name of names) {
    const path = pathOf(name);
    let native: unknown;
    try {
      native = load(path);
    } catch (error) {
      if (!isMissing(error)) failure ??= error instanceof Error ? error.message : String(error);
      continue;
    }
    if (isNative(native)) return { ok: true, native, path };
    failure ??= `${path} is from another version of islet`;
  }
  if (failure !== undefined)
    return { ok: false, reason: `The WebAssembly addon does not load (${failure}); ${remedy}` };
  return { ok: false, reason: `There is no WebAssembly addon for ${names[0] ?? ''}; ${remedy}` };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
}

function isNative(value: unknown): value is Native {
  if (typeof value !== 'object' || value === null) return false;
  const { sourceHash, engineHash, compile, Engine } = value as Partial<Native>;
  return [sourceHash, engineHash, compile, Engine].every((part) => typeof part === 'function');
}
