import t from 'tap';
import { join } from 'node:path';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { KvAccess } from '#bindings/kv/access.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Deployments } from '#host/deploy/deployments.ts';
import { defaultCaps, defaultLimits } from '#runtime/limits.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { at, codeOf, deploy, openBench, scriptOf } from './opened.ts';

await t.test('deployments: a draft stores nothing and has all an instance needs', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  const before = await store.list({ prefix: '' });
  const manifest = {
    vars: { A: '1' },
    bindings: { KV: { kind: 'kv', namespace: 'n' } },
    limits: { cpuMs: 9 },
  };
  const files = { 'index.js': 'exports.handler = () => 1;' };
  const draft = await deployments.draft({ files }, { name: 'shop', manifest });
  t.same(await store.list({ prefix: '' }), before);
  t.match(draft.deployment, {
    function: 'shop',
    version: 1,
    limits: { ...defaultLimits, cpuMs: 9 },
    vars: { A: '1' },
    bindings: [{ name: 'KV', kind: 'kv', config: { namespace: 'n' } }],
    cordon: 'default',
    minWarm: 0,
  });
  t.match(draft.deployment.id, /^[0-9a-f]{32}$/);
  t.same(await draft.target.load(), draft.deployment.code);
  t.same(await deployments.list(), []);
});

await t.test(
  'deployments: versions are numbered and immutable, and the same content is the same version',
  async (t) => {
    const deployments = await openBench(t).open();
    const one = await deploy(deployments, 'shop', 'a');
    const two = await deploy(deployments, 'shop', 'b');
    t.match(
      [one, two],
      [
        { version: 1, weight: 100 },
        { version: 2, weight: 100 },
      ],
    );
    const again = await deploy(deployments, 'shop', 'a');
    t.same(again, { ...one, weight: 100 }, 'an old version comes back as it was');
    t.equal(at(deployments, 'shop.localhost', '/'), 'shop@1');
    const other = await deploy(deployments, 'other', 'a');
    t.not(other.id, one.id, 'the function is part of the id');
    const more = await deploy(deployments, 'shop', 'a', { manifest: { minWarm: 1 } });
    t.equal(more.version, 3, 'the manifest is part of the id');
    t.same(
      (await deployments.versions('shop')).map(({ version, weight }) => [version, weight]),
      [
        [1, 0],
        [2, 0],
        [3, 100],
      ],
    );
  },
);

await t.test('deployments: without activation a version waits, and its preview answers', async (t) => {
  const deployments = await openBench(t).open();
  t.match(await deploy(deployments, 'shop', 'a', { activate: false }), { version: 1, weight: 0 });
  t.equal(at(deployments, 'shop.localhost', '/'), undefined);
  t.throws(() => deployments.target('shop'), { code: 'ERR_NO_VERSION' });
  t.equal(at(deployments, '1--shop.localhost', '/'), 'shop@1');
  t.equal(deployments.target('shop', 1).deployment.version, 1);
  await deploy(deployments, 'shop', 'a');
  t.equal(at(deployments, 'shop.localhost', '/'), 'shop@1');
  await deploy(deployments, 'shop', 'b', { activate: false });
  t.equal(at(deployments, 'shop.localhost', '/'), 'shop@1');
});

await t.test('deployments: all is there again when the store is opened again', async (t) => {
  const bench = openBench(t);
  const first = await bench.open();
  const manifest = { routes: ['api.example.com/*'], bindings: { KV: { kind: 'kv' } } };
  await deploy(first, 'shop', 'a', { manifest });
  await deploy(first, 'shop', 'b', { manifest });
  await first.setWeights('shop', { 1: 30, 2: 70 });
  await first.secrets.put('shop', 'TOKEN', 's3cret');
  const second = await bench.open();
  t.same(await second.list(), await first.list());
  t.same(await second.versions('shop'), await first.versions('shop'));
  for (const version of [1, 2]) {
    const [old, now] = [first.target('shop', version), second.target('shop', version)];
    t.same({ ...now, load: undefined }, { ...old, load: undefined }, 'key and secrets too');
    t.same(await now.load(), await old.load());
  }
  t.match(second.match('api.example.com', '/x'), { prefix: '' });
});

await t.test('deployments: code of many parts comes back byte for byte, and damage is told', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  const text = 'é'.repeat(700_001);
  await deploy(deployments, 'big', text);
  const code = await scriptOf(deployments.target('big'));
  t.ok(code.source.includes(text));
  t.same(JSON.parse(code.sourceMap ?? '{}').sources, ['index.js']);
  const parts = await store.list({ prefix: 'code/big/' });
  t.ok(parts.length > 3);
  await store.write([{ kind: 'put', key: parts[1]?.key ?? '', value: new Uint8Array(9) }]);
  t.equal(await codeOf(deployments.target('big').load()), 'ERR_STORE_CORRUPT');
});

await t.test('deployments: code is stored once for all versions of it, and goes with the last', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  const partsOf = async (): Promise<number> => (await store.list({ prefix: 'code/' })).length;
  await deploy(deployments, 'shop', 'a');
  await deployments.vars.set('shop', { A: '1' });
  await deployments.vars.set('shop', { A: '2' });
  t.equal(await partsOf(), 1);
  await deploy(deployments, 'shop', 'b');
  await deployments.delete('shop', 1);
  await deployments.delete('shop', 2);
  t.equal(await partsOf(), 2);
  const old = deployments.target('shop', 3);
  await deployments.delete('shop', 3);
  t.equal(await partsOf(), 1);
  t.equal(await codeOf(old.load()), 'ERR_NO_VERSION');
});

await t.test(
  'deployments: a deleted function leaves its numbers and its KV data, nothing else',
  async (t) => {
    const { open, store } = openBench(t);
    const deployments = await open();
    const manifest = { routes: ['api.example.com/*'], bindings: { KV: { kind: 'kv' } } };
    await deploy(deployments, 'shop', 'a', { manifest });
    await deploy(deployments, 'shop', 'b', { manifest });
    await deployments.secrets.put('shop', 'TOKEN', 's3cret');
    const kv = openKvNamespaces(store, { access: await KvAccess.open(store) });
    await kv.put('shop/KV', 'k', Buffer.from('v'));
    await deployments.delete('shop');
    t.equal(at(deployments, 'api.example.com', '/'), undefined);
    t.equal(at(deployments, 'shop.localhost', '/'), undefined);
    t.throws(() => deployments.target('shop'), { code: 'ERR_NO_FUNCTION' });
    t.same(await deployments.list(), []);
    const left = (await store.list({ prefix: '' })).map(({ key }) => key.split('/')[0]);
    t.same(new Set(left), new Set(['fn', 'kv']));
    t.match(await kv.get('shop/KV', 'k'), { value: Buffer.from('v') });
    t.match(await deploy(deployments, 'shop', 'a'), { version: 3, weight: 100 });
    t.same(await deployments.secrets.list('shop'), []);
    t.match(await deploy(await open(), 'shop', 'c'), { version: 4 }, 'also for the next host');
  },
);

await t.test('deployments: a version number is not given twice, also after a deletion', async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a');
  await deploy(deployments, 'shop', 'b', { activate: false });
  await deployments.delete('shop', 2);
  t.match(await deploy(deployments, 'shop', 'b'), { version: 3 });
});

await t.test('deployments: two hosts on one store lose nothing to each other', async (t) => {
  const bench = openBench(t);
  const hosts = [await bench.open(), await bench.open()] as const;
  const texts = ['a', 'b', 'c', 'd', 'e', 'f'];
  const made = await Promise.all(texts.map((text, i) => deploy(hosts[i % 2 === 0 ? 0 : 1], 'shop', text)));
  t.same(
    made.map(({ version }) => version).sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6],
  );
  const third = await bench.open();
  t.same(
    (await third.versions('shop')).map(({ version }) => version),
    [1, 2, 3, 4, 5, 6],
  );
  for (const { version, id } of made) t.equal(third.target('shop', version).deployment.id, id);
  const weights = Object.values((await third.list())[0]?.weights ?? {});
  t.same(weights, [100]);
});

await t.test('deployments: a route that two hosts take at once goes to one', async (t) => {
  const bench = openBench(t);
  const hosts = [await bench.open(), await bench.open()] as const;
  const manifest = { routes: ['api.example.com/*'] };
  const codes = await Promise.all([
    codeOf(deploy(hosts[0], 'one', 'a', { manifest })),
    codeOf(deploy(hosts[1], 'two', 'a', { manifest })),
  ]);
  t.same(codes.sort(), ['ERR_ROUTE_TAKEN', 'resolved']);
});

await t.test('deployments: no request falls between two versions', async (t) => {
  const deployments = await openBench(t).open();
  const manifest = { routes: ['api.example.com/*'] };
  await deploy(deployments, 'shop', '0', { manifest });
  let misses = 0;
  let asked = 0;
  let isDone = false;
  const ask = (): void => {
    asked += 1;
    if (at(deployments, 'api.example.com', '/') === undefined) misses += 1;
    if (at(deployments, 'shop.localhost', '/') === undefined) misses += 1;
    if (!isDone) setImmediate(ask);
  };
  ask();
  for (let i = 1; i < 10; i++) await deploy(deployments, 'shop', String(i), { manifest });
  await deployments.rollback('shop');
  isDone = true;
  t.ok(asked > 10);
  t.equal(misses, 0);
});

await t.test('deployments: a full disk refuses the deployment and keeps what was there', async (t) => {
  const store = openSqliteStore(join(temporaryDir(t), 'store.db'), { maxBytes: 256 * 1024 });
  t.teardown(() => store.close());
  const deployments = await openBench(t, store).open();
  await deploy(deployments, 'shop', 'small');
  t.equal(await codeOf(deploy(deployments, 'shop', 'x'.repeat(2 ** 20))), 'ERR_STORE_FULL');
  t.equal(at(deployments, 'shop.localhost', '/'), 'shop@1');
  t.match((await scriptOf(deployments.target('shop'))).source, 'small');
  t.match(await deployments.versions('shop'), [{ version: 1, weight: 100 }]);
});

await t.test('deployments: lower caps lower the limits of what is stored', async (t) => {
  const bench = openBench(t);
  const manifest = { limits: { cpuMs: 5000 } };
  await deploy(await bench.open(), 'shop', 'a', { manifest });
  const caps = { ...defaultCaps, cpuMs: 100, memoryMb: 64 };
  const capped = await bench.open({ caps });
  t.match(capped.target('shop').deployment.limits, { cpuMs: 100, memoryMb: 64 });
  t.match(await capped.versions('shop'), [{ limits: { cpuMs: 100, memoryMb: 64 } }]);
  t.equal(await codeOf(deploy(capped, 'shop', 'b', { manifest })), 'ERR_MANIFEST');
});

await t.test('deployments: a version whose binding is gone does not answer, the others do', async (t) => {
  const bench = openBench(t);
  const full = await bench.open();
  await deploy(full, 'plain', 'a');
  await deploy(full, 'shop', 'a', { manifest: { bindings: { KV: { kind: 'kv' } } } });
  const lines: string[] = [];
  const bare = await bench.open({ bindings: new Map(), ports: { log: (line) => lines.push(line.level) } });
  t.equal(at(bare, 'plain.localhost', '/'), 'plain@1');
  t.equal(at(bare, 'shop.localhost', '/'), undefined);
  t.throws(() => bare.target('shop'), { code: 'ERR_MANIFEST' });
  t.throws(() => bare.target('shop', 1), { code: 'ERR_MANIFEST' });
  t.same(lines, ['warn']);
  t.match(await deploy(bare, 'shop', 'b'), { version: 2 }, 'a version without it helps');
});

await t.test('deployments: records that are damaged or of a later islet are refused', async (t) => {
  const { open, store, keyFile } = openBench(t);
  await deploy(await open(), 'shop', 'a');
  await store.write([{ kind: 'put', key: 'fn/shop', value: Buffer.from('{"format":2}') }]);
  t.equal(await codeOf(open()), 'ERR_STORE_VERSION');
  for (const damage of ['', '{', 'null', '[]', '{"format":"1"}']) {
    await store.write([{ kind: 'put', key: 'fn/shop', value: Buffer.from(damage) }]);
    t.equal(await codeOf(open({ keyFile })), 'ERR_STORE_CORRUPT', damage);
  }
});

await t.test(
  'deployments: names come from the option, the manifest, the folder, in this order',
  async (t) => {
    const deployments = await openBench(t).open();
    const dir = t.testdir({
      'My Shop (2)': { 'index.js': '1', 'api.ts': '1' },
      été: { 'index.js': '1' },
      '!!': { 'index.js': '1' },
    });
    const nameOf = async (source: Parameters<Deployments['draft']>[0], options = {}): Promise<string> =>
      (await deployments.draft(source, options)).name;
    t.equal(await nameOf(join(dir, 'My Shop (2)')), 'my-shop-2');
    t.equal(await nameOf(join(dir, 'My Shop (2)/index.js')), 'my-shop-2');
    t.equal(await nameOf(join(dir, 'My Shop (2)/api.ts')), 'api');
    t.equal(await nameOf(join(dir, 'été')), 'ete');
    t.equal(await nameOf(join(dir, 'été'), { manifest: { name: 'summer' } }), 'summer');
    t.equal(await nameOf(join(dir, 'été'), { name: 'sun', manifest: { name: 'summer' } }), 'sun');
    for (const name of ['', 'Shop', 'a_b', '-a', '3--shop', 'a'.repeat(64)]) {
      t.equal(await codeOf(deployments.draft(join(dir, 'été'), { name })), 'ERR_BAD_NAME', name);
    }
    t.equal(await codeOf(deployments.draft(join(dir, '!!'))), 'ERR_BAD_NAME');
    t.equal(await codeOf(deployments.draft({ files: { 'index.js': '1' } })), 'ERR_BAD_NAME');
  },
);

await t.test('deployments: an unknown binding is refused with the nearest kind', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open({ bindings: new Map([['kv', createKvBinding(store)]]) });
  const files = { 'index.js': '1', 'islet.json': '{ "bindings": { "KV": { "kind": "kvs" } } }' };
  await t.rejects(deployments.draft({ files }, { name: 'shop' }), {
    code: 'ERR_MANIFEST',
    message: /1:25: .*"kv"/,
  });
  files['islet.json'] = '{ "bindings": { "KV": { "kind": "kv", "namspace": "n" } } }';
  await t.rejects(deployments.draft({ files }, { name: 'shop' }), {
    code: 'ERR_MANIFEST',
    message: /1:17: /,
  });
});
