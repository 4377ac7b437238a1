import { build, stop } from 'esbuild';
import type { BuildFailure, BuildOptions, Loader, Metafile } from 'esbuild';
import { HostError } from '#runtime/errors.ts';
import type { ScriptCode } from '#runtime/deployment.ts';
import { defaultLimits } from '#runtime/limits.ts';
import type { DeploySource, InlineSource } from '#host/host.ts';
import { buildError, toLine } from './build-errors.ts';
import { asked, fences } from './fences.ts';
import { formatManifest } from './manifest.ts';
import { openSource } from './source.ts';
import type { OpenSource, SourceOptions } from './source.ts';
import type { Manifest } from './manifest-rules.ts';
import { asyncHooksInput, nodeGlobals, nodeModules, nodeNamespace } from './node-modules.ts';
import { inputFile } from './wasm-import.ts';

export type BundleOptions = SourceOptions;

/** One ES module without imports, and the manifest that goes with it. */
export interface Bundle {
  readonly code: ScriptCode;
  /** islet.json with the overrides joined in. */
  readonly manifest: Manifest;
  /** UTF-8 length of the code, without its source map. */
  readonly sourceBytes: number;
  /** What the function is called when nobody names it; undefined for inline files. */
  readonly nameHint?: string;
  /** Files read, absolute; for watching. Empty for inline files. */
  readonly inputs: readonly string[];
  /** Lines `file:line:column: …` about the function's own files. */
  readonly warnings: readonly string[];
}

const loader: Readonly<Record<string, Loader>> = Object.fromEntries(
  ['.txt', '.html', '.htm', '.css', '.svg', '.md', '.xml', '.csv', '.sql', '.graphql'].map((extension) => [
    extension,
    'text' as const,
  ]),
);

/** Resolution as edge bundlers do it: packages that run on other edge runtimes run here. */
const common: BuildOptions = {
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'esnext',
  conditions: ['islet', 'workerd', 'worker', 'browser'],
  mainFields: ['browser', 'module', 'main'],
  nodePaths: [],
  outfile: 'islet.js',
  write: false,
  metafile: true,
  sourcemap: 'external',
  sourcesContent: true,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'silent',
  loader,
};

/** Async functions as generators: each continuation is then a callback of `then` (runtime/node/async-hooks.js). */
const lowered: BuildOptions = {
  supported: {
    'async-await': false,
    'async-generator': false,
    'for-await': false,
    'top-level-await': true,
  },
};
/** Names that a bundle may expect to be there, as in Node. */
const nodeNames = /\b(?:Buffer|setImmediate|clearImmediate)\b/;

let underWay = 0;
let isStopWanted = false;

/**
 * Bundles a file, a folder or inline files. The same input gives the same bytes wherever it lies. Throws HostError
 * ERR_SOURCE_NOT_FOUND, ERR_MANIFEST, ERR_BAD_INPUT, ERR_BUILD with every error's file, line and column (from 1,
 * relative to the folder), or ERR_DEPLOY_TOO_LARGE above limits.bundleBytes.
 */
export async function bundle(source: DeploySource, options: BundleOptions = {}): Promise<Bundle> {
  await using opened = await openSource(source, options);
  return await bundleOpened(opened, options);
}

/** The same for a source that is open; its opener disposes it. */
export async function bundleOpened(opened: OpenSource, options: BundleOptions = {}): Promise<Bundle> {
  const result = await run(opened);
  const code = toCode(opened, result.outputFiles);
  refuseImports(opened, result.metafile);
  const sourceBytes = Buffer.byteLength(code.source);
  const most =
    opened.manifest.limits?.bundleBytes ??
    Math.min(defaultLimits.bundleBytes, options.caps?.bundleBytes ?? Infinity);
  if (sourceBytes > most) {
    throw new HostError(
      'ERR_DEPLOY_TOO_LARGE',
      `Cannot deploy ${opened.entry}: its bundle is ${sourceBytes} bytes, the limit is ${most}; ` +
        'raise limits.bundleBytes or ship less code',
    );
  }
  const read = Object.keys(result.metafile.inputs)
    .filter((input) => !input.startsWith(`${nodeNamespace}:`))
    .map((input) => inputFile(opened.root, input))
    .filter((file) => file !== undefined);
  return {
    code,
    manifest: opened.manifest,
    sourceBytes,
    ...(opened.nameHint === undefined ? {} : { nameHint: opened.nameHint }),
    inputs: opened.sealed === undefined ? read : [],
    warnings: result.warnings
      .filter((warning) => !isPackageFile(warning.location?.file ?? ''))
      .map((warning) => toLine(warning, opened.root)),
  };
}

/** The bundle as source for another host: one file with its map inline, and the manifest without its main. */
export function toInlineSource(bundled: Bundle): InlineSource {
  const { source, sourceMap } = bundled.code;
  const map =
    sourceMap === undefined
      ? ''
      : `//# sourceMappingURL=data:application/json;base64,${Buffer.from(sourceMap).toString('base64')}\n`;
  return {
    files: { 'index.js': source + map, 'islet.json': formatManifest(bundled.manifest) },
    main: 'index.js',
  };
}

/** Ends the bundler's child process, after the builds that are under way; a later build starts another. */
export async function stopBundler(): Promise<void> {
  isStopWanted = true;
  if (underWay === 0) await stop();
}

async function run(opened: OpenSource): ReturnType<typeof runBuild> {
  underWay += 1;
  isStopWanted = false;
  try {
    const result = await runBuild(opened);
    // Few functions ask for more than a bundle; they are built twice.
    const more = {
      ...(Object.hasOwn(result.metafile.inputs, asyncHooksInput) ? lowered : {}),
      ...(result.outputFiles.some(isNodeText) ? { inject: [nodeGlobals] } : {}),
    };
    return Object.keys(more).length === 0 ? result : await runBuild(opened, more);
  } catch (error) {
    const failure = error as Partial<BuildFailure>;
    if (!Array.isArray(failure.errors)) throw error;
    throw buildError(opened, failure.errors, error);
  } finally {
    underWay -= 1;
    if (underWay === 0 && isStopWanted) await stop();
  }
}

function isNodeText({ path, text }: { readonly path: string; readonly text: string }): boolean {
  return path.endsWith('.js') && nodeNames.test(text);
}

function runBuild(opened: OpenSource, more: BuildOptions = {}) {
  const named = Object.hasOwn(opened.manifest.vars ?? {}, 'NODE_ENV');
  return build({
    ...common,
    ...more,
    write: false,
    metafile: true,
    absWorkingDir: opened.root,
    entryPoints: [`./${opened.entry}`],
    // A var of that name is read when the function runs.
    define: {
      global: 'globalThis',
      'process.env.NODE_ENV': named ? 'process.env.NODE_ENV' : '"production"',
    },
    ...(opened.sealed === undefined ? {} : { tsconfigRaw: opened.sealed.tsconfig }),
    plugins: [nodeModules({ asked }), fences(opened)],
  });
}

function isPackageFile(file: string): boolean {
  return /(?:^|\/)node_modules\//.test(file) || file.startsWith(`${nodeNamespace}:`);
}

function toCode(
  opened: OpenSource,
  files: readonly { readonly path: string; readonly text: string }[],
): ScriptCode {
  const script = files.find((file) => file.path.endsWith('islet.js'));
  const map = files.find((file) => file.path.endsWith('islet.js.map'));
  if (script === undefined) throw new Error(`esbuild made no output for ${opened.entry}`);
  return { kind: 'script', source: script.text, ...(map === undefined ? {} : { sourceMap: map.text }) };
}

/** An isolate has no module loader: whatever the bundler left to one is an error here. */
function refuseImports(opened: OpenSource, metafile: Metafile): void {
  const left = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const first = left.find((entry) => entry.kind === 'import-statement' || entry.kind === 'dynamic-import');
  if (first === undefined) return;
  throw new HostError('ERR_BUILD', `Cannot build ${opened.entry}: "${first.path}" cannot be bundled`);
}
