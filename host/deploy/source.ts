import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import type { DeploySource, InlineSource } from '#host/host.ts';
import { sealedTsconfig, writeInline } from './inline.ts';
import { languageExtensions, languageStems } from './languages/language-program.ts';
import { languages } from './languages/language-table.ts';
import { mergeManifests, parseManifest, parseOverrides } from './manifest.ts';
import type { ManifestContext } from './manifest.ts';
import type { Manifest } from './manifest-rules.ts';

/** Source on disk, found and checked, ready for the bundler. Must be disposed: inline files live in a folder of their own. */
export interface OpenSource extends AsyncDisposable {
  /** Real path of the folder that messages and the output's paths are relative to. */
  readonly root: string;
  /** Entry, relative to root, with "/"; "" where there are static files and no code. */
  readonly entry: string;
  readonly manifest: Manifest;
  /** What the function is called when nobody names it, e.g. "hello" for ./hello/index.js; undefined for inline files. */
  readonly nameHint?: string;
  /** True for a file that belongs to no project: nothing else of its folder is the function's. */
  readonly alone?: boolean;
  /** Inline files: nothing outside root may be read, not even packages; and the text of their tsconfig.json. */
  readonly sealed?: { readonly tsconfig: string };
}

export interface SourceOptions extends ManifestContext {
  /** Manifest values that win over islet.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const manifestFile = 'islet.json';
/** Entries that are looked for, in this order: scripts, WebAssembly, then what an interpreter runs. */
const candidates: readonly { readonly stems: readonly string[]; readonly extensions: readonly string[] }[] = [
  {
    stems: ['index', 'handler', 'worker', 'main', 'src/index'],
    extensions: ['.ts', '.tsx', '.mts', '.js', '.mjs', '.jsx', '.cjs'],
  },
  { stems: ['index', 'handler', 'worker', 'main', 'app', 'module'], extensions: ['.wasm', '.wat'] },
  { stems: languageStems, extensions: languageExtensions },
];
/** Files named for what they are in their folder, not for what they do. */
export const entryNames: ReadonlySet<string> = new Set(candidates.flatMap(({ stems }) => stems));

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
  const { root, alone } = await projectOf(path);
  const found = await openFolder(root, toSlashes(relative(root, path)), options);
  const stem = basename(path, extname(path));
  const nameHint = entryNames.has(stem) ? basename(dirname(path)) : stem;
  return { ...found, nameHint, alone, [Symbol.asyncDispose]: nothing };
}

type Found = Pick<OpenSource, 'root' | 'entry' | 'manifest'>;

async function openFolder(root: string, main: string | undefined, options: SourceOptions): Promise<Found> {
  const written = await readText(join(root, manifestFile));
  const over = parseOverrides(options.manifest ?? {}, options);
  const own = written === undefined ? {} : parseManifest(written, manifestFile, { ...options, over });
  const manifest = mergeManifests(own, over);
  const named = main ?? manifest.main;
  if (manifest.assets === undefined || named !== undefined || manifest.handler !== undefined)
    return { root, entry: await entryOf(root, named, manifest.handler), manifest };
  return { root, entry: (await firstEntry(root)) ?? '', manifest };
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

/** The main given, else the handler's file, else what package.json names, else the first entry name there is. */
async function entryOf(root: string, main: string | undefined, handler: string | undefined): Promise<string> {
  if (main !== undefined) {
    const entry = await entryAt(root, main);
    if (entry !== undefined) return entry;
    throw new HostError(
      'ERR_SOURCE_NOT_FOUND',
      `Cannot deploy: main is "${main}" and there is no such file in the folder`,
    );
  }
  if (handler !== undefined) return handlerFile(root, handler);
  const entry = await firstEntry(root);
  if (entry !== undefined) return entry;
  const looked = candidates.map(({ stems, extensions }) => `{${stems.join(',')}}{${extensions.join(',')}}`);
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy: no entry file; looked for "main" in ${manifestFile} and package.json, then ${looked.join(', ')}`,
  );
}

async function firstEntry(root: string): Promise<string | undefined> {
  const names = candidates.flatMap(({ stems, extensions }) =>
    stems.flatMap((stem) => extensions.map((extension) => stem + extension)),
  );
  for (const name of [...(await packageEntries(root)), ...names]) {
    const entry = await entryAt(root, name);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/** The file a handler lies in: of `src/app.main` src/app.py or src/app.rb. */
async function handlerFile(root: string, handler: string): Promise<string> {
  const paths = languages.flatMap((language) => {
    const { extension } = language;
    const stem = language.stemOf(handler);
    return extension === '.py' ? [`${stem}.py`, `${stem}/__init__.py`] : [stem + extension];
  });
  for (const path of paths) {
    const entry = await entryAt(root, path);
    if (entry !== undefined) return entry;
  }
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy: handler is "${handler}" and there is no such file in the folder; looked for ${paths.join(', ')}`,
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
async function projectOf(file: string): Promise<{ readonly root: string; readonly alone: boolean }> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((await isFile(join(folder, manifestFile))) || (await isFile(join(folder, 'package.json')))) {
      return { root: folder, alone: false };
    }
    if (folder === dirname(folder)) return { root: dirname(file), alone: true };
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
