import t from 'tap';
// oxlint-disable-next-line no-unassigned-import -- what is spawned here may not read tap's loader
import '#test/support/plain-spawn.ts';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { WasmCache } from '#host/cells/wasm-cache.ts';
import type { WasmTarget } from '#host/cells/wasm-cache.ts';
import { WasmCompiler } from '#host/cells/wasm-compiler.ts';
import { hashOfFiles, packFiles } from '#host/deploy/wasm-files.ts';
import type { WasmFile } from '#runtime/deployment.ts';
import { codeOf } from '#test/host/deploy/opened.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { quietCommand } from '#test/support/wasm-modules.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const skip = withoutAddon;

interface Desk {
  readonly folder: string;
  readonly cache: WasmCache;
  /** Another process on the same folder, as far as the cache can tell. */
  readonly again: () => WasmCache;
}

function desk(t: Test): Desk {
  const folder = join(temporaryDir(t), 'wasm');
  const again = (): WasmCache => {
    const compiler = new WasmCompiler();
    t.teardown(() => {
      compiler.close();
    });
    return new WasmCache(folder, compiler);
  };
  return { folder, cache: again(), again };
}

interface CountedTarget extends WasmTarget {
  /** How often its code was asked for. */
  readonly loads: () => number;
}

function targetOf(salt: string, given: { cordon?: string; files?: readonly WasmFile[] } = {}): CountedTarget {
  const { cordon = 'default', files = [] } = given;
  const bytes = Buffer.from(quietCommand(salt));
  const program = { guest: 'command', protocol: 'cgi', reuse: 1, args: ['a'] } as const;
  let loads = 0;
  return {
    function: 'fn',
    cordon,
    code: {
      kind: 'wasm',
      module: createHash('sha256').update(bytes).digest('hex'),
      ...(files.length === 0 ? {} : { files: hashOfFiles(packFiles(files)) }),
      program,
    },
    load: async () => {
      loads++;
      return { kind: 'wasm', module: bytes, program, files };
    },
    loads: () => loads,
  };
}

const files: readonly WasmFile[] = [
  { path: 'app.py', bytes: Buffer.from('print(1)') },
  { path: 'deep/down/é.txt', bytes: Buffer.from('') },
];

void t.test('cache: what was made is ready at once, and nothing is read again', { skip }, async (t) => {
  const { cache, folder, again } = desk(t);
  const target = targetOf('a', { files });
  t.equal(cache.ready('default', target.code), undefined);
  const start = await cache.make(target);
  t.match(start, { artifact: /^[0-9a-f]{64}-[0-9a-f]+\.cwasm$/, folder: /^app-[0-9a-f]{64}$/ });
  t.same(cache.ready('default', target.code), start);
  t.same(await cache.make(target), start);
  t.equal(target.loads(), 1);
  const second = again();
  t.equal(second.ready('default', target.code), undefined, 'not verified by that one');
  t.same(await second.make(target), start);
  t.equal(target.loads(), 1, 'found on disk');
  const own = join(folder, 'default');
  const modes = await Promise.all(
    [
      '',
      start.artifact,
      `${start.artifact}.sum`,
      `${start.folder}`,
      `${start.folder}/deep`,
      `${start.folder}/app.py`,
    ].map(async (name) => ((await stat(join(own, name))).mode & 0o777).toString(8)),
  );
  t.same(modes, ['700', '600', '600', '700', '700', '600']);
});

void t.test('cache: a module asked for by many is compiled once', { skip }, async (t) => {
  const { cache } = desk(t);
  const target = targetOf('b');
  const starts = await Promise.all(Array.from({ length: 5 }, () => cache.make(target)));
  t.equal(new Set(starts.map(({ artifact }) => artifact)).size, 1);
  t.equal(target.loads(), 1);
});

void t.test('cache: another cordon gets a name of its own for the same bytes', { skip }, async (t) => {
  const { cache, folder } = desk(t);
  const [one, other] = [targetOf('c'), targetOf('c', { cordon: 'payments' })];
  const [start, same] = await Promise.all([cache.make(one), cache.make(other)]);
  t.same(same, start);
  t.equal(one.loads() + other.loads(), 1);
  const infos = ['default', 'payments'].map((cordon) => stat(join(folder, cordon, start.artifact)));
  const [a, b] = await Promise.all(infos);
  t.equal(a?.ino, b?.ino);
});

void t.test('cache: what is missing or damaged on disk is made again', { skip }, async (t) => {
  const { cache, folder, again } = desk(t);
  const target = targetOf('d', { files });
  const { artifact, folder: app = '' } = await cache.make(target);
  const own = (name: string): string => join(folder, 'default', name);
  const damages: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['artifact gone', () => rm(own(artifact))],
    ['sum gone', () => rm(own(`${artifact}.sum`))],
    ['artifact cut off', () => truncate(own(artifact), 100)],
    ['artifact longer', () => appendFile(own(artifact), 'x')],
    ['a file gone', () => rm(own(`${app}/app.py`))],
    ['a file changed', () => writeFile(own(`${app}/app.py`), 'print(2)')],
    ['a file more', () => writeFile(own(`${app}/more.py`), '')],
  ];
  let loads = 1;
  for (const [what, damage] of damages) {
    await damage();
    const next = again();
    await next.make(target);
    t.equal(target.loads(), ++loads, what);
    t.ok(next.ready('default', target.code));
    t.equal(await readFile(own(`${app}/app.py`), 'utf8'), 'print(1)');
  }
  const after = again();
  await after.make(target);
  t.equal(target.loads(), loads, 'and is sound then');
  const start = { ...after.ready('default', target.code)!, folder: app };
  t.ok(after.isThere('default', start));
  for (const name of [artifact, app]) {
    await rm(own(name), { recursive: true });
    t.notOk(after.isThere('default', start), 'gone while the host runs');
    await after.make(target);
    t.ok(after.isThere('default', start), 'and made again when asked for');
  }
});

void t.test('cache: files whose paths lead out are not written', { skip }, async (t) => {
  const { cache, folder } = desk(t);
  const outside = [{ path: '../../escaped', bytes: Buffer.from('x') }];
  t.equal(await codeOf(cache.make(targetOf('e', { files: outside }))), 'ERR_STORE_CORRUPT');
  t.equal(await codeOf(stat(join(folder, 'escaped'))), 'ENOENT');
});

void t.test(
  'cache: pruning removes what no version needs, and what other engines made',
  { skip },
  async (t) => {
    const { cache, folder } = desk(t);
    const [kept, gone] = [targetOf('f', { files }), targetOf('g')];
    const [start, left] = [await cache.make(kept), await cache.make(gone)];
    const old = join(folder, 'default', `${kept.code.module}-0123456789abcdef.cwasm`);
    await writeFile(old, 'of another engine');
    const inUse = [{ cordon: 'default', module: kept.code.module, files: kept.code.files ?? '' }];
    await cache.prune(inUse, 3_600_000);
    t.ok(cache.ready('default', gone.code), 'too young');
    await cache.prune(inUse, 0);
    t.same(cache.ready('default', kept.code), start);
    t.equal(cache.ready('default', gone.code), undefined);
    for (const name of [left.artifact, `${left.artifact}.sum`]) {
      t.equal(await codeOf(stat(join(folder, 'default', name))), 'ENOENT');
    }
    t.equal(await codeOf(stat(old)), 'ENOENT');
    await cache.prune([{ ...inUse[0], cordon: 'other', module: kept.code.module }], 0);
    t.equal(cache.ready('default', kept.code), undefined, 'needed elsewhere only');
    await cache.make(kept);
    t.equal(kept.loads(), 2, 'and made again when asked for');
  },
);

void t.test('cache: folders of cordons without functions go, what is half made too', async (t) => {
  const { cache, folder } = desk(t);
  await mkdir(join(folder, 'left'), { recursive: true });
  await writeFile(join(folder, 'left', `${'a'.repeat(64)}-00.cwasm.1.1.tmp`), '');
  await mkdir(join(folder, 'left', 'app-x.1.2.tmp', 'deep'), { recursive: true });
  cache.folderOf('given');
  await cache.prune([], 0);
  t.equal(await codeOf(stat(join(folder, 'left'))), 'ENOENT');
  t.ok((await stat(join(folder, 'given'))).isDirectory(), 'a cell has it');
});
