import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

/** A built guest, or the tool that is missing and how to get it. */
export type Built =
  | { readonly kind: 'built'; readonly file: string }
  | { readonly kind: 'missing'; readonly missing: string };

export interface GuestSource {
  /** File or folder. */
  readonly source: string;
  /** Where the .wasm goes. */
  readonly out: string;
  /** An empty folder to work in. */
  readonly scratch: string;
  /** WIT packages of what islet gives a component. */
  readonly wit: string;
}

/** Builds, or gives what is missing for it. Rejects when the source does not compile. */
export type GuestBuild = (guest: GuestSource) => Promise<string | undefined>;

const run = promisify(execFile);

/** clang with lld, wasi-libc and compiler-rt for wasm32, as Debian packages them. */
export const buildC: GuestBuild = async ({ source, out, scratch }) => {
  const probe = join(scratch, 'probe.c');
  await writeFile(probe, '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n');
  const flags = ['--target=wasm32-wasi', '-O2', '-s'];
  try {
    await run('clang', [...flags, '-o', join(scratch, 'probe.wasm'), probe]);
  } catch {
    return 'clang for wasm32-wasi (Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32)';
  }
  await run('clang', [...flags, '-Wall', '-Wno-infinite-recursion', '-o', out, source]);
  return undefined;
};

export const buildGo: GuestBuild = async ({ source, out }) => {
  try {
    await run('go', ['version']);
  } catch {
    return 'go (1.21 or newer, https://go.dev)';
  }
  const env = { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', GOFLAGS: '-trimpath', GOTOOLCHAIN: 'local' };
  const args = ['build', '-ldflags=-s -w', '-o', out, `./${basename(source)}`];
  await run('go', args, { cwd: dirname(source), env });
  return undefined;
};

export const buildAssembly: GuestBuild = async ({ source, out }) => {
  const folder = packageFolder('assemblyscript');
  if (folder === undefined) return 'the npm package assemblyscript (npm install in test/guests/wasm/tools)';
  const asc = join(folder, 'bin/asc.js');
  const args = [
    asc,
    basename(source),
    '-o',
    out,
    '-O',
    '--runtime',
    'incremental',
    '--use',
    'abort=wasi/abort',
  ];
  await run(process.execPath, args, { cwd: dirname(source) });
  return undefined;
};

/** A component with SpiderMonkey in it: 13 MB, wasi:http 0.2.10. */
export const buildComponent: GuestBuild = async ({ source, out, scratch, wit }) => {
  const folder = packageFolder('@bytecodealliance/componentize-js');
  if (folder === undefined)
    return 'the npm package @bytecodealliance/componentize-js (npm install in test/guests/wasm/tools)';
  const world = join(scratch, 'wit');
  await cp(join(source, 'world.wit'), join(world, 'world.wit'));
  await cp(wit, join(world, 'deps'), { recursive: true });
  const cli = join(folder, 'src/cli.js');
  const args = [cli, join(source, 'index.js'), '--wit', world, '--world-name', 'guest', '-o', out];
  await run(process.execPath, args);
  return undefined;
};

interface ComponentizeQjs {
  componentize(options: {
    readonly witPath: string;
    readonly world: string;
    readonly jsSource: string;
  }): Promise<{ readonly component: Uint8Array }>;
}

/** A component with QuickJS in it: 1.7 MB, wasi:http 0.3 with its async functions and streams. */
export const buildLaterComponent: GuestBuild = async ({ source, out }) => {
  const folder = packageFolder('componentize-qjs');
  if (folder === undefined) return 'the npm package componentize-qjs (it comes with @bytecodealliance/jco)';
  const { componentize } = createRequire(import.meta.url)(folder) as ComponentizeQjs;
  const jsSource = await readFile(join(source, 'index.js'), 'utf8');
  const { component } = await componentize({
    witPath: join(source, 'world.wit'),
    world: 'guest',
    jsSource,
  });
  await writeFile(out, component);
  return undefined;
};

/** Folder of an installed package: among this project's, or in test/guests/wasm/tools. */
function packageFolder(name: string): string | undefined {
  const root = join(import.meta.dirname, '../..');
  return [root, join(root, 'test/guests/wasm/tools')]
    .map((root) => join(root, 'node_modules', name))
    .find((folder) => existsSync(folder));
}
