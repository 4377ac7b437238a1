import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import t from 'tap';
import { HostError } from '#runtime/errors.ts';
import { bodyOf, temporaryServer } from '#test/support/store-server.ts';
import { temporaryFetch, textOf } from '#test/support/store-fetch.ts';

void t.test('fetch: what the network does is ERR_FETCH_FAILED, naming the host', async (t) => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const garbage = createServer((socket) => socket.end('SMTP says hello\r\n\r\n')).listen(0, '127.0.0.1');
  const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await Promise.all([once(garbage, 'listening'), once(silent, 'listening')]);
  t.teardown(() => {
    garbage.close();
    silent.close();
  });
  const fetch = temporaryFetch(t);
  const hosts = [
    `127.0.0.1:${port}`,
    `127.0.0.1:${(garbage.address() as AddressInfo).port}`,
    `127.0.0.1:${(silent.address() as AddressInfo).port}`,
  ];
  for (const host of hosts) {
    await t.rejects(fetch({ url: `http://${host}/` }), { code: 'ERR_FETCH_FAILED', message: host });
  }
  await t.rejects(fetch({ url: `https://${hosts[1]}/` }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a body cut short fails its reader', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('some', () => response.destroy());
  });
  const answer = await temporaryFetch(t)({ url: origin });
  await t.rejects(textOf(answer), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a request body that fails, fails the fetch', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    void bodyOf(request).then(
      () => response.end(),
      () => undefined,
    );
  });
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw new Error('internals');
  }
  const sent = temporaryFetch(t)({ url: origin, method: 'POST' }, { stream: failing() });
  await t.rejects(sent, { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: addresses other than http(s) are refused', async (t) => {
  const fetch = temporaryFetch(t);
  for (const url of [
    'file:///etc/passwd',
    'ftp://a/',
    'data:,x',
    'javascript:1',
    'ws://a/',
    'about:blank',
    'blob:x',
  ]) {
    await t.rejects(fetch({ url }), { code: 'ERR_EGRESS_REFUSED' });
  }
});

void t.test('fetch: what is no request rejects with TypeError', async (t) => {
  const fetch = temporaryFetch(t);
  const url = 'http://127.0.0.1:1/';
  const mistakes: unknown[] = [
    null,
    'text',
    [],
    {},
    { url: 7 },
    { url: '/relative' },
    { url: 'http://user:word@127.0.0.1/' },
    { url, method: '' },
    { url, method: 'GET /' },
    { url, method: 'CONNECT' },
    { url, method: 'trace' },
    { url, headers: {} },
    { url, headers: ['one'] },
    { url, headers: ['bad name', 'x'] },
    { url, headers: ['x', 'a\r\nb: c'] },
    { url, headers: ['x', '\u0100'] },
    { url, headers: ['x', 7] },
    { url, redirect: 'perhaps' },
  ];
  for (const args of mistakes) await t.rejects(fetch(args), TypeError, JSON.stringify(args));
  await t.rejects(fetch({ url }, { bytes: new Uint8Array(1) }), TypeError);
});

void t.test(
  'fetch: whatever a guest sends is answered, or rejected with TypeError or HostError',
  async (t) => {
    const origin = await temporaryServer(t, (request, response) => {
      request.resume();
      response.end('ok');
    });
    const fetch = temporaryFetch(t);
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const args = fc.record(
      {
        url: fc.oneof(
          fc.constant(origin),
          text.map((path) => `${origin}/${path}`),
          fc.jsonValue(),
        ),
        method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'get', 'M-SEARCH', 'QUERY'), text),
        headers: fc.oneof(
          fc.array(fc.oneof(text, fc.constantFrom('a', 'x-y', 'cookie', 'range'))),
          fc.jsonValue(),
        ),
        redirect: fc.oneof(fc.constantFrom('follow', 'manual', 'error'), text),
      },
      { requiredKeys: ['url'] },
    );
    await t.resolves(
      fc.assert(
        fc.asyncProperty(args, async (args) => {
          try {
            await textOf(await fetch(args));
            return true;
          } catch (error) {
            return error instanceof TypeError || error instanceof HostError;
          }
        }),
        { numRuns: 300 },
      ),
    );
  },
);
