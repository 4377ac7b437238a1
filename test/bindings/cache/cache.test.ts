import t from 'tap';
import { maxBodyBytes, maxNameLength, pieceBytes } from '#bindings/cache/limits.ts';
import { openCaches, temporaryCaches, textOf } from '#test/support/attach-cache.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const url = 'http://a.test/x?y=1';

void t.test('cache: a put is matched by its address, without the fragment, and by no other', async (t) => {
  const caches = temporaryCaches(t);
  await caches.put(`${url}#one`, 'body', { headers: ['content-type', 'a/b'], status: 404 });
  const { value } = await caches.call('match', { url: `${url}#two`, headers: [] });
  t.match(value, { status: 404, headers: ['content-type', 'a/b'], hasBody: true });
  t.equal(await caches.text(url), 'body');
  for (const other of ['http://a.test/x', 'http://a.test/x?y=2', 'https://a.test/x?y=1'])
    t.equal(await caches.text(other), undefined);
  t.equal(await caches.text('http://a.test/x?z', { ignoreSearch: true }), 'body');
});

void t.test('cache: a second put takes the place of the first', async (t) => {
  const caches = temporaryCaches(t);
  await caches.put(url, 'one');
  await caches.put(url, 'two');
  t.equal(await caches.text(url), 'two');
  const { value } = await caches.call('keys', { headers: [] });
  t.equal((value as unknown[]).length, 1);
});

void t.test('cache: what a response varies by tells requests apart', async (t) => {
  const caches = temporaryCaches(t);
  const headers = ['vary', 'Accept-Language, x-a'];
  await caches.put(url, 'deutsch', { headers, requestHeaders: ['accept-language', 'de'] });
  await caches.put(url, 'english', { headers, requestHeaders: ['accept-language', 'en'] });
  t.equal(await caches.text(url, { headers: ['accept-language', 'en'] }), 'english');
  t.equal(await caches.text(url, { headers: ['accept-language', 'de'] }), 'deutsch');
  t.equal(await caches.text(url, { headers: ['accept-language', 'de', 'x-a', '1'] }), undefined);
  t.equal(await caches.text(url, { ignoreVary: true }), 'deutsch');
  const { value } = await caches.call('all', { url, headers: [], ignoreVary: true });
  const texts = (value as { key: string }[]).map(async ({ key }) =>
    textOf(await caches.call('read', { key })),
  );
  t.same(await Promise.all(texts), ['deutsch', 'english']);
});

void t.test('cache: caches have names, an order, and nothing in common', async (t) => {
  const caches = temporaryCaches(t);
  for (const name of ['b', 'a', 'b', '']) await caches.call('open', { name });
  t.same((await caches.call('names', {})).value, ['b', 'a', '']);
  await caches.put(url, 'of a', { cache: 'a' });
  await caches.put(url, 'of default');
  t.equal(await caches.text(url, { cache: 'b' }), undefined);
  t.equal(await caches.text(url, { cache: 'a' }), 'of a');
  t.equal(await caches.text(url), 'of default');
  t.equal(await caches.text(url, { cache: null }), 'of a', 'all of them, in the order they were opened');
  t.equal((await caches.call('drop', { name: 'a' })).value, true);
  t.equal((await caches.call('drop', { name: 'a' })).value, false);
  t.equal((await caches.call('has', { name: 'a' })).value, false);
  t.equal(await caches.text(url, { cache: 'a' }), undefined);
  t.equal(await caches.text(url, { cache: null }), 'of default');
});

void t.test('cache: functions and cordons see nothing of each other', async (t) => {
  const store = temporaryStore(t);
  await openCaches(store).put(url, 'mine');
  t.equal(await openCaches(store).text(url), 'mine');
  for (const other of [{ name: 'other' }, { cordon: 'other' }, { name: 'sho' }, { name: 'shop2' }]) {
    const caches = openCaches(store, other);
    t.equal(await caches.text(url), undefined);
    t.same((await caches.call('keys', { headers: [], cache: null })).value, []);
  }
});

void t.test('cache: the key of another function reads nothing', async (t) => {
  const store = temporaryStore(t);
  await openCaches(store).put(url, 'secret');
  const [entry] = await store.list({ prefix: 'cache/' });
  await t.rejects(openCaches(store, { name: 'other' }).call('read', { key: entry?.key }), {
    code: 'ERR_CACHE_GONE',
  });
  await t.rejects(openCaches(store).call('read', { key: 'cache/default/shop/names' }), {
    code: 'ERR_CACHE_GONE',
  });
});

for (const size of [0, 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes]) {
  void t.test(`cache: a body of ${size} bytes, whole or streamed, comes back as it was`, async (t) => {
    const caches = temporaryCaches(t);
    const body = 'abcdefg'.repeat(Math.ceil(size / 7)).slice(0, size);
    async function* stream(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < size; at += 50_000)
        yield new Uint8Array(Buffer.from(body.slice(at, at + 50_000)));
    }
    await caches.put(url, body);
    t.ok((await caches.text(url)) === body);
    await caches.put(url, stream());
    t.ok((await caches.text(url)) === body);
    const answer = await caches.call('match', { url, headers: [] });
    t.equal(answer.stream !== undefined, size > pieceBytes);
    await answer.stream?.[Symbol.asyncIterator]().return?.();
  });
}

void t.test('cache: a response without a body has none', async (t) => {
  const caches = temporaryCaches(t);
  const head = {
    url,
    requestHeaders: [],
    status: 204,
    statusText: '',
    headers: [],
    responseUrl: '',
    type: 'default',
  };
  await caches.call('put', head);
  t.match(await caches.call('match', { url, headers: [] }), { value: { hasBody: false }, bytes: undefined });
});

const wrong: readonly (readonly [string, object])[] = [
  ['a part', { status: 206 }],
  ['what varies by everything', { headers: ['vary', 'x, *'] }],
  ['an ftp address', { url: 'ftp://a.test/' }],
  ['a status nobody knows', { status: 1000 }],
  ['half a header', { headers: ['a'] }],
  ['headers longer than their limit', { headers: ['a', 'x'.repeat(128 * 1024)] }],
];
for (const [what, change] of wrong) {
  void t.test(`cache: ${what} is refused`, async (t) => {
    const head = {
      url,
      requestHeaders: [],
      status: 200,
      statusText: '',
      headers: [],
      responseUrl: '',
      type: 'default',
    };
    await t.rejects(temporaryCaches(t).call('put', { ...head, ...change }), TypeError);
  });
}

void t.test(`cache: names have ${maxNameLength} characters at most`, async (t) => {
  const caches = temporaryCaches(t);
  await caches.call('open', { name: 'n'.repeat(maxNameLength) });
  await t.rejects(caches.call('open', { name: 'n'.repeat(maxNameLength + 1) }), TypeError);
  await t.rejects(caches.call('open', { name: 1 }), TypeError);
  await t.rejects(caches.call('nothing', {}), TypeError);
});

void t.test(
  'cache: a body may be 32 MiB and no byte longer, and what is refused leaves nothing',
  async (t) => {
    const store = temporaryStore(t);
    const caches = openCaches(store);
    async function* bytes(length: number): AsyncGenerator<Uint8Array> {
      const piece = new Uint8Array(1024 * 1024);
      for (let left = length; left > 0; left -= piece.length)
        yield piece.subarray(0, Math.min(left, piece.length));
    }
    t.equal(await caches.put(url, bytes(maxBodyBytes)), true);
    await t.rejects(caches.put('http://a.test/2', bytes(maxBodyBytes + 1)), { code: 'ERR_CACHE_TOO_LARGE' });
    const left = await store.list({ prefix: 'cache/default/shop/b/', keysOnly: true });
    t.equal(left.length, maxBodyBytes / pieceBytes);
  },
);
