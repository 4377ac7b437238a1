import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

/** Does what the query says with `caches`, and answers as JSON. */
const source = `export default { async fetch(request) {
  const { searchParams, pathname } = new URL(request.url);
  const cache = searchParams.has('named') ? await caches.open(searchParams.get('named')) : caches.default;
  const key = 'http://kept.test/' + searchParams.get('key');
  try {
    if (pathname === '/put') {
      await cache.put(key, new Response(request.body, { headers: { 'content-type': 'a/b', 'x-y': 'z' } }));
      return Response.json('put');
    }
    if (pathname === '/match') {
      const found = await cache.match(key);
      if (found === undefined) return Response.json(null);
      let guard; try { found.headers.set('a', 'b') } catch (e) { guard = e.name }
      return Response.json([found.status, found.type, [...found.headers], (await found.text()).length, guard]);
    }
    if (pathname === '/pass') return await cache.match(key);
    return Response.json('what?');
  } catch (e) { return Response.json([e.name, e.code ?? null, e.message]) }
} }`;

void t.test('caches: a function finds what it put, also after a restart of the host', async (t) => {
  let host = await openTestHost(t);
  await host.deploy('shop', source);
  await host.deploy('other', source);
  await host.deploy('apart', source, { cordon: 'apart' });
  const get = async (path: string): Promise<unknown> => JSON.parse((await host.request(path)).text);
  const body = 'b'.repeat(600_000);
  t.equal((await host.request('/shop/put?key=1', { method: 'POST', body })).text, '"put"');
  t.equal((await host.request('/shop/put?key=1&named=n', { method: 'POST', body: 'small' })).text, '"put"');
  const found = [
    200,
    'default',
    [
      ['content-type', 'a/b'],
      ['x-y', 'z'],
    ],
    body.length,
    'TypeError',
  ];
  const check = async (): Promise<void> => {
    t.strictSame(await get('/shop/match?key=1'), found);
    t.match(await get('/shop/match?key=1&named=n'), { 3: 5 });
    t.equal(await get('/shop/match?key=2'), null);
    t.equal(await get('/other/match?key=1'), null);
    t.equal(await get('/apart/match?key=1'), null);
    const passed = await host.request('/shop/pass?key=1');
    t.ok(passed.text === body);
    t.strictSame(passed.headers['content-type'], ['a/b']);
  };
  await check();
  host = await host.restart();
  await check();
});

void t.test('caches: every operation is one of the subrequests', async (t) => {
  const host = await openTestHost(t);
  const program = (times: number): string => `export default { async fetch() {
    for (let i = 0; i < ${times}; i++) await caches.default.match('http://a.test/' + i);
    return new Response('done');
  } }`;
  await host.deploy('within', program(3), { limits: { subrequests: 3 } });
  await host.deploy('beyond', program(4), { limits: { subrequests: 3 } });
  t.equal((await host.request('/within/')).text, 'done');
  const refused = await host.request('/beyond/');
  t.equal(refused.status, 503);
  t.strictSame(refused.headers['x-islet-error'], ['ERR_LIMIT_SUBREQUESTS']);
});

void t.test('caches: the interface is the standard one', async (t) => {
  const host = await openTestHost(t);
  await host.deploy(
    'shapes',
    `export default { async fetch() {
      const seen = []; const name = async (run) => { try { return [await run()] } catch (e) { return e.name } };
      const cache = await caches.open('c'); const url = 'http://a.test/';
      await cache.put(url, new Response('x', { headers: { vary: 'a' } }));
      await cache.put(url + '2', Response.redirect(url));
      await cache.put(url + '3', new Response(null, { status: 204 }));
      seen.push((await cache.keys()).map((r) => r.url), (await cache.matchAll()).map((r) => r.status));
      seen.push(await caches.keys(), await caches.has('c'), (await (await caches.match(url)).text()));
      seen.push(await name(() => cache.match(new Request(url, { method: 'POST' }))), await name(() => caches.match(url, { cacheName: 'd' })));
      seen.push(await name(() => cache.put(new Request(url, { method: 'POST' }), new Response())));
      seen.push(await name(() => cache.put('data:,x', new Response())), await name(() => cache.put(url, {})));
      seen.push(await name(() => cache.put(url, new Response('', { status: 206 }))));
      seen.push(await name(() => cache.put(url, new Response('', { headers: { vary: '*' } }))));
      const used = new Response('x'); await used.text(); seen.push(await name(() => cache.put(url, used)));
      seen.push(await name(() => cache.addAll(['data:,x'])), await name(() => new Cache()), await name(() => cache.match()));
      seen.push(await cache.delete(url), await cache.delete(url), await caches.delete('c'), await caches.has('c'));
      seen.push(String(caches), String(cache), Cache.name, Cache.length, cache.put.length, Object.keys(Cache.prototype).sort());
      return Response.json(seen);
    } }`,
  );
  t.strictSame(JSON.parse((await host.request('/shapes/')).text), [
    ['http://a.test/', 'http://a.test/2', 'http://a.test/3'],
    [200, 302, 204],
    ['c'],
    true,
    'x',
    [null],
    [null],
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    true,
    false,
    true,
    false,
    '[object CacheStorage]',
    '[object Cache]',
    'Cache',
    0,
    2,
    ['add', 'addAll', 'delete', 'keys', 'match', 'matchAll', 'put'],
  ]);
});

void t.test('caches: add and addAll store what they fetch, all or nothing', async (t) => {
  const host = await openTestHost(t);
  await host.deploy(
    'up',
    `export default { fetch(r) { const u = new URL(r.url); return new Response(u.search, { status: u.search === '?bad' ? 500 : 200 }) } }`,
  );
  await host.deploy(
    'adds',
    `export default { async fetch(r) { const up = new URL(r.url).searchParams.get('up'); const cache = caches.default; const seen = [];
      const name = async (run) => { try { return await run() ?? 'done' } catch (e) { return e.name } };
      seen.push(await name(() => cache.add(up + '?1')), await (await cache.match(up + '?1')).text());
      seen.push(await name(() => cache.addAll([up + '?2', up + '?bad'])), await cache.match(up + '?2') === undefined);
      seen.push(await name(() => cache.addAll([up + '?3', up + '?3'])), await name(() => cache.addAll([up + '?2', new Request(up + '?3')])));
      seen.push((await cache.keys()).map((q) => q.url.split('?')[1]));
      return Response.json(seen) } }`,
    { egress: { private: [`127.0.0.1:${host.port}`] } },
  );
  const up = encodeURIComponent(`http://127.0.0.1:${host.port}/up/`);
  t.strictSame(JSON.parse((await host.request(`/adds/?up=${up}`)).text), [
    'done',
    '?1',
    'TypeError',
    true,
    'InvalidStateError',
    'done',
    ['1', '2', '3'],
  ]);
});
