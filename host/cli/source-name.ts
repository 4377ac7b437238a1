import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { parseManifest } from '#host/deploy/manifest.ts';
import { entryNames } from '#host/deploy/source.ts';
import { HostError } from '#runtime/errors.ts';
import { parseName } from './reference.ts';
import { UsageError } from './usage-error.ts';

/** What a file or folder deploys as: the name given, else its islet.json's, else its own made a valid one. */
export async function nameSource(path: string, given: string | undefined): Promise<string> {
  if (given !== undefined) return parseName(given);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new HostError('ERR_SOURCE_NOT_FOUND', `Cannot deploy ${path}: there is no such file or folder`);
  }
  const folder = info.isDirectory() ? path : dirname(path);
  const text = await readFile(join(folder, 'islet.json'), 'utf8').catch(() => undefined);
  const named = text === undefined ? undefined : parseManifest(text, 'islet.json').name;
  if (named !== undefined) return named;
  const stem = info.isDirectory() ? basename(path) : basename(path, extname(path));
  return toName(entryNames.has(stem) ? basename(folder) : stem);
}

/** `My_Shop` to `my-shop`; UsageError when nothing usable is left. */
export function toName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  if (name !== '') return name;
  throw new UsageError(`${JSON.stringify(text)} makes no function name; give one with --name`);
}
