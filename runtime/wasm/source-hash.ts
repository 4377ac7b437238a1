import { createHash } from 'node:crypto';
// oxlint-disable-next-line no-restricted-imports -- part of the build and the tests; no cell loads this file
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Folder of the crate, in a checkout; the published package has none. */
export const crateFolder: string = join(import.meta.dirname, 'native');

const always: readonly string[] = ['Cargo.toml', 'Cargo.lock', 'build.rs'];
const folders: readonly string[] = ['src', 'wit'];
const endings: readonly string[] = ['.rs', '.wit', '.md'];

/**
 * SHA-256 (hex) of the crate's sources, by the recipe in native/build.rs: what the addon built from them gives as
 * `sourceHash()`.
 */
export function sourceHash(crate: string = crateFolder): string {
  const present = folders.filter((folder) => existsSync(join(crate, folder)));
  const found = present.flatMap((folder) =>
    readdirSync(join(crate, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(crate.length + 1)
          .split(sep)
          .join('/'),
      ),
  );
  const hash = createHash('sha256');
  for (const file of [...always, ...found].sort(byBytes)) {
    const content = Buffer.from(readFileSync(join(crate, file), 'utf8').replaceAll('\r\n', '\n'));
    hash.update(`${file}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
