import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WasmFile } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { isInside } from '../deploy/inline.ts';
import { hashOfFiles, packFiles } from '../deploy/wasm-files.ts';

/**
 * Writes the files a guest sees at `/app` into a new folder `path` (folders 0700, files 0600), which is there whole or not
 * at all. `temporary` is a path beside it that nobody uses.
 */
export async function writeAppFolder(
  path: string,
  temporary: string,
  files: readonly WasmFile[],
): Promise<void> {
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { mode: 0o700 });
    for (const file of files) await writeOne(temporary, file);
    await rm(path, { recursive: true, force: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** True when the folder holds the files of this name (`hashOfFiles`) and nothing else. */
export async function holdsFiles(path: string, hash: string): Promise<boolean> {
  try {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const files: WasmFile[] = [];
    for (const entry of entries) {
      if (entry.isDirectory()) continue;
      if (!entry.isFile()) return false;
      const full = join(entry.parentPath, entry.name);
      const relative = full.slice(path.length + 1).replaceAll('\\', '/');
      files.push({ path: relative, bytes: await readFile(full) });
    }
    return hashOfFiles(packFiles(files)) === hash;
  } catch {
    // Not there, or not readable: as good as not there.
    return false;
  }
}

async function writeOne(root: string, { path, bytes }: WasmFile): Promise<void> {
  if (!isInside(path)) {
    throw new HostError(
      'ERR_STORE_CORRUPT',
      `Cannot unpack ${JSON.stringify(path)}: its path leaves the folder`,
    );
  }
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const file = await open(target, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
