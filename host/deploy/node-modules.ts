import type { OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What stands for modules of Node in a bundle. Their code is islet's, wherever the function lies. */
export const nodeNamespace = 'islet';
/** The name under which a bundle's list of inputs has the module that carries contexts over `await`. */
export const asyncHooksInput: string = `${nodeNamespace}:node:async_hooks`;
/** The module whose exports stand for free names such as `Buffer`. */
export const nodeGlobals = 'islet:globals';

/** By name without "node:": files of runtime/node. */
const own: Readonly<Record<string, string>> = {
  assert: 'assert',
  'assert/strict': 'assert-strict',
  async_hooks: 'async-hooks',
  buffer: 'buffer',
  console: 'console',
  crypto: 'crypto',
  diagnostics_channel: 'diagnostics-channel',
  events: 'events',
  os: 'os',
  perf_hooks: 'perf-hooks',
  process: 'process',
  querystring: 'querystring',
  stream: 'stream',
  string_decoder: 'string-decoder',
  'stream/consumers': 'stream-consumers',
  'stream/promises': 'stream-promises',
  'stream/web': 'stream-web',
  sys: 'util',
  timers: 'timers',
  'timers/promises': 'timers-promises',
  url: 'url',
  util: 'util',
  'util/types': 'util-types',
  zlib: 'zlib',
};
/** By name without "node:": modules of @jspm/core as they are. */
const library: Readonly<Record<string, string>> = {
  path: 'path',
  'path/posix': 'path/posix',
  punycode: 'punycode',
};
/** What the libraries themselves import, and islet has better. */
const within: Readonly<Record<string, string>> = {
  'abort-controller': 'abort-controller',
  'process/': 'process',
};

/** Names a function may import, sorted; for messages. */
export const nodeModuleNames: readonly string[] = [...Object.keys(own), ...Object.keys(library)].sort();

const require = createRequire(import.meta.url);
/** The guest's runtime is compiled in the package. */
const sourceExtension = extname(fileURLToPath(import.meta.url));
const folder = fileURLToPath(new URL('../../runtime/node/', import.meta.url));

/** By file: the first name it has. */
const builtinNames: ReadonlyMap<string, string> = new Map(
  nodeModuleNames.toReversed().map((name) => [fileOf(name) ?? '', `node:${name}`]),
);

/** Handed to the loader: where a module's text is; none for the CommonJS face of one. */
interface Place {
  readonly file?: string;
}

/** Marks the fences' own questions to the bundler, which this must not answer. */
export interface NodeModulesOptions {
  readonly asked: symbol;
}

/**
 * Gives `node:` modules, and their bare names where no package of that name is installed, from islet's own polyfills. What
 * there is none of is left to the bundler, whose error names module and importer.
 */
export function nodeModules({ asked }: NodeModulesOptions): Plugin {
  return {
    name: 'node-modules',
    setup(build) {
      build.onResolve({ filter: /.*/, namespace: nodeNamespace }, resolveWithin);
      build.onResolve({ filter: /^islet:globals$/ }, () => toModule('globals', ownFile('globals')));
      build.onResolve({ filter: /^(?:node:)?[a-z_]+(?:\/[a-z]+)?$/ }, async (args) => {
        if (args.pluginData === asked) return undefined;
        const name = args.path.replace(/^node:/, '');
        const file = fileOf(name);
        if (file === undefined) return undefined;
        // As bundlers for other places without Node: what is installed under the bare name was meant.
        if (name === args.path && (await isInstalled(build, args, asked))) return undefined;
        return toBuiltin(name, file, args.kind);
      });
      build.onLoad({ filter: /.*/, namespace: nodeNamespace }, load);
    },
  };
}

async function isInstalled(
  build: PluginBuild,
  { kind, importer, namespace, resolveDir, path }: OnResolveArgs,
  asked: symbol,
): Promise<boolean> {
  const found = await build.resolve(path, { kind, importer, namespace, resolveDir, pluginData: asked });
  return found.errors.length === 0;
}

function fileOf(name: string): string | undefined {
  if (Object.hasOwn(own, name)) return ownFile(own[name] ?? '');
  if (Object.hasOwn(library, name)) return libraryFile(library[name] ?? '');
  return undefined;
}

function ownFile(name: string): string {
  return join(folder, `${name}.js`);
}

/** The package's form for browsers: its export conditions would lead to a re-export of Node's own. */
function libraryFile(name: string): string {
  const root = join(dirname(require.resolve('@jspm/core/nodelibs/path')), '..');
  return join(root, 'browser', `${name}.js`);
}

function toBuiltin(name: string, file: string, kind: OnResolveArgs['kind']): OnResolveResult {
  return kind === 'require-call'
    ? { path: `node:${name}?require`, namespace: nodeNamespace, pluginData: {} satisfies Place }
    : toModule(`node:${name}`, file);
}

function toModule(path: string, file: string): OnResolveResult {
  return { path, namespace: nodeNamespace, sideEffects: false, pluginData: { file } satisfies Place };
}

/** Imports of the polyfills themselves. */
function resolveWithin(args: OnResolveArgs): OnResolveResult {
  const { path, importer, kind, resolveDir } = args;
  if (importer.endsWith('?require')) {
    const name = path.replace(/^node:/, '');
    return toModule(path, fileOf(name) ?? '');
  }
  const name = path.replace(/^node:/, '').replace(/^(string_decoder)\/$/, '$1');
  const file = fileOf(name);
  if (file !== undefined) return toBuiltin(name, file, kind);
  const replaced = Object.hasOwn(within, path) ? within[path] : undefined;
  if (replaced !== undefined && Object.hasOwn(own, replaced))
    return toBuiltin(replaced, ownFile(replaced), kind);
  if (replaced !== undefined) return toModule(replaced, ownFile(replaced));
  const inLibrary = /^@jspm\/core\/nodelibs\/(.+)$/.exec(path)?.[1];
  const found =
    inLibrary === undefined
      ? createRequire(join(resolveDir, 'x.js')).resolve(path.replace(/\.ts$/, sourceExtension))
      : libraryFile(inLibrary);
  // One module under one name, however it is asked for.
  return toModule(builtinNames.get(found) ?? logicalName(found), found);
}

/** The same wherever islet is installed: it stands in the bundle, whose hash is a version's id. */
function logicalName(file: string): string {
  const inPackage = file.lastIndexOf(`${sep}node_modules${sep}`);
  const start = inPackage === -1 ? folder.length : inPackage + `${sep}node_modules${sep}`.length;
  return file.slice(start).replaceAll(sep, '/');
}

async function load({ path, pluginData }: { path: string; pluginData: unknown }): Promise<OnLoadResult> {
  const { file } = pluginData as Place;
  if (file === undefined) {
    const name = path.replace(/\?require$/, '');
    return { contents: `module.exports = require("${name}").default`, loader: 'js', resolveDir: folder };
  }
  const text = await readFile(file, 'utf8');
  return {
    contents: text.replaceAll(/\/\/# sourceMappingURL=.*$/gm, ''),
    loader: file.endsWith('.ts') ? 'ts' : 'js',
    resolveDir: dirname(file),
  };
}
