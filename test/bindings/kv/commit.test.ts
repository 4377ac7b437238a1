import t from 'tap';
import type { Grant } from '#runtime/binding.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call, get, list, put } from '#test/support/kv-calls.ts';
import { temporaryStore } from '#test/support/store-files.ts';

interface Committed {
  readonly ok: boolean;
  readonly failed?: string;
  readonly versions?: readonly (string | null)[];
  readonly sums?: readonly (number | null)[];
}

async function commit(grant: Grant, checks: unknown, writes: unknown, body?: string): Promise<Committed> {
  return (await call(grant, 'commit', { checks, writes }, body)).value as Committed;
}

void t.test('kv commit: all writes are there, each with the version that get shows', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await put(grant, 'gone', 'x');
  const writes = [
    { key: 'text', value: 'ünï' },
    { key: 'bytes', size: 3, metadata: { m: 1 }, expirationTtl: 3600 },
    { key: 'gone', delete: true },
    { key: 'n', increment: 5 },
    { key: 'empty', size: 0 },
  ];
  const done = await commit(grant, [], writes, 'abc');
  t.equal(done.ok, true);
  t.same(done.sums, [null, null, null, 5, null]);
  t.same(await Promise.all(['text', 'bytes', 'gone', 'n', 'empty'].map((key) => get(grant, key))), [
    'ünï',
    'abc',
    null,
    '5',
    '',
  ]);
  const { keys } = await list(grant, { values: true });
  for (const { name, version } of keys) {
    t.equal(version, done.versions?.[writes.findIndex(({ key }) => key === name)], name);
  }
  t.match(
    keys.find(({ name }) => name === 'bytes'),
    { metadata: { m: 1 }, expiration: Number },
  );
  t.equal(done.versions?.[2], null, 'what is deleted has no version');
});

void t.test('kv commit: one check that fails names its key, and nothing is written', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const a = await put(grant, 'a', '1');
  const old = await put(grant, 'b', '1');
  await put(grant, 'b', '2');
  const writes = [
    { key: 'a', value: 'new' },
    { key: 'c', value: 'new' },
    { key: 'n', increment: 1 },
  ];
  const good = { key: 'a', version: a };
  t.same(await commit(grant, [good, { key: 'b', version: old }], writes), { ok: false, failed: 'b' });
  t.same(await commit(grant, [{ key: 'b', version: null }, good], writes), { ok: false, failed: 'b' });
  t.same(await commit(grant, [good, { key: 'c', version: a }], writes), { ok: false, failed: 'c' });
  t.same(await Promise.all(['a', 'b', 'c', 'n'].map((key) => get(grant, key))), ['1', '2', null, null]);
  t.equal((await commit(grant, [good, { key: 'c', version: null }], writes)).ok, true);
  t.same(await Promise.all(['a', 'b', 'c', 'n'].map((key) => get(grant, key))), ['new', '2', 'new', '1']);
});

void t.test('kv commit: a check without a write asks, and an empty commit does nothing', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const version = await put(grant, 'a', '1');
  t.same(await commit(grant, [{ key: 'a', version }], []), { ok: true, versions: [], sums: [] });
  t.same(await commit(grant, [{ key: 'a', version: null }], undefined), { ok: false, failed: 'a' });
  t.same(await commit(grant, undefined, undefined), { ok: true, versions: [], sums: [] });
});

void t.test('kv commit: money moved at once from many sides is neither made nor lost', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const grants = ['a', 'b', 'c'].map((name) => grantOf(binding, 'shared', { function: name }));
  const [one] = grants as [Grant];
  for (const key of ['x', 'y', 'z']) await put(one, key, '100');
  const move = async (grant: Grant, from: string, to: string): Promise<void> => {
    for (;;) {
      const found = await call(grant, 'getMany', { keys: [from, to] });
      const heads = found.value as readonly { readonly version: string; readonly size: number }[];
      const [left = 0, right = 0] = [heads[0]?.size, heads[1]?.size];
      const sums = [Number(found.text?.slice(0, left)), Number(found.text?.slice(left, left + right))];
      const writes = [
        { key: from, value: String((sums[0] ?? 0) - 1) },
        { key: to, value: String((sums[1] ?? 0) + 1) },
      ];
      const checks = [from, to].map((key, index) => ({ key, version: heads[index]?.version }));
      if ((await commit(grant, checks, writes)).ok) return;
    }
  };
  const keys = ['x', 'y', 'z'];
  await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      move(grants[index % 3] as Grant, keys[index % 3] ?? '', keys[(index + 1 + (index % 2)) % 3] ?? ''),
    ),
  );
  const sums = await Promise.all(keys.map(async (key) => Number(await get(one, key))));
  t.equal(
    sums.reduce((sum, value) => sum + value, 0),
    300,
  );
});

void t.test('kv commit: counters in commits and increments beside them are all in the sums', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      index % 2 === 0
        ? call(grant, 'increment', { key: 'n' })
        : commit(
            grant,
            [],
            [
              { key: 'n', increment: 1 },
              { key: 'm', increment: 2 },
            ],
          ),
    ),
  );
  t.equal(await get(grant, 'n'), '40');
  t.equal(await get(grant, 'm'), '40');
});

void t.test(
  'kv commit: a counter that is none, or would leave the safe integers, writes nothing',
  async (t) => {
    const grant = grantOf(createKvBinding(temporaryStore(t)));
    await put(grant, 'word', 'x');
    await put(grant, 'most', String(Number.MAX_SAFE_INTEGER));
    for (const key of ['word', 'most']) {
      const writes = [
        { key: 'a', value: '1' },
        { key, increment: 1 },
      ];
      await t.rejects(commit(grant, [], writes), { code: 'ERR_KV_VALUE' }, key);
    }
    t.equal(await get(grant, 'a'), null);
  },
);

void t.test('kv commit: 128 checks and writes go, 129 do not; sizes are those of the body', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const many = (length: number): readonly object[] =>
    Array.from({ length }, (_, index) => ({ key: `k${index}`, value: 'v' }));
  const checks = (length: number): readonly object[] =>
    Array.from({ length }, (_, index) => ({ key: `k${index}`, version: null }));
  t.equal((await commit(grant, checks(128), many(128))).ok, true);
  await t.rejects(commit(grant, checks(129), []), { code: 'ERR_KV_OPTION' });
  await t.rejects(commit(grant, [], many(129)), { code: 'ERR_KV_OPTION' });
  await t.rejects(commit(grant, [], [{ key: 'a', size: 3 }], 'ab'), { code: 'ERR_KV_OPTION' });
  await t.rejects(commit(grant, [], [{ key: 'a', size: 1 }], 'ab'), { code: 'ERR_KV_OPTION' });
  await t.rejects(commit(grant, [], [{ key: 'a', size: 1 }]), { code: 'ERR_KV_OPTION' });
});

void t.test('kv commit: what is no check and no write is refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const checks of [
    7,
    'x',
    {},
    [7],
    [null],
    [{ key: 'a' }],
    [{ key: 7, version: null }],
    [{ key: 'a', version: 1 }],
  ])
    await t.rejects(commit(grant, checks, []), TypeError, JSON.stringify(checks));
  const bad = [
    7,
    {},
    [null],
    [{ key: 'a' }],
    [{ key: 'a', value: 1.5 }],
    [{ key: 'a', value: 'x', delete: true }],
    [{ key: 'a', delete: false }],
    [{ key: 'a', delete: 1 }],
    [{ key: 'a', increment: '1' }],
    [{ key: 'a', size: -1 }],
    [{ value: 'x' }],
  ];
  for (const writes of bad) await t.rejects(commit(grant, [], writes), TypeError, JSON.stringify(writes));
  const coded: readonly (readonly [unknown, unknown, string])[] = [
    [[{ key: 'a', version: 'x' }], [], 'ERR_KV_OPTION'],
    [[{ key: '', version: null }], [], 'ERR_KV_KEY'],
    [[], [{ key: '.', value: 'x' }], 'ERR_KV_KEY'],
    [[], [{ key: 'a', increment: 0.5 }], 'ERR_KV_OPTION'],
    [[], [{ key: 'a', value: 'x', expirationTtl: 59 }], 'ERR_KV_OPTION'],
    [[], [{ key: 'a', value: 'x', metadata: 'm'.repeat(2000) }], 'ERR_KV_METADATA'],
    [
      [],
      [
        { key: 'a', value: 'x' },
        { key: 'a', delete: true },
      ],
      'ERR_KV_OPTION',
    ],
  ];
  for (const [checks, writes, code] of coded) {
    await t.rejects(commit(grant, checks, writes), { code }, JSON.stringify([checks, writes]).slice(0, 80));
  }
  t.same((await list(grant)).keys, []);
});
