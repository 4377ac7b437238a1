import { createServer } from 'node:http';
import * as fc from 'fast-check';
import t from 'tap';
import { createGateway } from '#host/http/gateway.ts';
import { PlainConnections } from '#host/http/plain-connections.ts';
import { TestDispatch, testRegistry, text } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';
import { RawClient } from '#test/support/raw-client.ts';

const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tells the whole call, in an answer whose shape the query chooses. */
const tell: Guest = async (guest) => {
  const { call } = guest;
  if (call.kind !== 'request') return;
  // Later than anything that came behind its request in the same piece.
  await pause(1);
  let body = Buffer.from(call.body ?? []);
  if (call.streamed) for await (const chunk of guest.body) body = Buffer.concat([body, chunk]);
  const { method, url, headers } = call;
  const text = JSON.stringify({ method, url, headers, body: body.toString('latin1') });
  const list = ['content-type', 'text/plain', 'Set-Cookie', 'a', 'set-cookie', 'b', 'connection', 'x-gone'];
  if (url.includes('date')) list.push('date', 'then');
  if (url.includes('length')) list.push('content-length', String(text.length));
  if (url.includes('latin')) list.push('x-latin', '\u00e4');
  if (url.includes('bad')) list.push('x bad', '');
  const status = url.includes('204') ? 204 : url.includes('304') ? 304 : 200;
  if (url.includes('throw')) throw new Error('no');
  if (url.includes('none')) return guest.head(status, list, { kind: 'none' });
  if (url.includes('bytes')) return guest.head(status, list, { kind: 'bytes', bytes: Buffer.from(text) });
  if (!url.includes('stream')) return guest.head(status, list, { kind: 'text', text: `${text}ü` });
  guest.head(status, list, { kind: 'stream' });
  for (const piece of [text.slice(0, 9), text.slice(9)]) {
    await guest.chunk(Buffer.from(piece));
    // node:http makes one chunk of what is written in one turn.
    await pause(1);
  }
  if (url.includes('long')) await guest.chunk(Buffer.from('x'));
  return url.includes('short') ? undefined : guest.finish();
};

/** All that comes until the connection ends, or for a while; without what differs from answer to answer. */
async function answers(client: RawClient, pieces: readonly string[], betweenMs: number): Promise<string> {
  for (const piece of pieces) {
    client.write(piece);
    await pause(betweenMs);
  }
  client.send('GET /tell/last HTTP/1.1', 'Host: h', 'Connection: close');
  const all = await Promise.race([client.rest(), pause(150 + 5 * betweenMs).then(() => 'waits')]);
  client.close();
  const parts = all
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/Date: .*/g, 'DATE')
    .replaceAll(/connection: close/gi, 'CLOSE')
    .split('HTTP/1.1 ');
  // Nobody reads what follows an answer that is the last (RFC 9112, 9.6).
  const last = parts.findIndex((part) => part.includes('CLOSE'));
  const read = parts.slice(0, last < 0 ? undefined : last + 1);
  return read.map((part) => part.split('\r\n').sort().join('\n')).join('HTTP/1.1 ');
}

const words = ['date', 'length', 'latin', 'bad', '204', '304', 'none', 'bytes', 'stream', 'throw', 'long'];
const target = fc.oneof(
  { weight: 6, arbitrary: fc.subarray(words).map((some) => `/tell/x?${some.join('&')}`) },
  { weight: 2, arbitrary: fc.constantFrom('/nobody/', '//', '/tell', '/tell/../nobody', '/tell/%2e%2e/a') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('*', 'http://h/tell/', '/tell/\u00e4', '/tell/#a', '/tell/a b', ''),
  },
);
const method = fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'get', 'X');
const field = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('Accept: */*', 'a:b', 'X-Islet-Id: 1', 'Cookie: a=b; c', 'b:') },
  { weight: 2, arbitrary: fc.constantFrom('Connection: keep-alive', 'Connection: close', 'TE: trailers') },
  { weight: 2, arbitrary: fc.constantFrom('Content-Length: 3', 'Content-Length: 0', 'Content-Length: 4') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'Transfer-Encoding: chunked',
      'Transfer-Encoding : chunked',
      'Content-Length: 3, 3',
      'Content-Length: +3',
      'Connection: x-a, close',
      'Host: other',
      'Expect: 100-continue',
      'Expect: more',
      'a : b',
      ' folded',
      'a: b\rc: d',
      'a: b\nContent-Length: 3',
      'a\u0000: b',
      'x: \u00e4',
      'Proxy-Connection: close',
      'x: y\t ',
    ),
  },
);
const hostLine = fc.constantFrom(
  'Host: h',
  'Host: h',
  'Host: h',
  'host:h:80',
  'Host: a b',
  'Host:',
  'Hos: h',
);
const request = fc
  .record({
    method,
    target,
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2'),
    host: hostLine,
    fields: fc.array(field, { maxLength: 4 }),
    end: fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n'),
    body: fc.constantFrom('', '', 'abc', 'abcd', '1\r\na\r\n0\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n'),
  })
  .map(({ method, target, version, host, fields, end, body }) =>
    [`${method} ${target} ${version}`, host, ...fields, '', body].join(end),
  );

void t.test('plain connections: whatever is sent, the answers are those of node:http alone', async (t) => {
  const quick = await serve(t, { tell });
  const slow = await serve(t, { tell }, { plain: false });
  const both = (pieces: readonly string[], betweenMs: number): Promise<readonly [string, string]> =>
    Promise.all([answers(quick.client(), pieces, betweenMs), answers(slow.client(), pieces, betweenMs)]);
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (pieces) => {
      // Pieces that run together on a busy machine are another request: a difference must show at leisure too.
      for (const betweenMs of [6, 50, 400]) {
        const [one, other] = await both(pieces, betweenMs);
        if (one === other) return true;
        if (betweenMs === 400) t.equal(one, other, JSON.stringify(pieces));
      }
      return false;
    }),
    { numRuns: 150, endOnFailure: true },
  );
  t.pass('150 conversations');
});

void t.test('plain connections: a head cut anywhere is answered like a whole one', async (t) => {
  const { client } = await serve(t, { tell });
  const head = 'POST /tell/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc';
  const whole = await client().write(head).response();
  for (const cut of [1, 4, 19, 20, 21, 22, 30, head.length - 5, head.length - 4, head.length - 1]) {
    const c = client().write(head.slice(0, cut));
    await pause(3);
    const { status, body } = await c.write(head.slice(cut)).response();
    t.strictSame({ status, body }, { status: 200, body: whole.body }, `cut at ${cut}`);
    t.equal((await c.send('GET /tell/ HTTP/1.1', 'Host: h').response()).status, 200, 'and stays');
  }
});

void t.test('plain connections: a request sent ahead waits, is whole, and is answered after', async (t) => {
  const gate = Promise.withResolvers<void>();
  const slow: Guest = async (guest) => {
    await gate.promise;
    guest.head(200, [], { kind: 'text', text: 'slow' });
  };
  const { client, dispatch } = await serve(t, { slow, tell });
  const c = client().send('GET /slow HTTP/1.1', 'Host: h');
  while (dispatch.calls.length < 1) await pause(2);
  c.write('POST /tell/ HTTP/1.1', 'Host: h', 'Content-Length: 6', '', 'abc');
  await pause(3);
  c.write('defGET /tell/ HTTP/1.1', 'Host: h', '', '');
  await pause(3);
  t.equal(dispatch.calls.length, 1);
  gate.resolve();
  t.equal((await c.response()).body, 'slow');
  t.match((await c.response()).body, /"method":"POST".*"body":"abcdef"/);
  t.match((await c.response()).body, /"method":"GET"/);
});

void t.test('plain connections: a client that leaves aborts its call', async (t) => {
  const stuck: Guest = async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const { client, dispatch } = await serve(t, { stuck });
    const c = client().send('GET /stuck HTTP/1.1', 'Host: h');
    while (dispatch.calls.length < 1) await pause(2);
    c.socket[leave]();
    while (dispatch.events.length < 1) await pause(2);
    t.strictSame(dispatch.events, ['abort'], leave);
  }
});

void t.test('plain connections: a client that does not read holds its connection, not memory', async (t) => {
  const piece = Buffer.alloc(64 * 1024);
  const progress = { sent: 0 };
  const flood: Guest = async (guest) => {
    guest.head(200, [], { kind: 'stream' });
    for (let i = 0; i < 400; i++) {
      await guest.chunk(piece);
      progress.sent += piece.length;
    }
    guest.finish();
  };
  const { client, dispatch } = await serve(t, { flood });
  const c = client();
  c.socket.pause();
  c.send('GET /flood HTTP/1.1', 'Host: h');
  let before = -1;
  while (before !== progress.sent || progress.sent === 0) {
    before = progress.sent;
    await pause(100);
  }
  t.ok(progress.sent < 400 * piece.length, 'the guest waits');
  t.ok(dispatch.mostUnconsumed <= 256 * 1024 + piece.length);
  c.socket.resume();
  t.equal((await c.response()).body.length, 400 * piece.length);
  t.equal((await c.send('GET /nobody HTTP/1.1', 'Host: h').response()).status, 404);
});

void t.test('plain connections: closing says so in the answer under way', async (t) => {
  const gate = Promise.withResolvers<void>();
  const slow: Guest = async (guest) => {
    await gate.promise;
    guest.head(200, [], { kind: 'text', text: 'slow' });
  };
  const { client, dispatch, listener } = await serve(t, { slow });
  const c = client().send('GET /slow HTTP/1.1', 'Host: h');
  while (dispatch.calls.length < 1) await pause(2);
  const closed = listener.close({ graceMs: 60_000 });
  gate.resolve();
  t.equal((await c.response()).header('connection'), 'close');
  t.equal(await c.rest(), '');
  await closed;
});

void t.test('plain connections: one that idles too long ends, one that never asks is told 408', async (t) => {
  const functions = { hello: { guest: text('hello') } };
  const gateway = createGateway({
    registry: testRegistry(functions),
    dispatch: new TestDispatch(functions),
    log: () => {},
  });
  const server = createServer({ keepAliveTimeout: 1000, headersTimeout: 1000 }, gateway);
  const { plain, clientError } = gateway;
  const connections = new PlainConnections(server, { take: plain, refuse: clientError, trustProxy: false });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const silent = new RawClient(address.port);
  const idle = new RawClient(address.port).send('GET /hello HTTP/1.1', 'Host: h');
  t.equal((await idle.response()).header('keep-alive'), 'timeout=1');
  t.equal(await idle.rest(), '');
  const refused = await silent.response();
  t.equal(refused.status, 408);
  t.equal(refused.header('x-islet-error'), 'ERR_REQUEST_TIMEOUT');
  await silent.rest();
  connections.closeAll();
  await new Promise((resolve) => server.close(resolve));
});
