import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { WasmStart } from '#runtime/frames.ts';
import { loadAddon } from '#runtime/wasm/addon.ts';
import type { Compiled, Native } from '#runtime/wasm/native.ts';

const addon = loadAddon();

/** Why tests that need the addon are skipped here; false where it is there. Where one is shipped, it must load. */
export const withoutAddon: string | false =
  addon.ok || (process.platform === 'linux' && process.arch === 'x64') ? false : addon.reason;

export function nativeAddon(): Native {
  if (!addon.ok) throw new Error(addon.reason);
  return addon.native;
}

/** Where `compileWasm` puts artifacts: `WasmEngineOptions.folder`. Gone when the test's process ends. */
export const wasmFolder: string = mkdtempSync(join(tmpdir(), 'islet-wasm-'));
process.on('exit', () => rmSync(wasmFolder, { recursive: true, force: true }));

const compiled: Map<string, Promise<Compiled>> = new Map();

/** Compiles a module or component, binary or text, into `wasmFolder`. Throws where it is refused. */
export async function compileWasm(
  module: string | Uint8Array,
  program: Partial<WasmStart['program']> & { readonly folder?: string } = {},
): Promise<WasmStart> {
  const bytes = Buffer.from(module);
  const artifact = `${createHash('sha256').update(bytes).digest('hex')}.cwasm`;
  let making = compiled.get(artifact);
  if (making === undefined) {
    making = make(bytes, artifact);
    compiled.set(artifact, making);
  }
  const made = await making;
  if (!made.ok) throw new Error(`${made.reason}: ${made.message} ${made.missing.join(' ')}`);
  const { folder, ...given } = program;
  return {
    artifact,
    ...(folder === undefined ? {} : { folder }),
    program: {
      guest: made.guest,
      protocol: made.guest === 'component' ? 'http' : 'cgi',
      reuse: 1,
      args: ['guest'],
      ...given,
    },
  };
}

async function make(bytes: Uint8Array, artifact: string): Promise<Compiled> {
  const made = await nativeAddon().compile(bytes);
  if (!made.ok) return made;
  const path = join(wasmFolder, artifact);
  await writeFile(path, made.artifact, { mode: 0o600 });
  await chmod(path, 0o600);
  return made;
}
