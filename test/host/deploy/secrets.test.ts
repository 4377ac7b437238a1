import t from 'tap';
import { chmod, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { openVault } from '#host/deploy/vault.ts';
import { secretBytes } from '#host/deploy/secrets.ts';
import { codeOf, deploy, openBench } from './opened.ts';

await t.test(
  'secrets: a secret reaches the target, and nothing that is shown or stored shows it',
  async (t) => {
    const bench = openBench(t);
    const deployments = await bench.open();
    await deploy(deployments, 'shop', 'a', { manifest: { vars: { PLAIN: '1' } } });
    await deployments.secrets.put('shop', 'TOKEN', 's3cret-välue');
    t.same(deployments.target('shop').secrets, { TOKEN: 's3cret-välue' });
    t.same(await deployments.secrets.list('shop'), ['TOKEN']);
    const shown = JSON.stringify([await deployments.list(), await deployments.versions('shop')]);
    t.notMatch(shown, 's3cret');
    for (const { key, value } of await bench.store.list({ prefix: '' })) {
      t.notMatch(Buffer.from(value).toString('latin1'), 's3cret', key);
    }
    t.notMatch(deployments.target('shop').key, 's3cret');
  },
);

await t.test('secrets: the same text is never sealed to the same bytes', async (t) => {
  const { open, store } = openBench(t);
  const deployments = await open();
  await deployments.secrets.put('shop', 'A', 'x');
  await deployments.secrets.put('shop', 'B', 'x');
  const [a, b] = await store.list({ prefix: 'secret/' });
  t.notSame(a?.value, b?.value);
});

await t.test(
  "secrets: every write changes the keys of the function's targets, and of no other's",
  async (t) => {
    const bench = openBench(t);
    const deployments = await bench.open();
    await deploy(deployments, 'other', 'a');
    await deploy(deployments, 'shop', 'a');
    await deploy(deployments, 'shop', 'b');
    const other = deployments.target('other').key;
    const seen = new Set([deployments.target('shop').key]);
    const preview = deployments.target('shop', 1).key;
    let changes = 0;
    deployments.onChange(() => (changes += 1));
    for (const value of ['1', '2', '2']) {
      await deployments.secrets.put('shop', 'A', value);
      seen.add(deployments.target('shop').key);
    }
    await deployments.secrets.put('shop', 'B', '1');
    seen.add(deployments.target('shop').key);
    await deployments.secrets.delete('shop', 'B');
    t.equal(seen.size, 5);
    t.equal(changes, 5);
    t.not(deployments.target('shop', 1).key, preview);
    t.equal(deployments.target('other').key, other);
    t.equal((await bench.open()).target('shop').key, deployments.target('shop').key, 'kept over a restart');
  },
);

await t.test('secrets: they can be put before the first deployment, whose draft has them', async (t) => {
  const deployments = await openBench(t).open();
  await deployments.secrets.put('shop', 'TOKEN', 'x');
  t.same(await deployments.secrets.list('shop'), ['TOKEN']);
  t.same(await deployments.list(), []);
  const draft = await deployments.draft({ files: { 'index.js': '1' } }, { name: 'shop' });
  t.same(draft.target.secrets, { TOKEN: 'x' });
  await deployments.commit(draft);
  t.same(deployments.target('shop').secrets, { TOKEN: 'x' });
});

await t.test('secrets: a name is used once, by a secret, a var or a binding', async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a', {
    manifest: { vars: { V: '1' }, bindings: { KV: { kind: 'kv' } } },
  });
  t.equal(await codeOf(deployments.secrets.put('shop', 'V', 'x')), 'ERR_BAD_INPUT');
  t.equal(await codeOf(deployments.secrets.put('shop', 'KV', 'x')), 'ERR_BAD_INPUT');
  await deployments.secrets.put('shop', 'S', 'x');
  t.equal(await codeOf(deploy(deployments, 'shop', 'b', { manifest: { vars: { S: '1' } } })), 'ERR_MANIFEST');
  t.equal(await codeOf(deployments.vars.set('shop', { S: '1' })), 'ERR_MANIFEST');
  await deploy(deployments, 'shop', 'b');
  await deployments.secrets.put('shop', 'V', 'x');
  t.match(deployments.target('shop'), { secrets: { V: 'x', S: 'x' } });
  t.same(deployments.target('shop', 1).secrets, { S: 'x' }, "a version's own var stays its own");
});

await t.test('secrets: bad names and long values are refused', async (t) => {
  const deployments = await openBench(t).open();
  for (const key of ['', 'a-b', '1a', 'a/b', '__proto__', 'ä']) {
    t.equal(await codeOf(deployments.secrets.put('shop', key, 'x')), 'ERR_BAD_INPUT', key);
  }
  await deployments.secrets.put('shop', 'A', 'x'.repeat(secretBytes));
  t.equal(await codeOf(deployments.secrets.put('shop', 'A', 'x'.repeat(secretBytes + 1))), 'ERR_BAD_INPUT');
  t.equal(await codeOf(deployments.secrets.delete('shop', 'NONE')), 'ERR_NO_SECRET');
  await t.rejects(deployments.secrets.put('shop', 'A', 7 as unknown as string), TypeError);
});

await t.test('secrets: many put at once are all kept', async (t) => {
  const bench = openBench(t);
  const deployments = await bench.open();
  await deploy(deployments, 'shop', 'a');
  const keys = Array.from({ length: 30 }, (_, i) => `K${i}`);
  await Promise.all(keys.map((key) => deployments.secrets.put('shop', key, key)));
  t.same(Object.keys((await bench.open()).target('shop').secrets).sort(), keys.sort());
});

await t.test('secrets: the key file is made once, for its owner alone', async (t) => {
  const bench = openBench(t);
  await Promise.all([bench.open(), bench.open()]);
  t.equal((await stat(bench.keyFile)).mode & 0o777, 0o600);
  const key = await readFile(bench.keyFile);
  t.equal(key.length, 32);
  await bench.open();
  t.same(await readFile(bench.keyFile), key);
});

await t.test('secrets: a key file that is lost, changed, cut or open to others stops the host', async (t) => {
  const bench = openBench(t);
  const { keyFile } = bench;
  await (await bench.open()).secrets.put('shop', 'A', 'x');
  await deploy(await bench.open(), 'shop', 'a');
  const key = await readFile(keyFile);
  await chmod(keyFile, 0o640);
  t.equal(await codeOf(bench.open()), 'ERR_DATA_DIR', 'open to others');
  await chmod(keyFile, 0o600);
  await writeFile(keyFile, key.subarray(1));
  t.equal(await codeOf(bench.open()), 'ERR_DATA_DIR', 'cut');
  await writeFile(keyFile, Buffer.alloc(32));
  t.equal(await codeOf(bench.open()), 'ERR_DATA_DIR', 'changed');
  await unlink(keyFile);
  t.equal(await codeOf(bench.open()), 'ERR_DATA_DIR', 'lost');
  t.equal(await codeOf(stat(keyFile)), 'ENOENT', 'no new key hides the loss');
  await writeFile(keyFile, key, { mode: 0o600 });
  t.same((await bench.open()).target('shop').secrets, { A: 'x' }, 'restored');
  t.equal(await codeOf(bench.open({ keyFile: `${keyFile}/no/such/folder` })), 'ERR_DATA_DIR');
});

await t.test('secrets: sealed bytes open only under their own name, and only whole', async (t) => {
  const bench = openBench(t);
  const deployments = await bench.open();
  await deploy(deployments, 'shop', 'a');
  await deployments.secrets.put('shop', 'A', 'x');
  const [entry] = await bench.store.list({ prefix: 'secret/' });
  const sealed = entry?.value ?? new Uint8Array();
  const vault = await openVault(bench.keyFile, { inUse: true });
  t.equal(vault.open('secret/shop/A', sealed), 'x');
  t.throws(() => vault.open('secret/shop/B', sealed), { code: 'ERR_DATA_DIR' }, 'another name');
  for (let i = 0; i < sealed.length; i++) {
    const damaged = Uint8Array.from(sealed, (byte, at) => (at === i ? byte ^ 1 : byte));
    t.throws(() => vault.open('secret/shop/A', damaged), { code: 'ERR_DATA_DIR' }, `byte ${i}`);
    t.throws(
      () => vault.open('secret/shop/A', sealed.subarray(0, i)),
      { code: 'ERR_DATA_DIR' },
      `${i} bytes`,
    );
  }
  await bench.store.write([{ kind: 'put', key: 'secret/shop/B', value: sealed }]);
  t.equal(await codeOf(bench.open()), 'ERR_DATA_DIR', 'moved in the store');
});

await t.test('vars: a change makes a new version of the active one, and null removes', async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a', {
    manifest: { vars: { A: '1', B: '2' }, bindings: { KV: { kind: 'kv' } } },
  });
  const made = await deployments.vars.set('shop', { B: null, C: '3' });
  t.match(made, { version: 2, weight: 100, vars: ['A', 'C'], bindings: [{ name: 'KV', kind: 'kv' }] });
  t.same(await deployments.vars.get('shop'), { A: '1', C: '3' });
  t.same(await deployments.target('shop').load(), await deployments.target('shop', 1).load());
  t.match(await deployments.vars.set('shop', {}), { version: 2 }, 'no change, no version');
  t.match(await deployments.vars.set('shop', { B: '2', C: null }), { version: 1 }, 'back to what there was');
  for (const vars of [{ 'a-b': '1' }, { KV: '1' }, { A: 1 }, { A: undefined }]) {
    const asked = deployments.vars.set('shop', vars as unknown as Record<string, string>);
    t.equal(await codeOf(asked), 'ERR_BAD_INPUT', JSON.stringify(vars));
  }
});
