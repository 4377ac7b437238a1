import { spawnSync } from 'node:child_process';
// oxlint-disable-next-line no-restricted-imports -- a program of the build; no cell loads this file
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { addonPath, loadAddon, prebuildNames } from './addon.ts';
import { crateFolder, sourceHash } from './source-hash.ts';

/**
 * `npm run build:native`: builds the addon with cargo (release, LTO, stripped) and puts it under prebuilds/. The build
 * lies in node_modules/.cache, or where CARGO_TARGET_DIR says. Minutes on a small machine. With `--if-missing`, as
 * `npm ci` in a clone runs it, nothing is built where an addon loads, and nothing that goes wrong fails the install.
 */
const ifMissing = process.argv.includes('--if-missing');

function main(): void {
  if (ifMissing) {
    const addon = loadAddon();
    if (addon.ok) return;
    process.stderr.write(`${addon.reason}. Looking for cargo: a build takes minutes.\n`);
  }
  const host = hostTriple();
  const target =
    process.env['CARGO_TARGET_DIR'] ?? join(import.meta.dirname, '../../node_modules/.cache/islet-wasm');
  const flags = [
    ...(process.env['RUSTFLAGS'] ?? '').split(' ').filter((flag) => flag !== ''),
    ...(host.includes('musl') ? ['-C', 'target-feature=-crt-static'] : []),
    ...remaps(target),
  ];
  const { status, stdout, error } = spawnSync(
    'cargo',
    ['build', '--profile', 'dist', '--locked', '--message-format', 'json-render-diagnostics'],
    {
      cwd: crateFolder,
      env: { ...process.env, CARGO_TARGET_DIR: target, CARGO_ENCODED_RUSTFLAGS: flags.join('\u001f') },
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
    },
  );
  if (error !== undefined) return fail(`cargo does not run: ${error.message}`);
  if (status !== 0) return fail(`cargo ended with ${status ?? 'a signal'}; mend what it says above`);
  const built = libraryIn(stdout);
  if (built === undefined) return fail('cargo built no library; is the crate type still cdylib?');
  const [plain = '', musl = plain] = prebuildNames();
  const path = addonPath(host.includes('musl') ? musl : plain);
  mkdirSync(dirname(path), { recursive: true });
  // Not over the old file: a process that has it loaded would be torn.
  copyFileSync(built, `${path}.new`);
  renameSync(`${path}.new`, path);
  check(path);
}

/** No path of the machine that builds is left in the addon: messages of panics name `/crates/…` and `/islet-wasm/…`. */
function remaps(target: string): readonly string[] {
  const cargo = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  const registries = join(cargo, 'registry', 'src');
  const sources = existsSync(registries) ? readdirSync(registries).map((name) => join(registries, name)) : [];
  return [
    `--remap-path-prefix=${cargo}=/cargo`,
    `--remap-path-prefix=${crateFolder}=/islet-wasm`,
    `--remap-path-prefix=${target}=/target`,
    // The last one that fits is taken.
    ...sources.map((folder) => `--remap-path-prefix=${folder}=/crates`),
  ];
}

function hostTriple(): string {
  const { stdout, error } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' });
  if (error === undefined) return /^host: (.*)$/m.exec(stdout)?.[1] ?? '';
  fail(
    "the addon is built with Rust, and there is no rustc on the PATH; install Rust (rustup, or your system's package, 1.95 or newer) and run this again. JavaScript functions work without it",
  );
  return process.exit();
}

interface Message {
  readonly reason: string;
  readonly target?: { readonly name: string; readonly kind: readonly string[] };
  readonly filenames?: readonly string[];
}

/** The library among what cargo says it made, one JSON object a line. */
function libraryIn(lines: string): string | undefined {
  for (const line of lines.split('\n').filter((text) => text.startsWith('{'))) {
    const { reason, target, filenames } = JSON.parse(line) as Message;
    if (reason !== 'compiler-artifact' || target?.kind.includes('cdylib') !== true) continue;
    return filenames?.find((name) => /\.(?:so|dylib|dll)$/.test(name));
  }
  return undefined;
}

function check(path: string): void {
  const addon = loadAddon(() => path);
  if (!addon.ok) return fail(addon.reason);
  const built = addon.native.sourceHash();
  if (built !== sourceHash()) return fail('the sources changed while they were built; run this again');
  const megabytes = (statSync(path).size / 2 ** 20).toFixed(1);
  process.stdout.write(`${path}: ${megabytes} MB, sources ${built.slice(0, 12)}\n`);
}

function fail(why: string): void {
  process.stderr.write(`Cannot build the WebAssembly addon: ${why}\n`);
  process.exitCode = ifMissing ? 0 : 1;
}

main();
