import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** One version's code and its cordon. */
export interface WasmInUse {
  readonly cordon: string;
  /** Hex SHA-256 of the module. */
  readonly module: string;
  /** Hex name of its files, where it has some. */
  readonly files?: string;
}

export interface PruneOptions {
  readonly inUse: readonly WasmInUse[];
  /** What changed less than this many ms ago stays: a deployment may be about to need it. */
  readonly graceMs: number;
  /** Cordons whose folder some cell has. */
  readonly given: ReadonlySet<string>;
  /** Digits of the present engine; absent: not known, artifacts of any engine stay. */
  readonly engine?: string;
}

/**
 * Removes artifacts and unpacked files that no version needs, artifacts of other engines, and what was left half made. On
 * Linux a running guest keeps what it has open or mapped.
 */
export async function pruneWasmFolder(folder: string, options: PruneOptions): Promise<void> {
  for (const cordon of await readdir(folder)) {
    const needed = neededBy(options.inUse.filter((each) => each.cordon === cordon));
    for (const name of await readdir(join(folder, cordon)).catch(() => [])) {
      if (isNeeded(name, needed, options.engine)) continue;
      await removeOld(join(folder, cordon, name), options.graceMs);
    }
    // Refused while something is in it.
    if (!options.given.has(cordon)) await rmdir(join(folder, cordon)).catch(() => undefined);
  }
}

function neededBy(inUse: readonly WasmInUse[]): ReadonlySet<string> {
  return new Set(
    inUse.flatMap(({ module, files }) => (files === undefined ? [module] : [module, `app-${files}`])),
  );
}

function isNeeded(name: string, needed: ReadonlySet<string>, engine: string | undefined): boolean {
  if (name.startsWith('app-')) return needed.has(name);
  const parts = /^([0-9a-f]{64})-([0-9a-f]+)\.cwasm(?:\.sum)?$/.exec(name);
  if (parts === null) return false;
  return needed.has(parts[1] ?? '') && (engine === undefined || parts[2] === engine);
}

/** By the time of its last change, which a new name for an old file is as well. */
async function removeOld(path: string, graceMs: number): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || Date.now() - info.ctimeMs < graceMs) return;
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}
