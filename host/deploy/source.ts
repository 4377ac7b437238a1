import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import type { DeploySource, InlineSource } from '#host/host.ts';
import { sealedTsconfig, writeInline } from './inline.ts';
import { mergeManifests, parseManifest, parseOverrides } from './manifest.ts';
import type { ManifestContext } from './manifest.ts';
import type { Manifest } from './manifest-rules.ts';

/** Source on disk, found and checked, ready for the bundler. Must be disposed: inline files live in a folder of their own. */
export interface OpenSource extends AsyncDisposable {
  /** Real path of the folder that messages and the output's paths are relative to. */
  readonly root: string;
  /** Entry, relative to root, with "/". */
  readonly entry: string;
  readonly manifest: Manifest;
  /** What the function is called when nobody names it, e.g. "hello" for ./hello/index.js; undefined for inline files. */
  readonly nameHint?: string;
  /** Inline files: nothing outside root may be read, not even packages; and the text of their tsconfig.json. */
  readonly sealed?: { readonly tsconfig: string };
}

export interface SourceOptions extends ManifestContext {
  /** Manifest values that win over islet.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const manifestFile = 'islet.json';
const stems: readonly string[] = ['index', 'handler', 'worker', 'main', 'src/index'];
const extensions: readonly string[] = ['.ts', '.tsx', '.mts', '.js', '.mjs', '.jsx', '.cjs'];

/**
 * Finds the entry and the manifest of a file, a folder or inline files. Throws HostError ERR_SOURCE_NOT_FOUND that
 * names what was looked for, ERR_MANIFEST, or ERR_BAD_INPUT for inline paths that leave their folder.
 */
export async function openSource(source: DeploySource, options: SourceOptions): Promise<OpenSource> {
  if (typeof source !== 'string') return openInline(source, options);
  const path = await realpath(resolve(source)).catch(() => undefined);
  if (path === undefined) {
    throw new HostError('ERR_SOURCE_NOT_FOUND', `Cannot deploy ${source}: there is no such file or folder`);
  }
  const info = await stat(path);
  if (info.isDirectory()) {
    const found = await openFolder(path, undefined, options);
    return { ...found, nameHint: basename(path), [Symbol.asyncDispose]: nothing };
  }
  if (!info.isFile()) {
    throw new HostError('ERR_SOURCE_NOT_FOUND', `Cannot deploy ${source}: neither a file nor a folder`);
  }
  const root = await projectOf(path);
  const found = await openFolder(root, toSlashes(relative(root, path)), options);
  const stem = basename(path, extname(path));
  const nameHint = stems.includes(stem) ? basename(dirname(path)) : stem;
  return { ...found, nameHint, [Symbol.asyncDispose]: nothing };
}

type Found = Pick<OpenSource, 'root' | 'entry' | 'manifest'>;

async function openFolder(root: string, main: string | undefined, options: SourceOptions): Promise<Found> {
  const written = await readText(join(root, manifestFile));
  const own = written === undefined ? {} : parseManifest(written, manifestFile, options);
  const manifest = mergeManifests(own, parseOverrides(options.manifest ?? {}, options));
  return { root, entry: await entryOf(root, main ?? manifest.main), manifest };
}

async function openInline(source: InlineSource, options: SourceOptions): Promise<OpenSource> {
  const { root, dispose } = await writeInline(source.files);
  try {
    const found = await openFolder(root, source.main, options);
    const tsconfig = sealedTsconfig((await readText(join(root, 'tsconfig.json'))) ?? '{}');
    return { ...found, sealed: { tsconfig }, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The main given, else what package.json names, else the first entry name there is. */
async function entryOf(root: string, main: string | undefined): Promise<string> {
  if (main !== undefined) {
    const entry = await entryAt(root, main);
    if (entry !== undefined) return entry;
    throw new HostError(
      'ERR_SOURCE_NOT_FOUND',
      `Cannot deploy: main is "${main}" and there is no such file in the folder`,
    );
  }
  const names = stems.flatMap((stem) => extensions.map((extension) => stem + extension));
  for (const name of [...(await packageEntries(root)), ...names]) {
    const entry = await entryAt(root, name);
    if (entry !== undefined) return entry;
  }
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy: no entry file; looked for "main" in ${manifestFile} and package.json, then ` +
      `{${stems.join(',')}}{${extensions.join(',')}}`,
  );
}

/** The file's path in the folder, links followed; undefined when there is none or a link leads out. */
async function entryAt(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(resolve(root, path)).catch(() => undefined);
  if (real === undefined || !real.startsWith(root + sep) || !(await isFile(real))) return undefined;
  return toSlashes(relative(root, real));
}

async function packageEntries(root: string): Promise<readonly string[]> {
  const text = await readText(join(root, 'package.json'));
  if (text === undefined) return [];
  try {
    const { module, main } = JSON.parse(text) as Record<string, unknown>;
    return [module, main].filter((field) => typeof field === 'string');
  } catch {
    // The bundler reports a package.json that does not parse, with its line.
    return [];
  }
}

/** The nearest folder upwards with islet.json or package.json, else the file's own. */
async function projectOf(file: string): Promise<string> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((await isFile(join(folder, manifestFile))) || (await isFile(join(folder, 'package.json')))) {
      return folder;
    }
    if (folder === dirname(folder)) return dirname(file);
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** The text, or undefined when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  if (!(await isFile(path))) return undefined;
  return readFile(path, 'utf8');
}

function toSlashes(path: string): string {
  return path.split(sep).join('/');
}

async function nothing(): Promise<void> {}
