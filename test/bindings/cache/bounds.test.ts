import t from 'tap';
import { openCaches, temporaryCaches, textOf } from '#test/support/attach-cache.ts';
import { pieceBytes } from '#bindings/cache/limits.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const url = (name: string): string => `http://a.test/${name}`;
const many = (pieces: number): Uint8Array => new Uint8Array(pieces * pieceBytes).fill(97);

void t.test('cache: over its bytes the longest unused goes, body and all', async (t) => {
  const store = temporaryStore(t);
  const caches = openCaches(store, { maxBytes: 10 * pieceBytes });
  for (const name of ['one', 'two', 'three']) await caches.put(url(name), many(3));
  await caches.text(url('one'));
  await caches.put(url('four'), many(3));
  t.equal(await caches.text(url('two')), undefined);
  for (const name of ['one', 'three', 'four'])
    t.equal((await caches.text(url(name)))?.length, 3 * pieceBytes);
  const pieces = await store.list({ prefix: 'cache/default/shop/b/', keysOnly: true });
  t.equal(pieces.length, 9);
});

void t.test('cache: one body, and bodies at once, have the same limit', async (t) => {
  const caches = temporaryCaches(t, { maxBytes: 4 * pieceBytes });
  await caches.put(url('fits'), many(3));
  await t.rejects(caches.put(url('never'), many(5)), { code: 'ERR_CACHE_TOO_LARGE' });
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield many(1);
  }
  const both = await Promise.allSettled([caches.put(url('a'), endless()), caches.put(url('b'), endless())]);
  t.same(
    both.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code),
    ['ERR_CACHE_TOO_LARGE', 'ERR_CACHE_TOO_LARGE'],
  );
  await caches.put(url('after'), many(3));
  t.equal((await caches.text(url('after')))?.length, 3 * pieceBytes);
});

void t.test('cache: a body that is read when it goes is read to its end, then it is gone', async (t) => {
  const store = temporaryStore(t);
  const caches = openCaches(store);
  await caches.put(url('x'), many(3));
  const answer = await caches.call('match', { url: url('x'), headers: [] });
  t.equal((await caches.call('delete', { url: url('x'), headers: [] })).value, true);
  t.equal((await caches.call('delete', { url: url('x'), headers: [] })).value, false);
  t.equal(await caches.text(url('x')), undefined);
  t.equal((await textOf(answer)).length, 3 * pieceBytes);
  await caches.put(url('y'), 'something after it');
  t.same(await store.list({ prefix: 'cache/default/shop/b/', keysOnly: true }), []);
});

void t.test('cache: what was put is there after a restart, and counts', async (t) => {
  const store = temporaryStore(t);
  const before = openCaches(store, { maxBytes: 7 * pieceBytes });
  await before.call('open', { name: 'named' });
  await before.put(url('one'), many(3), { cache: 'named' });
  await before.put(url('two'), many(3), { headers: ['x', 'y'] });
  const after = openCaches(store, { maxBytes: 7 * pieceBytes });
  t.same((await after.call('names', {})).value, ['named']);
  t.equal((await after.text(url('one'), { cache: 'named' }))?.length, 3 * pieceBytes);
  await after.put(url('three'), many(3));
  t.equal(await after.text(url('two')), undefined, 'the longest unused');
  t.equal((await after.text(url('three')))?.length, 3 * pieceBytes);
});

void t.test('cache: a put that was cut short leaves nothing, at once or at the next start', async (t) => {
  const store = temporaryStore(t);
  const caches = openCaches(store);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield many(3);
    throw new Error('the client went away');
  }
  await t.rejects(caches.put(url('x'), broken()));
  t.equal(await caches.text(url('x')), undefined);
  t.same(await store.list({ prefix: 'cache/default/shop/b/' }), []);
  // As a killed host leaves it: pieces, and no head.
  const key = 'cache/default/shop/b/00000000009/000000';
  await store.write([{ kind: 'put', key, value: many(1) }]);
  const after = openCaches(store);
  await after.put(url('y'), many(2));
  t.equal(await store.get(key), undefined);
  t.equal((await after.text(url('y')))?.length, 2 * pieceBytes);
});

const day = 24 * 60 * 60 * 1000;
const lives: readonly (readonly [string, readonly string[], number])[] = [
  ['max-age=60', ['cache-control', 'public, max-age=60'], 60_000],
  ['s-maxage before max-age', ['cache-control', 'max-age=60, s-maxage=120'], 120_000],
  ['max-age less age', ['cache-control', 'max-age=60', 'age', '20'], 40_000],
  ['expires', ['expires', new Date(1_700_000_030_000).toUTCString()], 30_000],
  ['nothing', [], 30 * day],
  ['max-age of years', ['cache-control', 'max-age=999999999'], 30 * day],
];
for (const [what, headers, ms] of lives) {
  void t.test(`cache: ${what} keeps a response for ${ms} ms and no longer`, async (t) => {
    let now = 1_700_000_000_000;
    const caches = temporaryCaches(t, { now: () => now });
    t.equal(await caches.put(url('x'), 'text', { headers }), true);
    now += ms - 1;
    t.equal(await caches.text(url('x')), 'text');
    now += 1;
    t.equal(await caches.text(url('x')), undefined);
  });
}

for (const control of [
  'no-store',
  'private',
  'no-cache',
  'max-age=0',
  's-maxage=0, max-age=60',
  'max-age="0"',
]) {
  void t.test(`cache: a response with ${control} is not stored, which is no error`, async (t) => {
    const caches = temporaryCaches(t);
    t.equal(await caches.put(url('x'), 'text', { headers: ['cache-control', control] }), false);
    t.equal(await caches.text(url('x')), undefined);
  });
}
