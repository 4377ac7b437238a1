import t from 'tap';
import { randomBytes } from 'node:crypto';
import type { Store } from '#bindings/store/store.ts';
import type { Deployments } from '#host/deploy/deployments.ts';
import { hashOfFiles, packFiles, unpackFiles } from '#host/deploy/wasm-files.ts';
import type { VersionInfo } from '#host/host.ts';
import { codeOf, openBench } from './opened.ts';

const small = Buffer.concat([Buffer.from('0061736d01000000', 'hex'), Buffer.from('small')]);
const large = Buffer.concat([Buffer.from('0061736d01000000', 'hex'), randomBytes(1_500_000)]);

async function deploy(
  deployments: Deployments,
  name: string,
  module: Uint8Array,
  manifest: Readonly<Record<string, unknown>> = {},
): Promise<VersionInfo> {
  const draft = await deployments.draft({ files: { 'main.wasm': module } }, { name, manifest });
  return deployments.commit(draft);
}

async function keys(store: Store, prefix: string): Promise<readonly string[]> {
  return (await store.list({ prefix, keysOnly: true })).map(({ key }) => key);
}

void t.test('modules: a module is stored once for all functions, and read back byte for byte', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  const info = await deploy(deployments, 'one', large);
  t.equal(info.sourceBytes, large.length);
  const parts = await keys(store, 'module/');
  t.ok(parts.length > 3);
  await deploy(deployments, 'two', large, { wasm: { protocol: 'events' } });
  t.same(await keys(store, 'module/'), parts);
  const { code, load } = deployments.target('two');
  const read = await load();
  t.match(code, { kind: 'wasm', program: { protocol: 'events', args: ['main.wasm'] } });
  t.equal(code?.kind === 'wasm' ? code.files : '', undefined, 'it has no files');
  t.ok(read.kind === 'wasm' && Buffer.from(read.module).equals(large));
  t.same(read.kind === 'wasm' && read.files, []);
});

void t.test('modules: one goes with the last version that needs it', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  await deploy(deployments, 'one', large);
  await deploy(deployments, 'two', large);
  await deploy(deployments, 'two', small);
  const both = await keys(store, 'module/');
  await deployments.delete('one');
  t.same(await keys(store, 'module/'), both, 'version 1 of two still needs it');
  t.equal((await deployments.target('two', 1).load()).kind, 'wasm');
  await deployments.delete('two', 1);
  t.equal((await keys(store, 'module/')).length, 2, 'the other module and its record');
  t.equal((await deployments.target('two').load()).kind, 'wasm');
  await deployments.delete('two');
  t.same(await keys(store, 'module/'), []);
  t.same(await keys(store, 'code/'), []);
});

void t.test('modules: two versions of one function share it, and it goes with the second', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  await deploy(deployments, 'one', large);
  await deploy(deployments, 'one', large, { vars: { A: '1' } });
  await deployments.delete('one', 1);
  t.equal((await deployments.target('one').load()).kind, 'wasm');
  await deployments.vars.set('one', { A: '2' });
  t.equal((await deployments.target('one').load()).kind, 'wasm');
  await deployments.delete('one');
  t.same(await keys(store, 'module/'), []);
});

/** The same store, but its next write comes after `first`. */
function overtaken(store: Store, first: () => Promise<unknown>): Store {
  let pending: typeof first | undefined = first;
  return {
    get: (key) => store.get(key),
    list: (range) => store.list(range),
    watch: (prefix, signal) => store.watch(prefix, signal),
    close: () => store.close(),
    async write(changes, checks) {
      const before = pending;
      pending = undefined;
      await before?.();
      return store.write(changes, checks);
    },
  };
}

void t.test('modules: a deployment that relies on one just deleted elsewhere stores it anew', async (t) => {
  const { open, store } = openBench(t);
  const here = await open();
  await deploy(here, 'old', large);
  const there = await open({ store: overtaken(store, () => here.delete('old')) });
  await deploy(there, 'new', large);
  t.equal((await there.target('new').load()).kind, 'wasm');
  await there.delete('new');
  t.same(await keys(store, 'module/'), []);
});

void t.test('modules: a deletion leaves one that was just deployed elsewhere', async (t) => {
  const { open, store } = openBench(t);
  const here = await open();
  await deploy(here, 'old', large);
  const there = await open({ store: overtaken(store, () => deploy(here, 'new', large)) });
  await there.delete('old');
  t.equal((await here.target('new').load()).kind, 'wasm');
});

void t.test('modules: damage and loss are told by their codes', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  await deploy(deployments, 'one', large);
  const parts = (await keys(store, 'module/')).slice(1);
  await store.write([{ kind: 'put', key: parts[1] ?? '', value: new Uint8Array(9) }]);
  t.equal(await codeOf(deployments.target('one').load()), 'ERR_STORE_CORRUPT');
  await store.write(parts.map((key) => ({ kind: 'delete', key })));
  t.equal(await codeOf(deployments.target('one').load()), 'ERR_NO_VERSION');
});

void t.test('modules: the same module and manifest is the same version', async (t) => {
  const deployments = await openBench(t).open();
  const first = await deploy(deployments, 'one', small);
  t.equal((await deploy(deployments, 'one', small)).version, first.version);
  t.equal((await deploy(deployments, 'one', small, { wasm: { args: ['a'] } })).version, 2);
  t.equal((await deploy(deployments, 'one', large)).version, 3);
  t.same(
    deployments.codes().map(({ cordon, code }) => [cordon, code.kind]),
    [1, 2, 3].map(() => ['default', 'wasm']),
  );
});

void t.test('modules: files are packed alike in whatever order they come', async (t) => {
  const files = [
    { path: 'b.py', bytes: Buffer.from('b') },
    { path: 'a/é.py', bytes: Buffer.from('') },
    { path: 'a.bin', bytes: randomBytes(100) },
  ];
  const packed = packFiles(files);
  t.same(packFiles(files.toReversed()), packed);
  t.equal(hashOfFiles(packed).length, 64);
  t.same(
    unpackFiles(packed),
    files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  );
  t.same(unpackFiles(packFiles([])), []);
});
