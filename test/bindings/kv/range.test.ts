import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call, list, names, put } from '#test/support/kv-calls.ts';
import { compareKeys } from '#test/support/store-model.ts';
import { temporaryStore } from '#test/support/store-files.ts';

void t.test('kv list: start is in the range, end is not, and reverse gives the same backwards', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const key of ['a', 'b', 'b/1', 'c', 'd']) await put(grant, key, key, { metadata: { key } });
  t.same(await names(grant, { start: 'b', end: 'd' }), ['b', 'b/1', 'c']);
  t.same(await names(grant, { start: 'b', end: 'd', reverse: true }), ['c', 'b/1', 'b']);
  t.same(await names(grant, { prefix: 'b', start: 'b/' }), ['b/1']);
  t.same(await names(grant, { prefix: 'b', end: 'b/' }), ['b']);
  t.same(await names(grant, { start: 'd', end: 'b' }), []);
  t.same(await names(grant, { start: null, end: null, reverse: false }), ['a', 'b', 'b/1', 'c', 'd']);
  const last = await list(grant, { reverse: true, limit: 1 });
  t.same(last.keys, [{ name: 'd', metadata: { key: 'd' } }], 'the last key is one short read');
});

void t.test('kv list: with values each key has its own, and its version', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const version = await put(grant, 'a', 'ä€', { metadata: 1, expirationTtl: 60 });
  await put(grant, 'b', '');
  const { keys, list_complete: complete } = await list(grant, { values: true });
  t.match(keys, [
    { name: 'a', value: 'ä€', version, metadata: 1, expiration: Number },
    { name: 'b', value: '' },
  ]);
  t.equal(complete, true);
  t.notOk('metadata' in (keys[1] ?? {}));
});

void t.test(
  'kv list: a page with values ends near 4 MiB and the next one goes on, large values one by one',
  async (t) => {
    const grant = grantOf(createKvBinding(temporaryStore(t)));
    const large = 'x'.repeat(1_500_000);
    for (let index = 0; index < 7; index++) await put(grant, `k${index}`, large + index);
    const pages: number[] = [];
    const seen: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const page = await list(grant, { values: true, cursor });
      pages.push(page.keys.length);
      for (const { name, value } of page.keys) if (value === large + name.slice(1)) seen.push(name);
      ({ cursor } = page as { cursor?: string });
    }
    t.same(pages, [3, 3, 1]);
    t.same(seen, ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6']);
  },
);

void t.test('kv list: bounds and cursors that are none are refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const key of ['a', 'b', 'c']) await put(grant, key, '');
  const { cursor } = await list(grant, { limit: 1 });
  for (const args of [{ start: 1 }, { end: {} }, { reverse: 'yes' }, { values: 1 }, { prefix: [] }]) {
    await t.rejects(list(grant, args), TypeError, JSON.stringify(args));
  }
  const coded = [
    { end: '' },
    { start: '\ud800' },
    { end: 'x'.repeat(1025) },
    { cursor, start: 'b' },
    { cursor, end: 'a' },
    { cursor, prefix: 'b' },
    { cursor: 'no cursor' },
  ];
  for (const args of coded) {
    await t.rejects(list(grant, args), { code: 'ERR_KV_OPTION' }, JSON.stringify(args).slice(0, 60));
  }
  t.same(
    (await list(grant, { cursor, end: 'b\0' })).keys.map(({ name }) => name),
    ['b'],
  );
});

// Few letters, so that bounds fall between keys; some where UTF-8 and UTF-16 order differ.
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\uffee', '\u{10000}'), maxLength: 3 });
const bound = fc.option(text, { nil: undefined });

void t.test(
  'kv list: any range, forward and backward and page by page, is what a sorted list says',
  async (t) => {
    const store = temporaryStore(t);
    let run = 0;
    const asked = fc.record({
      prefix: text,
      start: bound,
      end: bound,
      reverse: fc.boolean(),
      limit: fc.integer({ min: 1, max: 4 }),
    });
    await t.resolves(
      fc.assert(
        fc.asyncProperty(fc.uniqueArray(text, { maxLength: 12 }), asked, async (keys, range) => {
          const grant = grantOf(createKvBinding(store), `run${run++}`);
          const usable = keys.filter((key) => key !== '');
          for (const key of usable) await put(grant, key, key);
          const { end, ...rest } = range;
          const args = end === '' || end === undefined ? rest : range;
          const within = usable
            .filter((key) => key.startsWith(range.prefix))
            .filter((key) => range.start === undefined || compareKeys(key, range.start) >= 0)
            .filter((key) => end === undefined || end === '' || compareKeys(key, end) < 0)
            .toSorted((a, b) => (range.reverse ? compareKeys(b, a) : compareKeys(a, b)));
          const found = await names(grant, args);
          const valued = await list(grant, { ...args, limit: 1000, values: true });
          const values = valued.keys.map(({ value }) => value);
          return (
            JSON.stringify(found) === JSON.stringify(within) &&
            JSON.stringify(values) === JSON.stringify(within)
          );
        }),
        { numRuns: 150 },
      ),
    );
  },
);

void t.test(
  'kv get of many: one operation, in order, absent ones null, to 100 keys and 25 MiB together',
  async (t) => {
    const grant = grantOf(createKvBinding(temporaryStore(t)));
    const version = await put(grant, 'a', 'äa', { metadata: { m: 1 } });
    await put(grant, 'b', '');
    const found = await call(grant, 'getMany', { keys: ['b', 'none', 'a', 'a'] });
    t.match(found.value, [{ size: 0 }, null, { size: 3, metadata: { m: 1 }, version }, { size: 3 }]);
    t.equal(found.text, 'äaäa');
    t.same(await call(grant, 'getMany', { keys: [] }), { value: [], text: undefined });
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    t.same(
      (await call(grant, 'getMany', { keys })).value,
      keys.map(() => null),
    );
    await t.rejects(call(grant, 'getMany', { keys: [...keys, 'one more'] }), { code: 'ERR_KV_OPTION' });
    await t.rejects(call(grant, 'getMany', { keys: ['a', ''] }), { code: 'ERR_KV_KEY' });
    for (const wrong of [undefined, 'a', { length: 1 }, [7]]) {
      await t.rejects(call(grant, 'getMany', { keys: wrong }), TypeError);
    }
    const half = new Uint8Array(13 * 2 ** 20).fill(7);
    await grant.call({ method: 'put', args: { key: 'half' }, bytes: half });
    await grant.call({ method: 'put', args: { key: 'rest' }, bytes: half.subarray(0, 12 * 2 ** 20) });
    const most = await call(grant, 'getMany', { keys: ['half', 'rest'] });
    t.equal(Buffer.byteLength(most.text ?? ''), 25 * 2 ** 20);
    await t.rejects(call(grant, 'getMany', { keys: ['half', 'rest', 'a'] }), { code: 'ERR_KV_VALUE' });
  },
);
