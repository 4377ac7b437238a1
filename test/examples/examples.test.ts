import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';

const folder = join(import.meta.dirname, '../../examples');
const json = async (response: Response): Promise<unknown> => response.json();

/** Examples with a test file of their own. */
const elsewhere: readonly string[] = [
  'chat-websocket',
  'component-js',
  'hello-assemblyscript',
  'hello-c',
  'hello-go',
  'hello-python',
  'hello-ruby',
  'hello-wasm',
  'mobile-backend',
  'webapp',
  'webapp-auth',
  'webhook-relay',
];

/** What each other example is asked. */
const checks: Readonly<Record<string, (t: Test, test: TestHost) => Promise<void>>> = {
  hello: async (t, { url }) => {
    t.equal(await (await fetch(`${url}/hello/`)).text(), 'Hello, World!\n');
    t.equal(await (await fetch(`${url}/hello/?name=Zoë`)).text(), 'Hello, Zoë!\n');
  },

  'hello-lambda': async (t, { host, url }) => {
    const response = await fetch(`${url}/hello-lambda/`);
    t.equal(response.status, 200);
    t.equal(await response.text(), '"Hello from Lambda!"');
    const { value } = await host.invoke('hello-lambda', { key1: 'value1' });
    t.same(value, { statusCode: 200, body: '"Hello from Lambda!"' });
  },

  'typescript-hono': async (t, { url }) => {
    const api = `${url}/typescript-hono/api`;
    t.same(await json(await fetch(`${api}/currency`)), { currency: 'EUR' });
    const order = [
      { name: 'tea', price: 350, count: 2 },
      { name: 'cake', price: 420 },
    ];
    const total = await fetch(`${api}/total`, { method: 'POST', body: JSON.stringify(order) });
    t.same(await json(total), { total: 1120, currency: 'EUR', lines: 2 });
    t.equal(total.headers.get('access-control-allow-origin'), '*');
    t.same(await json(await fetch(`${api}/lines/tea`)), { name: 'tea' });
    t.equal((await fetch(`${api}/total`, { method: 'POST', body: '[{"name":"tea"}]' })).status, 400);
    t.equal((await fetch(`${api}/total`, { method: 'POST', body: '{' })).status, 400);
    t.equal((await fetch(`${api}/lines/42`)).status, 404);
  },

  'counter-kv': async (t, { url }) => {
    const at = `${url}/counter-kv`;
    t.same(await json(await fetch(`${at}/visits`)), { name: 'visits', count: 0 });
    await fetch(`${at}/visits`, { method: 'POST' });
    t.same(await json(await fetch(`${at}/visits`, { method: 'POST' })), { name: 'visits', count: 2 });
    await fetch(`${at}/a%20b`, { method: 'POST' });
    const names = (await json(await fetch(`${at}/`))) as { counters: { name: string; changedAt: number }[] };
    t.same(
      names.counters.map(({ name }) => name),
      ['a b', 'visits'],
    );
    t.type(names.counters[0]?.changedAt, 'number');
    t.equal((await fetch(`${at}/visits`, { method: 'DELETE' })).status, 204);
    t.same(await json(await fetch(`${at}/visits`)), { name: 'visits', count: 0 });
    t.equal((await fetch(`${at}/visits`, { method: 'PUT' })).status, 405);
  },

  'fetch-proxy': async (t, { host, url }) => {
    const at = `${url}/fetch-proxy`;
    await host.vars.set('fetch-proxy', { UPSTREAM: `${await openUpstream(t)}/base` });
    t.equal((await fetch(`${at}/`)).status, 502, 'this machine is not the internet');
    await host.deploy(join(folder, 'fetch-proxy'), { manifest: { egress: { private: ['127.0.0.1'] } } });
    await host.vars.set('fetch-proxy', { UPSTREAM: `${await openUpstream(t)}/base` });
    const got = await fetch(`${at}/a/b?c=1`, { headers: { cookie: 'secret=1', 'x-mine': 'kept' } });
    t.equal(got.status, 203);
    t.match(got.headers.get('server-timing'), /^upstream;dur=\d+$/);
    t.match(await json(got), { method: 'GET', url: '/base/a/b?c=1', mine: 'kept', cookie: null });
    const posted = await fetch(`${at}/`, { method: 'POST', body: 'x'.repeat(300_000) });
    t.match(await json(posted), { method: 'POST', url: '/base/', bytes: 300_000 });
    const redirect = await fetch(`${at}/moved`, { redirect: 'manual' });
    t.equal(redirect.status, 302, 'redirects are passed on');
    for (const path of ['//elsewhere.example/', '///elsewhere.example/', '/http://elsewhere.example/'])
      t.match(await json(await fetch(at + path)), { url: `/base${path}` }, 'no path leads elsewhere');
    await host.vars.set('fetch-proxy', { UPSTREAM: 'http://127.0.0.1:1' });
    t.equal((await fetch(`${at}/`)).status, 502, 'an upstream that is not there');
  },

  streaming: async (t, { url, client }) => {
    const clock = await fetch(`${url}/streaming/clock?ticks=3&every=5`);
    t.equal(clock.headers.get('content-type'), 'text/event-stream');
    const events = (await clock.text()).trimEnd().split('\n\n');
    t.same(
      events.map((event) => event.split('\n')[0]),
      ['id: 1', 'id: 2', 'id: 3'],
    );
    const raw = client();
    raw.send('POST /streaming/shout HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
    raw.write('7', 'hello, ', '');
    t.match(await raw.until('HELLO, '), /^HTTP\/1\.1 200 /, 'an answer before the body is complete');
    raw.write('6', 'world!', '0', '', '');
    t.match(await raw.until('0\r\n\r\n'), /WORLD!/);
    const split = await fetch(`${url}/streaming/shout`, { method: 'POST', body: 'straße é' });
    t.equal(await split.text(), 'STRASSE É');
    t.equal((await fetch(`${url}/streaming/nothing`)).status, 404);
  },
};

await t.test('examples: each is deployed and answers as its README says', async (t) => {
  const dir = await temporaryDir(t);
  const test = await openTestHost(t, { dir, cells: 2 });
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  t.same(names.sort(), [...Object.keys(checks), ...elsewhere].sort(), 'every example has a check');
  for (const [name, check] of Object.entries(checks)) {
    await test.host.deploy(join(folder, name));
    await t.test(`examples: ${name}`, (t) => check(t, test));
  }
});

/** A server that answers 203 with what it was asked, and /base/moved with a redirect. */
async function openUpstream(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    request.on('end', () => {
      if (request.url === '/base/moved') return response.writeHead(302, { location: '/elsewhere' }).end();
      const { method, url, headers } = request;
      response.writeHead(203, { 'content-type': 'application/json' });
      const mine = headers['x-mine'] ?? null;
      return response.end(JSON.stringify({ method, url, bytes, mine, cookie: headers.cookie ?? null }));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
