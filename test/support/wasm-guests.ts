import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Test } from 'tap';
import { buildAssembly, buildC, buildComponent, buildGo, buildLaterComponent } from './wasm-tools.ts';
import type { Built, GuestBuild } from './wasm-tools.ts';

export type { Built } from './wasm-tools.ts';

const guests = join(import.meta.dirname, '../guests/wasm');
const wit = join(import.meta.dirname, '../../runtime/wasm/native/wit/deps');

interface Recipe {
  /** Folders and files that the result depends on; the first is what is built. */
  readonly sources: readonly string[];
  readonly build: GuestBuild;
}

/** A folder of test/guests/wasm, or a program in one. */
export type WasmGuest =
  | 'c/cgi'
  | 'c/events'
  | 'go/cgi'
  | 'go/events'
  | 'assemblyscript/cgi'
  | 'component-js'
  | 'component-0.3';

const recipes: Readonly<Record<WasmGuest, Recipe>> = {
  'c/cgi': { sources: ['c/cgi.c', 'c/islet.h'], build: buildC },
  'c/events': { sources: ['c/events.c'], build: buildC },
  'go/cgi': { sources: ['go/cgi', 'go/go.mod'], build: buildGo },
  'go/events': { sources: ['go/events', 'go/go.mod'], build: buildGo },
  'assemblyscript/cgi': { sources: ['assemblyscript/cgi.ts', 'assemblyscript'], build: buildAssembly },
  'component-js': { sources: ['component-js', wit], build: buildComponent },
  'component-0.3': { sources: ['component-0.3'], build: buildLaterComponent },
};

export const wasmGuests: readonly WasmGuest[] = Object.keys(recipes) as WasmGuest[];

/** Path of a guest that needs no tool, for `host.deploy`: wat/NAME.wat. */
export function watGuest(name: string): string {
  return join(guests, 'wat', `${name}.wat`);
}

const underway = new Map<WasmGuest, Promise<Built>>();

/**
 * Builds a guest from its source, once for each state of the source: the result stays in a temporary folder of this
 * user. Gives the tool that is missing where it cannot; rejects with the compiler's words when the source is wrong.
 */
export function buildGuest(name: WasmGuest): Promise<Built> {
  const known = underway.get(name);
  if (known !== undefined) return known;
  const building = build(recipes[name]);
  underway.set(name, building);
  return building;
}

/** The built file; undefined after the test was skipped with a line that says which tool is missing. */
export async function guestOrSkip(t: Pick<Test, 'pass'>, name: WasmGuest): Promise<string | undefined> {
  const built = await buildGuest(name);
  if (built.kind === 'built') return built.file;
  t.pass(`${name} is not built`, { skip: `needs ${built.missing}` });
  return undefined;
}

async function build({ sources, build }: Recipe): Promise<Built> {
  const paths = sources.map((source) => join(source === wit ? '' : guests, source));
  const folder = join(tmpdir(), `islet-wasm-guests-${process.getuid?.() ?? 0}`);
  const file = join(folder, `${await hashOf(paths)}.wasm`);
  if (existsSync(file)) return { kind: 'built', file };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(join(folder, 'build-'));
  try {
    const out = join(scratch, 'out.wasm');
    const missing = await build({ source: paths[0] ?? '', out, scratch, wit });
    if (missing !== undefined) return { kind: 'missing', missing };
    // Renamed whole: several test processes may build the same guest at once.
    await rename(out, file);
    return { kind: 'built', file };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function hashOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const tool of ['wasm-tools.ts', 'wasm-guests.ts'])
    hash.update(await readFile(join(import.meta.dirname, tool)));
  for (const path of paths) await addToHash(hash, path);
  return hash.digest('hex').slice(0, 32);
}

async function addToHash(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) {
    hash.update(`${path}\0`).update(await readFile(path));
    return;
  }
  for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
    await addToHash(hash, join(path, name));
}
