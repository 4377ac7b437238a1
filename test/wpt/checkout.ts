import { readFile, stat } from 'node:fs/promises';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { rowOf, rows } from './directories.ts';
import { parseMetadata, unreachable } from './metadata.ts';
import type { Metadata } from './metadata.ts';

/** One run: a test file with one of its variants. */
export interface Variant {
  /** From the root of the checkout, with "/". */
  readonly path: string;
  /** "" or a query string with its "?". */
  readonly query: string;
  readonly row: string;
  readonly source: string;
  readonly metadata: Metadata;
}

/** The name a variant has in expectations and reports. */
export function variantName({ path, query }: Pick<Variant, 'path' | 'query'>): string {
  return path + query;
}

/** Throws TypeError for a folder that is no checkout. */
export async function checkCheckout(root: string): Promise<void> {
  const harness = await stat(join(root, 'resources/testharness.js')).catch(() => undefined);
  if (harness?.isFile() === true) return;
  throw new TypeError(
    `${root} is no checkout of the web platform tests: it has no resources/testharness.js; give the folder that has`,
  );
}

/**
 * The `.any.js` tests under folders or files of a checkout (default: all rows), in order, each with its variants. Left
 * out are those for globals that no server-side runtime has. Throws TypeError for a path that is not there.
 */
export async function findVariants(root: string, paths: readonly string[]): Promise<readonly Variant[]> {
  const wanted = paths.length === 0 ? rows.flatMap(({ folders }) => folders) : paths;
  const files = new Set<string>();
  for (const path of wanted) for (const file of await findFiles(root, path)) files.add(file);
  const variants: Variant[] = [];
  for (const path of [...files].sort()) {
    const source = await readFile(join(root, path), 'utf8');
    const metadata = parseMetadata(source);
    if (unreachable(metadata) !== undefined) continue;
    const row = rowOf(path);
    for (const query of metadata.variants) variants.push({ path, query, row, source, metadata });
  }
  return variants;
}

async function findFiles(root: string, path: string): Promise<readonly string[]> {
  const trimmed = path.replace(/\/+$/, '');
  const found = await stat(join(root, trimmed)).catch(() => undefined);
  if (found === undefined) throw new TypeError(`${path} is not in ${root}; give folders or files below it`);
  if (found.isFile()) return [trimmed];
  const files: string[] = [];
  for await (const file of glob('**/*.any.js', { cwd: join(root, trimmed) })) {
    files.push(`${trimmed}/${file.replaceAll('\\', '/')}`);
  }
  return files;
}
