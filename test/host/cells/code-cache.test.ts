import t from 'tap';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { CodeCache } from '#host/cells/code-cache.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const made = Buffer.from('machine code');

void t.test('code cache: pruning keeps what versions need and what has no name', async (t) => {
  const folder = temporaryDir(t);
  const cache = new CodeCache(folder, async () => made);
  const [needed, other] = ['a'.repeat(64), 'b'.repeat(64)];
  await cache.make('script', 'the guest bundle');
  await cache.make('module', 'one', needed);
  await cache.make('module', 'two', other);
  await writeFile(join(folder, `1.2.3-${process.arch}-module-${'a'.repeat(32)}.bin`), 'of another V8');
  await writeFile(join(folder, `${process.versions.v8}-${process.arch}-module-x.bin.4711`), 'half made');
  await writeFile(join(folder, 'notes.txt'), 'not ours');
  await cache.prune(new Set([needed]), 3_600_000);
  t.equal((await readdir(folder)).length, 6, 'all too young');
  await cache.prune(new Set([needed]), 0);
  t.equal((await readdir(folder)).length, 3);
  t.same(await cache.find('module', 'one', needed), made);
  t.same(await cache.find('script', 'the guest bundle'), made);
  t.equal(await cache.find('module', 'two', other), undefined);
});

void t.test('code cache: what was damaged is not found, and made again', async (t) => {
  const folder = temporaryDir(t);
  const cache = new CodeCache(folder, async () => made);
  await cache.make('module', 'one', 'c'.repeat(64));
  const [name = ''] = await readdir(folder);
  await writeFile(join(folder, name), Buffer.concat([Buffer.alloc(32), made]));
  t.equal(await cache.find('module', 'one', 'c'.repeat(64)), undefined);
  t.same(await cache.make('module', 'one', 'c'.repeat(64)), made);
  t.same(await cache.find('module', 'one', 'c'.repeat(64)), made);
});
