import t from 'tap';
import type { Grant } from '#runtime/binding.ts';
import { KvAccess } from '#bindings/kv/access.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import type { KvNamespaces } from '#bindings/kv/namespaces.ts';
import { deploymentOf, grantOf } from '#test/contract/binding.ts';
import { call, get, put } from '#test/support/kv-calls.ts';
import { openKv } from '#test/support/attach-kv.ts';
import { temporaryStore } from '#test/support/store-files.ts';

interface Desk {
  readonly kv: KvNamespaces;
  readonly owner: Grant;
  /** Of the cordon "partner", which names the owner's namespace. */
  readonly other: Grant;
  readonly admit: (namespace: string, cordon: string) => void;
}

async function desk(t: Parameters<typeof temporaryStore>[0]): Promise<Desk> {
  const store = temporaryStore(t);
  const access = await KvAccess.open(store);
  const binding = createKvBinding(store, { access });
  return {
    kv: openKvNamespaces(store, { access }),
    owner: grantOf(binding, 'prices'),
    other: grantOf(binding, 'default:prices', { cordon: 'partner' }),
    admit(namespace, cordon) {
      const declaration = { name: 'KV', kind: 'kv', config: binding.parse(namespace) };
      binding.admit?.(declaration, deploymentOf({ cordon }));
    },
  };
}

const reads: readonly (readonly [string, object])[] = [
  ['get', { key: 'k' }],
  ['getMany', { keys: ['k'] }],
  ['list', {}],
  ['watch', { timeoutMs: 1 }],
];
const writes: readonly (readonly [string, object])[] = [
  ['put', { key: 'k' }],
  ['delete', { key: 'k' }],
  ['increment', { key: 'n' }],
  ['commit', { writes: [{ key: 'k', value: 'taken' }] }],
  ['commit', {}],
];

void t.test('kv access: without a grant no operation passes, and no deployment is admitted', async (t) => {
  const { owner, other, admit } = await desk(t);
  await put(owner, 'k', 'own');
  for (const [method, args] of [...reads, ...writes]) {
    await t.rejects(call(other, method, args, ''), { code: 'ERR_NOT_GRANTED' }, method);
  }
  t.throws(() => admit('default:prices', 'partner'), { code: 'ERR_NOT_GRANTED' });
  t.doesNotThrow(() => admit('default:prices', 'default'), 'its own needs none');
  t.doesNotThrow(() => admit('prices', 'partner'), 'nor does one of that name of its own');
  t.equal(await get(owner, 'k'), 'own');
});

void t.test('kv access: a grant to read reads, one to write does both, and no one else gains', async (t) => {
  const { kv, owner, other, admit } = await desk(t);
  await put(owner, 'k', 'own');
  await kv.grant('prices', 'partner', 'read');
  for (const [method, args] of reads) await t.resolves(call(other, method, args), method);
  for (const [method, args] of writes) {
    await t.rejects(call(other, method, args, ''), { code: 'ERR_NOT_GRANTED' }, method);
  }
  t.equal(await get(other, 'k'), 'own');
  t.doesNotThrow(() => admit('default:prices', 'partner'));
  for (const [namespace, cordon] of [
    ['default:prices', 'third'],
    ['default:price', 'partner'],
    ['default:prices.old', 'partner'],
    ['third:prices', 'partner'],
  ] as const) {
    t.throws(() => admit(namespace, cordon), { code: 'ERR_NOT_GRANTED' }, `${namespace} ${cordon}`);
  }
  await kv.grant('prices', 'partner', 'write');
  await put(other, 'k', 'theirs');
  t.equal(await get(owner, 'k'), 'theirs');
  t.same(await kv.grants(), [{ namespace: 'prices', to: 'partner', access: 'write' }]);
});

void t.test('kv access: what is revoked ends at once, also a watch under way', async (t) => {
  const { kv, owner, other } = await desk(t);
  await kv.grant('default:prices', 'partner', 'read');
  const { stream } = await other.call({ method: 'watch', args: {} });
  await kv.revoke('prices', 'partner');
  await t.rejects(get(other, 'k'), { code: 'ERR_NOT_GRANTED' });
  await put(owner, 'k', 'secret');
  await t.rejects(async () => stream?.[Symbol.asyncIterator]().next(), { code: 'ERR_NOT_GRANTED' });
  t.same(await kv.grants(), []);
  await t.resolves(kv.revoke('prices', 'partner'), 'once more does no harm');
});

void t.test('kv access: grants outlive a restart, and another host hears of them', async (t) => {
  const store = temporaryStore(t);
  const here = await openKv(store);
  await here.grant('a:one/KV', 'b', 'read');
  const there = await KvAccess.open(store);
  const place = { cordon: 'a', namespace: 'one/KV' };
  t.doesNotThrow(() => there.require(place, 'b', 'read'));
  t.throws(() => there.require(place, 'b', 'write'), { code: 'ERR_NOT_GRANTED' });
  await here.grant('a:one/KV', 'b', 'write');
  await here.grant('two', 'b', 'read');
  await new Promise((resolve) => setImmediate(resolve));
  t.doesNotThrow(() => there.require(place, 'b', 'write'));
  await here.revoke('a:one/KV', 'b');
  await new Promise((resolve) => setImmediate(resolve));
  t.throws(() => there.require(place, 'b', 'read'), { code: 'ERR_NOT_GRANTED' });
  t.same(there.list(), [{ cordon: 'default', namespace: 'two', to: 'b', access: 'read' }]);
  there.close();
});

void t.test('kv access: names that are none are refused', async (t) => {
  const { kv } = await desk(t);
  for (const namespace of ['', 'A:b', 'a:b:c', '../x', ':x']) {
    await t.rejects(kv.grant(namespace, 'b', 'read'), { code: 'ERR_BAD_NAME' }, namespace);
    await t.rejects(kv.revoke(namespace, 'b'), { code: 'ERR_BAD_NAME' }, namespace);
  }
  for (const cordon of ['', 'a/b', 'A', '-a', 'x'.repeat(64)]) {
    await t.rejects(kv.grant('ns', cordon, 'read'), { code: 'ERR_BAD_NAME' }, cordon);
  }
});
