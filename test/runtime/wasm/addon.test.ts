import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { addonFile, addonPath, loadAddon, prebuildNames } from '#runtime/wasm/addon.ts';
import { sourceHash } from '#runtime/wasm/source-hash.ts';
import { nativeAddon, withoutAddon } from '#test/support/wasm.ts';

void t.test('addon: it was built from the sources that lie beside it', { skip: withoutAddon }, (t) => {
  t.equal(nativeAddon().sourceHash(), sourceHash(), 'npm run build:native makes it anew');
  t.match(nativeAddon().engineHash(), /^[0-9a-f]{8,}$/);
  t.end();
});

void t.test(
  'addon: what is committed has no path of the machine that built it, and no symbols',
  { skip: existsSync(addonPath('linux-x64')) ? false : 'none is here' },
  (t) => {
    const bytes = readFileSync(addonPath('linux-x64'));
    for (const text of ['/root/', '/home/', '/Users/', '.cargo/registry'])
      t.equal(bytes.indexOf(text), -1, text);
    // ELF-64: where the section headers are, the length of one, their number; a section's type is at 4.
    const [first, length, count] = [
      Number(bytes.readBigUInt64LE(40)),
      bytes.readUInt16LE(58),
      bytes.readUInt16LE(60),
    ];
    const types = Array.from({ length: count }, (_, at) => bytes.readUInt32LE(first + at * length + 4));
    t.notOk(types.includes(2), 'no SHT_SYMTAB');
    t.ok(types.includes(11), 'but SHT_DYNSYM');
    t.end();
  },
);

void t.test('addon: where there is none, the reason says what to do', (t) => {
  const addon = loadAddon((name) => join(t.testdir(), name, addonFile));
  t.equal(addon.ok, false);
  if (!addon.ok) t.match(addon.reason, /npm run build:native/);
  t.end();
});

void t.test('addon: what does not load is a reason, and the next candidate is tried', (t) => {
  const folder = t.testdir({ broken: { [addonFile]: 'no library' } });
  const addon = loadAddon(() => join(folder, 'broken', addonFile));
  t.equal(addon.ok, false);
  if (!addon.ok) t.match(addon.reason, /does not load/);
  t.end();
});

void t.test('addon: another program in its place is not taken for it', (t) => {
  const other = createRequire(import.meta.url).resolve('isolated-vm/package.json');
  const addon = loadAddon(() => other);
  t.equal(addon.ok, false);
  t.end();
});

void t.test('addon: the platform has its name, musl beside glibc', (t) => {
  t.equal(prebuildNames()[0], `${process.platform}-${process.arch}`);
  t.equal(prebuildNames().length, process.platform === 'linux' ? 2 : 1);
  t.end();
});

void t.test('source hash: sources count, whatever their line ends; what is no source does not', (t) => {
  const crate = (files: Record<string, string>): string => {
    const folder = t.testdir();
    for (const [path, text] of Object.entries({
      'Cargo.toml': 'a',
      'Cargo.lock': 'b',
      'build.rs': 'c',
      ...files,
    })) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return folder;
  };
  const plain = sourceHash(crate({ 'src/lib.rs': 'fn a() {}\nfn b() {}\n' }));
  t.equal(sourceHash(crate({ 'src/lib.rs': 'fn a() {}\r\nfn b() {}\r\n' })), plain);
  t.equal(
    sourceHash(crate({ 'src/lib.rs': 'fn a() {}\nfn b() {}\n', 'target/x.rs': 'x', 'src/x.txt': 'x' })),
    plain,
  );
  t.not(sourceHash(crate({ 'src/lib.rs': 'fn a() {}\nfn c() {}\n' })), plain);
  t.not(sourceHash(crate({ 'src/main.rs': 'fn a() {}\nfn b() {}\n' })), plain);
  t.not(sourceHash(crate({ 'src/lib.rs': 'fn a() {}\nfn b() {}\n', 'wit/a.md': '' })), plain);
  t.end();
});
