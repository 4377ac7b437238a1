import t from 'tap';
import type { Test } from 'tap';
import type { Call } from '#host/call.ts';
import { text } from '#test/support/http-dispatch.ts';
import type { TestDispatch } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';

/** The last request a dispatch got, its headers as pairs. */
function lastRequest(t: Test, dispatch: TestDispatch): { call: Call & { kind: 'request' }; pairs: string[] } {
  const call = dispatch.calls.at(-1);
  if (call?.kind !== 'request') throw t.fail('no request came');
  const pairs: string[] = [];
  for (let i = 0; i < call.headers.length; i += 2) pairs.push(`${call.headers[i]}: ${call.headers[i + 1]}`);
  return { call, pairs };
}

void t.test('gateway: request headers arrive in order, lower case, repeated ones repeated', async (t) => {
  const { client, dispatch } = await serve(t, { hello: text('') });
  await client()
    .send(
      'GET / HTTP/1.1',
      'X-A: 1',
      'Host: hello.localhost',
      'x-a: 2',
      'Cookie: a=b',
      'X-Empty:',
      'X-L: \xe9',
    )
    .response();
  t.strictSame(lastRequest(t, dispatch).pairs, [
    'x-a: 1',
    'x-a: 2',
    'cookie: a=b',
    'x-empty: ',
    'x-l: \xe9',
    'host: hello.localhost',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-proto: http',
  ]);
});

void t.test('gateway: hop-by-hop headers, and those Connection lists, stay outside', async (t) => {
  const { client, dispatch } = await serve(t, { hello: text('') });
  await client()
    .send(
      'GET / HTTP/1.1',
      'Host: hello.localhost',
      'Connection: keep-alive, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: x',
      'Upgrade: websocket',
      'Proxy-Authorization: basic x',
      'Proxy-Connection: close',
      'Expect: 100-continue',
      'X-Islet-Id: forged',
      'X-Kept: 1',
    )
    .response();
  t.strictSame(lastRequest(t, dispatch).pairs.slice(0, -3), ['x-kept: 1']);
});

void t.test('gateway: forwarding headers of a client are dropped', async (t) => {
  const { client, dispatch } = await serve(t, { hello: text('') });
  const forged = [
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Prefix: /x',
  ];
  await client()
    .send(
      'GET / HTTP/1.1',
      'Host: hello.localhost',
      ...forged,
      'Forwarded: for=6.6.6.6',
      'X-Real-IP: 6.6.6.6',
    )
    .response();
  const { call, pairs } = lastRequest(t, dispatch);
  t.strictSame(pairs, ['host: hello.localhost', 'x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http']);
  t.equal(call.url, 'http://hello.localhost/');
  t.equal(call.ip, '127.0.0.1');
});

void t.test(
  'gateway: with trustProxy the proxy says who the client is and what scheme it used',
  async (t) => {
    const { client, dispatch } = await serve(t, { hello: text('') }, { trustProxy: true });
    await client()
      .send(
        'GET /hello/a HTTP/1.1',
        'Host: h',
        'X-Forwarded-For: 6.6.6.6, 7.7.7.7',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Prefix: /api',
        'X-Real-IP: 7.7.7.7',
      )
      .response();
    const { call, pairs } = lastRequest(t, dispatch);
    t.equal(call.ip, '7.7.7.7');
    t.equal(call.url, 'https://h/a');
    t.strictSame(pairs, [
      'x-real-ip: 7.7.7.7',
      'host: h',
      'x-forwarded-for: 6.6.6.6, 7.7.7.7, 127.0.0.1',
      'x-forwarded-proto: https',
      'x-forwarded-prefix: /api/hello',
    ]);
  },
);

void t.test(
  'gateway: the prefix is stripped and told, percent-encoding and query stay as sent',
  async (t) => {
    const { client, dispatch } = await serve(t, { hello: text('') });
    const c = client();
    const cases: readonly (readonly [string, string])[] = [
      ['/hello', 'http://h:8787/'],
      ['/hello/', 'http://h:8787/'],
      ['/hello?a=b', 'http://h:8787/?a=b'],
      ['/hello@1/x', 'http://h:8787/x'],
      ['/hello/a%2Fb%20c/%ED%95%9C?q=%20+&r=a/../b', 'http://h:8787/a%2Fb%20c/%ED%95%9C?q=%20+&r=a/../b'],
      ['/hello//x', 'http://h:8787//x'],
      ['/hello/a/../b/./c', 'http://h:8787/b/c'],
      ['/hello/a/%2e%2E/b', 'http://h:8787/b'],
      ['/other/../hello/x', 'http://h:8787/x'],
      ['http://Hello.localhost:8787/x?y', 'http://hello.localhost:8787/x?y'],
      ['http://hello.localhost?y', 'http://hello.localhost/?y'],
    ];
    for (const [target, url] of cases) {
      t.equal((await c.send(`GET ${target} HTTP/1.1`, 'Host: H:8787').response()).status, 200, target);
      const { call, pairs } = lastRequest(t, dispatch);
      t.equal(call.url, url, target);
      const prefix = /^\/hello(?:@1)?/.exec(target)?.[0];
      if (prefix !== undefined) t.ok(pairs.includes(`x-forwarded-prefix: ${prefix}`), target);
      else t.ok(pairs.includes(`host: ${new URL(url).host}`), target);
    }
  },
);

void t.test('gateway: a path that climbs out of its function finds another or none', async (t) => {
  const { client } = await serve(t, { hello: text('hello') });
  const response = await client().send('GET /hello/../nothing HTTP/1.1', 'Host: h').response();
  t.equal(response.status, 404);
});

void t.test('gateway: what a guest may not set is left out, the rest is sent as it is', async (t) => {
  const { client } = await serve(t, {
    hello: text('hello', [
      'Content-Length',
      '999',
      'transfer-encoding',
      'chunked',
      'connection',
      'close, x-hop',
      'x-hop',
      '1',
      'keep-alive',
      'timeout=1',
      'trailer',
      'x',
      'upgrade',
      'h2c',
      'proxy-authenticate',
      'basic',
      'X-Islet-Id',
      'forged',
      'x-islet-error',
      'ERR_FORGED',
      'server',
      'mine',
      'date',
      'Thu, 01 Jan 1970 00:00:00 GMT',
      'set-cookie',
      'a=1; Path=/',
      'set-cookie',
      'b=2, c',
      'X-R',
      '1',
      'x-r',
      '2',
      'x-l',
      '\xe9',
    ]),
  });
  const c = client();
  const { headers, body } = await c.send('GET /hello HTTP/1.1', 'Host: h').response();
  t.equal(body, 'hello');
  const own = headers.filter(([name]) => name !== 'connection' && name !== 'keep-alive');
  t.match(own.shift(), ['x-islet-id', /^[0-9a-f-]{36}$/]);
  t.strictSame(own, [
    ['server', 'mine'],
    ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    ['set-cookie', 'a=1; Path=/'],
    ['set-cookie', 'b=2, c'],
    ['x-r', '1'],
    ['x-r', '2'],
    ['x-l', '\xe9'],
    ['content-length', '5'],
  ]);
  t.equal(headers.find(([name]) => name === 'connection')?.[1], 'keep-alive');
  t.equal((await c.send('GET /hello HTTP/1.1', 'Host: h').response()).body, 'hello');
});

void t.test('gateway: a header that could end the head early makes the answer 502', async (t) => {
  const bad: readonly (readonly string[])[] = [
    ['x-a', 'b\r\nx-injected: 1'],
    ['x-a', 'b\nc'],
    ['x-a', 'b\0'],
    ['x-a', 'b\x7f'],
    ['x-a', '한'],
    ['x a', 'b'],
    ['x-a\r\nx-injected', 'b'],
    ['', 'b'],
    ['x-a:', 'b'],
    ['x-a'],
  ];
  const { client } = await serve(t, {
    hello: (guest) => {
      if (guest.call.kind !== 'request') return;
      guest.head(200, bad[Number(guest.call.url.at(-1))]!, { kind: 'text', text: 'secret' });
    },
  });
  const c = client();
  for (const i of bad.keys()) {
    const response = await c.send(`GET /hello/${i} HTTP/1.1`, 'Host: h').response();
    t.equal(response.status, 502, JSON.stringify(bad[i]));
    t.equal(response.header('x-islet-error'), 'ERR_GUEST_RESULT');
    t.equal(response.header('x-injected'), undefined);
    t.notMatch(response.body, /secret/);
  }
});

void t.test(
  'gateway: a request to upgrade to what is not spoken here is answered as the request it also is',
  async (t) => {
    const { client } = await serve(t, { hello: text('hello') });
    const response = await client()
      .send('GET /hello HTTP/1.1', 'Host: h', 'Connection: Upgrade', 'Upgrade: h2c')
      .response();
    t.equal(response.status, 200);
    t.equal(response.body, 'hello');
  },
);

void t.test('gateway: methods pass through, OPTIONS too', async (t) => {
  const { client, dispatch } = await serve(t, { hello: text('') });
  const c = client();
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']) {
    t.equal((await c.send(`${method} /hello HTTP/1.1`, 'Host: h').response()).status, 200, method);
    t.equal(lastRequest(t, dispatch).call.method, method);
  }
});
