import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { OpenSource } from './source.ts';
import { loadWasm, wasmImport, withoutModuleQuery } from './wasm-import.ts';

/**
 * What a function may import: its own folder, and packages found upwards as Node finds them (inline files: those among
 * the files only). A package's own files are followed wherever a link leads, as workspaces need it; a relative path
 * out of the folder is not. Not: modules from the network, source maps from elsewhere. Resolution itself
 * stays the bundler's.
 */
export function fences(source: OpenSource): Plugin {
  return {
    name: 'fences',
    setup(build) {
      const linked = new Set<string>();
      const modules = source.sealed === undefined ? nodeModulesAbove(source.root) : [];
      const isAllowed = (path: string): boolean =>
        isUnder(path, source.root) ||
        modules.some((folder) => isUnder(path, folder)) ||
        [...linked].some((folder) => isUnder(path, folder));
      loadWasm(build);
      build.onResolve({ filter: /.*/ }, async (given) => {
        if (given.pluginData === asked) return undefined;
        const args = { ...given, path: withoutModuleQuery(given.path) };
        if (args.kind === 'entry-point') return byContent(source, join(source.root, args.path));
        if (/^(?:https?:)?\/\//.test(args.path)) {
          return refuse(
            `Cannot import "${args.path}": modules are not fetched; install the package with npm`,
          );
        }
        const path = await resolved(build, args);
        if (path === undefined) return undefined;
        if (isAllowed(path)) return asLoaded(source, path);
        const folder = source.sealed === undefined ? await linkedPackage(args) : undefined;
        if (folder !== undefined && isUnder(path, folder)) {
          linked.add(folder);
          return path.endsWith('.wasm') ? wasmImport(source.root, path) : undefined;
        }
        return refuse(`Cannot import "${args.path}": it is outside the folder that is deployed`);
      });
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const contents = await withoutForeignMaps(text, dirname(path), isAllowed);
        return contents === text ? undefined : { contents, loader: 'default' };
      });
    },
  };
}

function asLoaded(source: OpenSource, path: string): OnResolveResult | undefined {
  return path.endsWith('.wasm') ? wasmImport(source.root, path) : byContent(source, path);
}

/**
 * The function's own files are named outright: the bundler then tells CommonJS from ESM by what is written in them, not by
 * the `type` of a package.json, which may lie anywhere above.
 */
function byContent(source: OpenSource, path: string): OnResolveResult | undefined {
  if (source.sealed !== undefined || !isUnder(path, source.root)) return undefined;
  return path.includes(`${sep}node_modules${sep}`) ? undefined : { path };
}

/** Marks a question of ours to the bundler, which no plugin answers. */
export const asked: unique symbol = Symbol('asked');

/** Real path of what the bundler would read, or undefined when it reads none (unresolved, disabled, data URLs). */
async function resolved(build: PluginBuild, args: OnResolveArgs): Promise<string | undefined> {
  const { kind, importer, namespace, resolveDir } = args;
  const found = await build.resolve(args.path, {
    kind,
    importer,
    namespace,
    resolveDir,
    with: args.with,
    pluginData: asked,
  });
  if (found.errors.length > 0 || found.external || found.namespace !== 'file') return undefined;
  return realpath(found.path).catch(() => found.path);
}

function refuse(text: string): OnResolveResult {
  return { errors: [{ text }] };
}

function nodeModulesAbove(root: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
    folders.push(join(dirname(folder), 'node_modules'));
  }
  return folders;
}

const mapComment = /([#@]\s*sourceMappingURL=)(\S*)/g;

/**
 * The bundler reads the source maps that scripts name and puts what they quote into its own: data URLs and allowed files
 * stay, other names are emptied. Names that need decoding are other names.
 */
async function withoutForeignMaps(
  text: string,
  folder: string,
  isAllowed: (path: string) => boolean,
): Promise<string> {
  if (!text.includes('sourceMappingURL=')) return text;
  const foreign = new Set<string>();
  for (const [, , url = ''] of text.matchAll(mapComment)) {
    if (url.startsWith('data:')) continue;
    const isPlain = /^[\w@+-][\w@+./-]*$|^\.{1,2}\/[\w@+./-]*$/.test(url);
    const path = isPlain ? await realpath(join(folder, url)).catch(() => undefined) : undefined;
    if (path === undefined || !isAllowed(path)) foreign.add(url);
  }
  return text.replace(mapComment, (whole, start: string, url: string) => (foreign.has(url) ? start : whole));
}

const packageName = /^(?:@[^/@.][^/]*\/)?[^/@.#][^/]*/;

/** Real folder of the package a bare specifier names, found upwards in node_modules; undefined when there is none. */
async function linkedPackage({ path, resolveDir }: OnResolveArgs): Promise<string | undefined> {
  const name = packageName.exec(path)?.[0];
  if (name === undefined) return undefined;
  for (let folder = resolveDir; ; folder = dirname(folder)) {
    const found = await realpath(join(folder, 'node_modules', name)).catch(() => undefined);
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

function isUnder(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
