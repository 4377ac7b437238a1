import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { addonPath, prebuildNames } from '#runtime/wasm/addon.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const program = fileURLToPath(new URL('../../../runtime/wasm/build-native.ts', import.meta.url));

/** What is there of prebuilt addons, and since when. */
const prebuilds = (): readonly (number | undefined)[] =>
  prebuildNames()
    .map(addonPath)
    .map((path) => (existsSync(path) ? statSync(path).mtimeMs : undefined));

/** A checkout without an addon, and a cargo that hands out the one there is. Takes whether that one builds. */
function checkout(folder: string, builds: boolean): { readonly program: string; readonly tools: string } {
  const [wasm, tools] = [join(folder, 'wasm'), join(folder, 'tools')];
  const source = dirname(program);
  for (const name of readdirSync(source).filter((name) => name !== 'prebuilds'))
    cpSync(join(source, name), join(wasm, name), { recursive: true });
  const made = prebuildNames().map(addonPath).find(existsSync) ?? '';
  const library = join(folder, 'libislet_wasm.so');
  cpSync(made, library);
  const artifact = {
    reason: 'compiler-artifact',
    target: { name: 'islet_wasm', kind: ['cdylib'] },
    filenames: [library],
  };
  const told = `{ echo "$@"; echo "$CARGO_ENCODED_RUSTFLAGS"; } > ${join(tools, 'told')}`;
  const cargo = builds ? `${told}\necho '${JSON.stringify(artifact)}'` : 'exit 101';
  writeFileSync(join(tools, 'rustc'), '#!/bin/sh\necho host: x86_64-unknown-linux-gnu\n', { mode: 0o755 });
  writeFileSync(join(tools, 'cargo'), `#!/bin/sh\n${cargo}\n`, { mode: 0o755 });
  return { program: join(wasm, 'build-native.ts'), tools };
}

function build(path: string): { readonly status: number | null; readonly said: string } {
  const { status, stderr } = spawnSync(process.execPath, [program], {
    env: { PATH: path },
    encoding: 'utf8',
  });
  return { status, said: stderr };
}

void t.test('build:native: without Rust it says what to install, and leaves what is there', (t) => {
  const before = prebuilds();
  const { status, said } = build(t.testdir({}));
  t.equal(status, 1);
  for (const word of ['rustc', 'Rust', '1.95']) t.match(said, word);
  t.notMatch(said, /at .*:\d+:\d+/, 'no stack');
  t.same(prebuilds(), before);
  t.end();
});

void t.test(
  'build:native: with half of Rust it names the half that is missing',
  { skip: process.platform === 'win32' ? 'writes a shell script' : false },
  (t) => {
    const before = prebuilds();
    const path = t.testdir({});
    writeFileSync(join(path, 'rustc'), '#!/bin/sh\necho host: x86_64-unknown-linux-gnu\n');
    chmodSync(join(path, 'rustc'), 0o755);
    const none = build(path);
    t.equal(none.status, 1);
    t.match(none.said, /cargo does not run/);
    writeFileSync(join(path, 'cargo'), '#!/bin/sh\necho "error: no matching package" >&2\nexit 101\n');
    chmodSync(join(path, 'cargo'), 0o755);
    const fails = build(path);
    t.equal(fails.status, 1);
    t.match(fails.said, /no matching package/, "cargo's own words");
    t.match(fails.said, /101/);
    writeFileSync(join(path, 'cargo'), '#!/bin/sh\nexit 0\n');
    t.equal(build(path).status, 1, 'one that builds nothing');
    t.same(prebuilds(), before);
    t.end();
  },
);

void t.test(
  'build:native: an install builds what is missing where cargo is, once, and never fails',
  { skip: process.platform === 'linux' ? withoutAddon : 'writes shell scripts, names a library of Linux' },
  (t) => {
    const install = (from: { readonly program: string }, path: string): ReturnType<typeof build> => {
      const { status, stderr } = spawnSync(process.execPath, [from.program, '--if-missing'], {
        env: { PATH: path },
        encoding: 'utf8',
      });
      return { status, said: stderr };
    };
    const folder = t.testdir({ empty: {}, whole: { tools: {} }, broken: { tools: {} } });
    const clone = checkout(join(folder, 'whole'), true);
    const without = install(clone, join(folder, 'empty'));
    t.equal(without.status, 0);
    t.match(without.said, /no rustc on the PATH/, 'and says what is missing');
    const built = install(clone, clone.tools);
    t.equal(built.status, 0);
    const addon = join(dirname(clone.program), 'prebuilds', prebuildNames()[0] ?? '', 'islet-wasm.node');
    t.ok(existsSync(addon), built.said);
    const [flags = '', encoded = ''] = readFileSync(join(clone.tools, 'told'), 'utf8').split('\n');
    const rust = encoded.split('\u001f');
    t.match(
      flags,
      /^build --profile dist --locked /,
      'what is optimised and stripped, from the versions locked',
    );
    const crate = join(dirname(clone.program), 'native');
    t.ok(rust.includes(`--remap-path-prefix=${crate}=/islet-wasm`), 'without paths of the machine');
    t.ok(rust.some((flag) => /^--remap-path-prefix=.*=\/cargo$/.test(flag)));
    const { mtimeMs } = statSync(addon);
    const again = install(clone, clone.tools);
    t.same([again.status, again.said, statSync(addon).mtimeMs], [0, '', mtimeMs], 'nothing to do');
    const broken = checkout(join(folder, 'broken'), false);
    const failed = install(broken, broken.tools);
    t.equal(failed.status, 0);
    t.match(failed.said, /cargo ended with 101/);
    t.end();
  },
);
