// Runs a WASI preview 1 command with node:wasi: module file, folder seen at /app, arguments. Imports that are not WASI's trap.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

/** The part of the JavaScript API that is used here: Node's types have none. */
interface Api {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): readonly { readonly module: string; readonly name: string }[];
  };
  readonly Instance: new (module: object, imports: object) => object;
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;
const [file = '', app = '', ...args] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args, env: {}, preopens: { '/app': app }, returnOnExit: true });
const module = new Module(readFileSync(file));
const imports = { ...wasi.getImportObject() } as Record<string, Record<string, unknown>>;
for (const wanted of Module.imports(module)) {
  const group = (imports[wanted.module] ??= {});
  group[wanted.name] ??= () => {
    throw new Error(`${wanted.module} ${wanted.name} was called`);
  };
}
process.exitCode = wasi.start(new Instance(module, imports));
