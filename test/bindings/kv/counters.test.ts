import { Buffer } from 'node:buffer';
import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import type { Store } from '#bindings/store/store.ts';
import { grantOf } from '#test/contract/binding.ts';
import type { AskedGrant } from '#test/support/asked.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const put = (grant: AskedGrant, text: string | Uint8Array, options: object = {}): Promise<unknown> =>
  grant.call({ method: 'put', args: { key: 'n', ...options }, bytes: Buffer.from(text) });

async function read(grant: AskedGrant): Promise<{ readonly text: string; readonly head: unknown }> {
  const { value, bytes } = await grant.call({ method: 'get', args: { key: 'n' } });
  return { text: Buffer.from(bytes ?? []).toString(), head: value };
}

async function increment(grant: AskedGrant, delta?: unknown): Promise<number> {
  const args = delta === undefined ? { key: 'n' } : { key: 'n', delta };
  const { value } = await grant.call({ method: 'increment', args });
  return (value as { readonly value: number }).value;
}

/** The store, with its writes counted. */
function counted(store: Store): Store & { writes: number } {
  return {
    writes: 0,
    get: (key) => store.get(key),
    list: (range) => store.list(range),
    write(changes, checks) {
      this.writes++;
      return store.write(changes, checks);
    },
    watch: (prefix, signal) => store.watch(prefix, signal),
    close: () => store.close(),
  };
}

void t.test('kv: a counter begins at 0, takes any whole number, and is text to get', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  t.equal(await increment(grant), 1);
  t.equal(await increment(grant, 41), 42);
  t.equal(await increment(grant, -50), -8);
  t.equal(await increment(grant, 0), -8);
  t.equal((await read(grant)).text, '-8');
  await put(grant, '7');
  t.equal(await increment(grant), 8);
});

void t.test('kv: an increment answers the version that get shows', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (let round = 0; round < 3; round++) {
    const { value } = await grant.call({ method: 'increment', args: { key: 'n' } });
    t.match((await read(grant)).head, { version: (value as { version: string }).version });
  }
});

void t.test('kv: an increment keeps metadata and expiry; an expired counter begins again', async (t) => {
  const clock = { ms: 1_700_000_000_000 };
  const now = (): number => clock.ms;
  const grant = grantOf(createKvBinding(temporaryStore(t, now), { now }));
  const list = async (): Promise<unknown> => (await grant.call({ method: 'list', args: {} })).value;
  await put(grant, '5', { metadata: { of: 'visits' }, expirationTtl: 60 });
  t.equal(await increment(grant), 6);
  t.match((await read(grant)).head, { metadata: { of: 'visits' } });
  const key = { name: 'n', expiration: 1_700_000_060, metadata: { of: 'visits' } };
  t.same(await list(), { keys: [key], list_complete: true });
  clock.ms += 60_000;
  t.equal(await increment(grant), 1);
  t.same(await list(), { keys: [{ name: 'n' }], list_complete: true });
});

void t.test('kv: what is no whole number is not incremented, and stays', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const odd = ['', ' 1', '1 ', '1.5', '1e3', '0x1', '01', '+1', '--1', '-', 'NaN', '٣', '9'.repeat(17)];
  for (const text of [...odd, '9007199254740992', new Uint8Array([0xb1]), new Uint8Array(300_000)]) {
    await put(grant, text);
    await t.rejects(increment(grant), { code: 'ERR_KV_VALUE' }, String(text).slice(0, 20));
    t.equal((await read(grant)).text, text.length > 1000 ? '' : Buffer.from(text).toString());
  }
  await grant.call({ method: 'delete', args: { key: 'n' } });
  t.equal(await increment(grant), 1);
});

void t.test('kv: sums end at the safe integers, and a sum beyond leaves the counter', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const most = Number.MAX_SAFE_INTEGER;
  t.equal(await increment(grant, most), most);
  await t.rejects(increment(grant), { code: 'ERR_KV_VALUE' });
  t.equal(await increment(grant, -most), 0);
  t.equal(await increment(grant, -most), -most);
  await t.rejects(increment(grant, -1), { code: 'ERR_KV_VALUE' });
  t.equal((await read(grant)).text, String(-most));
  await put(grant, '0');
  const settled = await Promise.allSettled([most, 1, -1, 1, 1].map((delta) => increment(grant, delta)));
  const fulfilled = settled.map(({ status }) => status === 'fulfilled');
  t.same(fulfilled, [true, false, true, true, false], 'of increments at once only what does not fit fails');
  t.equal((await read(grant)).text, String(most));
});

void t.test('kv: a delta that is none is refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const delta of [null, '1', true, {}]) await t.rejects(increment(grant, delta), TypeError);
  for (const delta of [0.5, 1e300, 2 ** 53]) {
    await t.rejects(increment(grant, delta), { code: 'ERR_KV_OPTION' });
  }
  for (const key of ['', '.', 'x'.repeat(513)]) {
    await t.rejects(grant.call({ method: 'increment', args: { key } }), { code: 'ERR_KV_KEY' });
  }
});

void t.test(
  'kv: increments at once from two functions of a cordon are all in the sum, in few writes',
  async (t) => {
    const store = counted(temporaryStore(t));
    const binding = createKvBinding(store);
    const [one, two, stranger] = [
      grantOf(binding, 'shared', { function: 'one' }),
      grantOf(binding, 'shared', { function: 'two' }),
      grantOf(binding, 'shared', { function: 'one', cordon: 'partner' }),
    ];
    const all = Array.from({ length: 100 }, (_, index) => increment(index % 2 === 0 ? one : two));
    const sums = await Promise.all([...all, increment(stranger)]);
    t.equal(sums.pop(), 1, 'another cordon counts by itself');
    t.equal(new Set(sums).size, 100, 'each sees a sum of its own');
    t.equal((await read(one)).text, '100');
    t.ok(store.writes <= 4, `${store.writes} writes`);
  },
);

void t.test('kv: hosts over one store count together by compare-and-set alone', async (t) => {
  const store = temporaryStore(t);
  // Bindings of their own share no queue, as those of two hosts.
  const grants = Array.from({ length: 5 }, () => grantOf(createKvBinding(store), 'shared'));
  const all = grants.flatMap((grant) => Array.from({ length: 20 }, () => increment(grant)));
  t.equal(new Set(await Promise.all(all)).size, 100);
  t.equal((await read(grants[0] as AskedGrant)).text, '100');
});

void t.test('kv: an increment and a conditional put at once: both count, or the put says no', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const [one, two] = [grantOf(binding, 'shared'), grantOf(binding, 'shared')];
  await put(one, '0');
  let added = 0;
  const addByPut = async (): Promise<void> => {
    for (let tries = 0; tries < 20; tries++) {
      const { text, head } = await read(two);
      const { version } = head as { version: string };
      const written = await put(two, String(Number(text) + 1), { ifVersion: version });
      if ((written as { value: { ok: boolean } }).value.ok) added++;
    }
  };
  await Promise.all([addByPut(), ...Array.from({ length: 20 }, () => increment(one))]);
  t.equal((await read(one)).text, String(20 + added));
});

void t.test('kv: when the store refuses, every increment of the group says so and none counts', async (t) => {
  const store = temporaryStore(t);
  const grant = grantOf(createKvBinding(store));
  await increment(grant);
  await store.close();
  const settled = await Promise.allSettled(Array.from({ length: 5 }, () => increment(grant)));
  for (const outcome of settled) t.match(outcome, { status: 'rejected', reason: { code: 'ERR_CLOSING' } });
});
