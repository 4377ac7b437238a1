import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { WasmFile } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';

/** A folder of sources has fewer; one with more was not meant to be deployed whole. */
const mostFiles = 10_000;
const skipped: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'islet.json']);
/** A folder with this file is a Python virtual environment: this machine's, of no use elsewhere. */
const environmentFile = 'pyvenv.cfg';

/**
 * All files of a folder but those of `leftOut`, by path: without node_modules, __pycache__, virtual environments, islet.json and whatever begins
 * with a dot. Links are followed within the folder. Rejects with HostError ERR_DEPLOY_TOO_LARGE before reading what is
 * too much, ERR_BUILD for a link that leads out.
 */
export async function readFolder(
  root: string,
  mostBytes: number,
  leftOut?: string,
): Promise<readonly WasmFile[]> {
  const walk: Walk = { root, mostBytes, leftOut, paths: [], bytes: 0 };
  await list(walk, '', [root]);
  return readAll(walk);
}

/** These files of the folder and no others; rejects as `readFolder` does. */
export async function readFiles(
  root: string,
  paths: readonly string[],
  mostBytes: number,
): Promise<readonly WasmFile[]> {
  const walk: Walk = { root, mostBytes, leftOut: undefined, paths: [], bytes: 0 };
  for (const path of paths) add(walk, path, (await stat(await realpathWithin(root, path, []))).size);
  return readAll(walk);
}

function readAll({ root, paths }: Walk): Promise<readonly WasmFile[]> {
  return Promise.all(
    paths.toSorted().map(async (path) => ({ path, bytes: await readFile(join(root, path)) })),
  );
}

interface Walk {
  readonly root: string;
  readonly mostBytes: number;
  /** A folder that is something else, relative to root. */
  readonly leftOut: string | undefined;
  readonly paths: string[];
  bytes: number;
}

/** `above`: the real paths of this folder and those it lies in. */
async function list(walk: Walk, folder: string, above: readonly string[]): Promise<void> {
  const entries = await readdir(join(walk.root, folder), { withFileTypes: true });
  if (folder !== '' && entries.some(({ name }) => name === environmentFile)) return;
  for (const { name } of entries) {
    if (name.startsWith('.') || skipped.has(name)) continue;
    const path = folder === '' ? name : `${folder}/${name}`;
    if (path === walk.leftOut) continue;
    const real = await realpathWithin(walk.root, path, above);
    const info = await stat(real);
    if (info.isDirectory()) await list(walk, path, [...above, real]);
    else if (info.isFile()) add(walk, path, info.size);
  }
}

/** Throws when the path leads out of the root, or back to a folder it lies in. */
async function realpathWithin(root: string, path: string, above: readonly string[]): Promise<string> {
  const real = await realpath(join(root, path)).catch(() => undefined);
  if (real?.startsWith(root + sep) === true && !above.includes(real)) return real;
  throw new HostError(
    'ERR_BUILD',
    `Cannot deploy ${path}: it is a link that leads out of the folder or round in it; copy what it names`,
  );
}

function add(walk: Walk, path: string, bytes: number): void {
  const { mostBytes, paths } = walk;
  paths.push(path);
  walk.bytes += bytes;
  if (walk.bytes <= mostBytes && paths.length <= mostFiles) return;
  const state =
    walk.bytes > mostBytes
      ? `its files have more than ${mostBytes} bytes`
      : `it has more than ${mostFiles} files`;
  throw new HostError(
    'ERR_DEPLOY_TOO_LARGE',
    `Cannot deploy the folder: ${state}; raise limits.bundleBytes or move out what is not needed`,
  );
}
