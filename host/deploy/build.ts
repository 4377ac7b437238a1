import { join } from 'node:path';
import type { Code, ScriptCode, WasmCode } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { defaultLimits } from '#runtime/limits.ts';
import type { DeploySource, InlineSource } from '#host/host.ts';
import { listAssets } from './assets-files.ts';
import type { AssetSource } from './assets-files.ts';
import { bundleOpened, toInlineSource } from './bundle.ts';
import { isLanguageFile, languageProgram } from './languages/language-program.ts';
import { formatManifest } from './manifest.ts';
import type { Manifest } from './manifest-rules.ts';
import { openSource } from './source.ts';
import type { OpenSource, SourceOptions } from './source.ts';
import { isWasmEntry, wasmProgram } from './wasm-source.ts';

/** What a source becomes: code of one kind, and the manifest that goes with it. */
export interface Build<C extends Code = Code> {
  readonly code: C;
  /** islet.json with the overrides joined in. */
  readonly manifest: Manifest;
  /** Entry, relative to the folder, with "/". */
  readonly entry: string;
  /** What limits.bundleBytes counts: the bundle without its map; a module with its files, an interpreter not counted. */
  readonly sourceBytes: number;
  /** What the function is called when nobody names it; undefined for inline files. */
  readonly nameHint?: string;
  /** Files read, absolute; for watching. Empty for inline files. */
  readonly inputs: readonly string[];
  /** Lines `file:line:column: …` about the function's own files. */
  readonly warnings: readonly string[];
  /** Static files, not read yet. */
  readonly assets?: AssetSource;
}

/**
 * Makes code of a file, a folder or inline files: scripts are bundled, modules taken as they are, Python and Ruby packed
 * with their interpreter. Throws HostError ERR_SOURCE_NOT_FOUND, ERR_MANIFEST, ERR_BAD_INPUT, ERR_BUILD,
 * ERR_NO_INTERPRETER or ERR_DEPLOY_TOO_LARGE above limits.bundleBytes.
 */
export async function buildSource(source: DeploySource, options: SourceOptions = {}): Promise<Build> {
  await using opened = await openSource(source, options);
  const build = await buildOpened(opened, options);
  const { assets } = opened.manifest;
  return assets === undefined ? build : { ...build, assets: await listAssets(assets, opened.root, source) };
}

/** The function of a folder that has static files only. */
const noCode = "export default { fetch: () => new Response('Not found\\n', { status: 404 }) };\n";

async function buildOpened(opened: OpenSource, options: SourceOptions): Promise<Build> {
  if (opened.entry === '') return staticBuild(opened);
  if (isWasmEntry(opened.entry) || isLanguageFile(opened.entry)) {
    if (opened.manifest.allow !== undefined) refuse(opened, 'allow', 'for JavaScript and TypeScript');
  }
  if (isWasmEntry(opened.entry)) return await wasmBuild(opened, options);
  if (isLanguageFile(opened.entry)) return await languageBuild(opened, options);
  if (opened.manifest.wasm !== undefined) refuse(opened, 'wasm', 'for WebAssembly modules and components');
  if (opened.manifest.handler !== undefined) refuse(opened, 'handler', 'for Python and Ruby');
  const bundled = await bundleOpened(opened, options);
  return { ...bundled, entry: opened.entry };
}

/** True for code that is WebAssembly or an interpreter's. */
export function isWasmBuild(build: Build): build is Build<WasmCode> {
  return build.code.kind === 'wasm';
}

/**
 * The build as source for another host. Scripts are sent bundled, their map inline; modules as they are; Python and Ruby
 * as their files, to be packed with the interpreter there.
 */
export function toSource(build: Build): InlineSource {
  if (!isWasmBuild(build)) return toInlineSource(build as Build<ScriptCode>);
  const manifest = formatManifest(build.manifest);
  const name = build.entry.slice(build.entry.lastIndexOf('/') + 1);
  if (!isLanguageFile(build.entry)) {
    return { files: { [name]: build.code.module, 'islet.json': manifest }, main: name };
  }
  const own = build.code.files.filter(({ path }) => !path.startsWith('.'));
  const files = Object.fromEntries(own.map(({ path, bytes }) => [path, bytes]));
  return { files: { ...files, 'islet.json': manifest }, main: build.entry };
}

function staticBuild({ manifest, nameHint }: OpenSource): Build {
  return {
    code: { kind: 'script', source: noCode },
    manifest,
    entry: 'index.js',
    sourceBytes: Buffer.byteLength(noCode),
    ...(nameHint === undefined ? {} : { nameHint }),
    inputs: [],
    warnings: [],
  };
}

async function wasmBuild(opened: OpenSource, options: SourceOptions): Promise<Build> {
  const code = await wasmProgram(opened);
  const sourceBytes = code.module.length;
  const most = mostBytes(opened, options);
  if (sourceBytes > most) {
    throw new HostError(
      'ERR_DEPLOY_TOO_LARGE',
      `Cannot deploy ${opened.entry}: it is ${sourceBytes} bytes, the limit is ${most}; ` +
        'raise limits.bundleBytes or strip the module',
    );
  }
  return toBuild(opened, code, sourceBytes);
}

async function languageBuild(opened: OpenSource, options: SourceOptions): Promise<Build> {
  const { root, entry, manifest, alone = false } = opened;
  if (manifest.wasm !== undefined) refuse(opened, 'wasm', 'for WebAssembly modules and components');
  const code = await languageProgram({
    root,
    entry,
    alone,
    mostBytes: mostBytes(opened, options),
    ...(manifest.handler === undefined ? {} : { handler: manifest.handler }),
    ...(manifest.assets === undefined ? {} : { leftOut: manifest.assets.dir }),
  });
  return toBuild(
    opened,
    code,
    code.files.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
}

function toBuild(opened: OpenSource, code: WasmCode, sourceBytes: number): Build {
  const { root, entry, manifest, nameHint, sealed } = opened;
  return {
    code,
    manifest,
    entry,
    sourceBytes,
    ...(nameHint === undefined ? {} : { nameHint }),
    inputs: sealed === undefined ? [join(root, entry)] : [],
    warnings: [],
  };
}

function mostBytes({ manifest }: OpenSource, { caps }: SourceOptions): number {
  return manifest.limits?.bundleBytes ?? Math.min(defaultLimits.bundleBytes, caps?.bundleBytes ?? Infinity);
}

function refuse(opened: OpenSource, key: string, what: string): never {
  throw new HostError('ERR_MANIFEST', `Cannot deploy ${opened.entry}: "${key}" is ${what}; leave it out`);
}
