import { Buffer } from 'node:buffer';
import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import type { Host } from '#host/host.ts';
import { grantOf } from '#test/contract/binding.ts';
import { openKv } from '#test/support/attach-kv.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

void t.test('kv namespaces: the operator sees what functions stored, in every cordon', async (t) => {
  const store = temporaryStore(t);
  const binding = createKvBinding(store);
  // What the host offers, as it types it.
  const kv: Host['kv'] = await openKv(store);
  t.same(await kv.namespaces(), []);
  const put = (config: unknown, facts: object, key: string): Promise<unknown> =>
    grantOf(binding, config, facts).call({
      method: 'put',
      args: { key, metadata: { key } },
      bytes: bytes(key),
    });
  await put('sessions', {}, 'a');
  await put('sessions', {}, 'b');
  await put('sessions.old', {}, 'a');
  await put(undefined, { function: 'shop', name: 'KV' }, 'a');
  await put('sessions', { cordon: 'partner' }, 'c');
  t.same([...(await kv.namespaces())].sort(), ['partner:sessions', 'sessions', 'sessions.old', 'shop/KV']);
  const found = await kv.get('partner:sessions', 'c');
  t.equal(Buffer.from(found?.value ?? bytes('')).toString(), 'c');
  t.same(found?.metadata, { key: 'c' });
  t.equal(await kv.get('sessions', 'c'), undefined);
  const first = await kv.list('sessions', { limit: 1 });
  t.same(first.keys, [{ name: 'a', metadata: { key: 'a' } }]);
  t.equal(first.listComplete, false);
  const second = await kv.list('sessions', {
    limit: 1,
    ...(first.cursor === undefined ? {} : { cursor: first.cursor }),
  });
  t.same(second, { keys: [{ name: 'b', metadata: { key: 'b' } }], listComplete: true });
});

void t.test('kv namespaces: what the operator puts, functions get; what is deleted is gone', async (t) => {
  const store = temporaryStore(t);
  const kv = await openKv(store);
  const grant = grantOf(createKvBinding(store), undefined, { function: 'shop', name: 'KV' });
  await kv.put('shop/KV', 'a', bytes('put'), { metadata: [1], expirationTtl: 60 });
  const found = await grant.call({ method: 'get', args: { key: 'a' } });
  t.match(found.value, { metadata: [1] });
  await kv.delete('shop/KV', 'a');
  t.same((await grant.call({ method: 'get', args: { key: 'a' } })).value, null);
  t.same(await kv.namespaces(), []);
});

void t.test(
  'kv namespaces: a put with a condition that fails is a conflict and writes nothing',
  async (t) => {
    const kv = await openKv(temporaryStore(t));
    await kv.put('a', 'k', bytes('one'), { ifAbsent: true });
    await t.rejects(kv.put('a', 'k', bytes('two'), { ifAbsent: true }), { code: 'ERR_CONFLICT' });
    await t.rejects(kv.put('a', 'k', bytes('two'), { ifVersion: null }), { code: 'ERR_CONFLICT' });
    const found = await kv.get('a', 'k');
    t.equal(Buffer.from(found?.value ?? []).toString(), 'one');
    await kv.put('a', 'k', bytes('two'), { ifVersion: found?.version ?? '' });
    await t.rejects(kv.put('a', 'k', bytes('three'), { ifVersion: found?.version ?? '' }), {
      code: 'ERR_CONFLICT',
    });
  },
);

void t.test('kv namespaces: bad names, keys and options are refused by code', async (t) => {
  const kv = await openKv(temporaryStore(t));
  for (const name of ['', ':', ':a', 'a:', 'a:b:c', '../a', 'a/b/c', 'é']) {
    await t.rejects(kv.get(name, 'a'), { code: 'ERR_BAD_NAME' });
  }
  await t.rejects(kv.get('a', '.'), { code: 'ERR_KV_KEY' });
  await t.rejects(kv.put('a', 'k', bytes(''), { expirationTtl: 1 }), { code: 'ERR_KV_OPTION' });
  await t.rejects(kv.put('a', 'k', bytes(''), { metadata: 'x'.repeat(2000) }), { code: 'ERR_KV_METADATA' });
  await t.rejects(kv.put('a', 'k', bytes(''), { metadata: 10n }), { code: 'ERR_KV_METADATA' });
  await t.rejects(kv.put('a', 'k', new Uint8Array(26_214_401)), { code: 'ERR_KV_VALUE' });
  await t.rejects(kv.list('a', { limit: 0 }), { code: 'ERR_KV_OPTION' });
});
