import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { addonPath, prebuildNames } from '#runtime/wasm/addon.ts';

const program = fileURLToPath(new URL('../../../runtime/wasm/build-native.ts', import.meta.url));

/** What is there of prebuilt addons, and since when. */
const prebuilds = (): readonly (number | undefined)[] =>
  prebuildNames()
    .map(addonPath)
    .map((path) => (existsSync(path) ? statSync(path).mtimeMs : undefined));

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
