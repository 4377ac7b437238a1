import type { OnLoadResult, OnResolveResult, PluginBuild } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { readWasmNames } from './wasm-names.ts';

/** Namespaces of what stands for a module, and of its bytes; a metafile names inputs by them. */
const stub = 'wasm';
const bytes = 'wasm-bytes';
const bytesName = 'islet:bytes';

/** `./add.wasm?module`, as some bundlers have it, is `./add.wasm`. */
export function withoutModuleQuery(path: string): string {
  return path.endsWith('.wasm?module') ? path.slice(0, -'?module'.length) : path;
}

/** What an import of this .wasm file resolves to. Paths are relative to the root: they show in the bundle. */
export function wasmImport(root: string, path: string): OnResolveResult {
  return { path: relative(root, path), namespace: stub, pluginData: { path }, sideEffects: false };
}

/** The file behind a metafile's input, absolute; undefined for what is no file of its own. */
export function inputFile(root: string, input: string): string | undefined {
  if (input.startsWith(`${bytes}:`) || input.startsWith('(')) return undefined;
  return resolve(root, input.startsWith(`${stub}:`) ? input.slice(stub.length + 1) : input);
}

/**
 * Loads .wasm files: the default export is a WebAssembly.Module. Modules that import from files only, or from nothing,
 * have their exports as named exports too, of one instance made when it is used (ES module integration, as bundlers
 * have it). The bytes travel as base64 in the bundle; what nobody uses is left out.
 */
export function loadWasm(build: PluginBuild): void {
  build.onResolve({ filter: /^islet:bytes$/, namespace: stub }, ({ importer, pluginData }) => ({
    path: importer,
    namespace: bytes,
    pluginData: pluginData as unknown,
  }));
  build.onLoad({ filter: /.*/, namespace: bytes }, async ({ pluginData }) => ({
    contents: await readFile((pluginData as Loading).path),
    loader: 'base64',
  }));
  build.onLoad({ filter: /.*/, namespace: stub }, ({ pluginData }) =>
    load(build, (pluginData as Loading).path),
  );
}

interface Loading {
  readonly path: string;
}

async function load(build: PluginBuild, path: string): Promise<OnLoadResult> {
  const resolveDir = dirname(path);
  let names;
  try {
    names = readWasmNames(await readFile(path));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { errors: [{ text: `Cannot import "${path}" as a WebAssembly module: ${error.message}` }] };
  }
  const found = await Promise.all(names.imports.map((name) => isFile(build, name, resolveDir)));
  const linked = found.every(Boolean) ? names : undefined;
  return { contents: source(linked), loader: 'js', resolveDir, pluginData: { path } };
}

async function isFile(build: PluginBuild, name: string, resolveDir: string): Promise<boolean> {
  if (!/^\.{0,2}\//.test(name)) return false;
  const { errors } = await build.resolve(name, { kind: 'import-statement', resolveDir });
  return errors.length === 0;
}

/** Everything is marked pure, so that the bundler drops what is not used: nearly always the instance. */
function source(
  linked: { readonly imports: readonly string[]; readonly exports: readonly string[] } | undefined,
): string {
  const lines = [
    `import bytes from ${JSON.stringify(bytesName)};`,
    'const code = /* @__PURE__ */ new WebAssembly.Module(/* @__PURE__ */ Uint8Array.fromBase64(bytes));',
    'export default code;',
  ];
  if (linked === undefined) return lines.join('\n');
  const imports = linked.imports.map((name, index) => {
    lines.push(`import * as from${index} from ${JSON.stringify(name)};`);
    return `[${JSON.stringify(name)}]: from${index}`;
  });
  lines.push(`const instance = /* @__PURE__ */ new WebAssembly.Instance(code, { ${imports.join(', ')} });`);
  for (const [index, name] of linked.exports.entries()) {
    if (name === 'default') continue;
    const quoted = JSON.stringify(name);
    lines.push(`const value${index} = /* @__PURE__ */ (() => instance.exports[${quoted}])();`);
    lines.push(`export { value${index} as ${quoted} };`);
  }
  return lines.join('\n');
}
