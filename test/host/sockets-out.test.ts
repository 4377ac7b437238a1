import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { openTestHost } from '#test/support/host.ts';
import { connectSocket } from '#test/support/socket-client.ts';

const test = await openTestHost(t);

/** A WebSocket server that echoes, and tells what it was asked with first. */
const upstream = createServer((_request, response) => {
  response.writeHead(403, { 'x-upstream': 'yes' }).end('no socket here');
});
const sockets = new WebSocketServer({
  noServer: true,
  handleProtocols: (names) => (names.has('b') ? 'b' : false),
});
upstream.on('upgrade', (request, socket, head) => {
  if (request.url === '/refuses') {
    socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnone');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    if (request.url === '/headers') client.send(JSON.stringify(request.headers));
    if (request.url === '/closes') client.close(4004, 'gone');
    if (request.url === '/breaks') client.terminate();
    if (request.url === '/long') client.send(Buffer.alloc(3000));
    client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
  });
});
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
t.teardown(() => {
  for (const client of sockets.clients) client.terminate();
  upstream.close();
});
const { port } = upstream.address() as AddressInfo;
const host = `127.0.0.1:${port}`;
const limits = { cpuMs: 10_000 };

await test.deployGuest('dials', 'dials.js', { egress: { private: [host] }, limits });

async function dial(
  query: Readonly<Record<string, string>>,
  name: string = 'dials',
): Promise<Record<string, unknown>> {
  const answer = await test.request(`/${name}/?${new URLSearchParams(query).toString()}`);
  return JSON.parse(answer.text) as Record<string, unknown>;
}

void t.test('sockets out: new WebSocket, as browsers have it', async (t) => {
  const url = `ws://${host}/`;
  t.match(await dial({ how: 'browser', url, first: 'hi' }), {
    opened: true,
    messages: ['hi'],
    protocol: '',
    origin: `ws://${host}`,
    code: 3000,
    reason: 'enough',
    wasClean: true,
  });
  t.match(await dial({ how: 'browser', url, bytes: '70000' }), { messages: ['Blob 70000'] });
  t.match(await dial({ how: 'browser', url, protocol: 'b', first: 'x' }), { protocol: 'b' });
  t.match(await dial({ how: 'browser', url: `${url}closes` }), {
    code: 4004,
    reason: 'gone',
    wasClean: true,
  });
  t.match(await dial({ how: 'browser', url: `${url}breaks` }), { code: 1006, wasClean: false, error: true });
  for (const [what, query] of [
    ['an answer that is no socket', { url: `${url}refuses` }],
    ['a port where nobody listens', { url: 'ws://127.0.0.1:1/' }],
    ['a protocol the server does not speak', { url, protocol: 'nope' }],
  ] as const)
    t.match(await dial({ how: 'browser', ...query }), { opened: false, error: true, code: 1006 }, what);
});

void t.test('sockets out: fetch with an upgrade header, as Workers have it', async (t) => {
  const url = `http://${host}/`;
  t.match(await dial({ how: 'workers', url, first: 'hi' }), { status: 101, messages: ['hi'], code: 3000 });
  t.match(await dial({ how: 'workers', url, bytes: '5' }), {
    messages: ['ArrayBuffer 5'],
    binaryType: 'arraybuffer',
  });
  t.match(await dial({ how: 'workers', url, protocol: 'b', first: 'x' }), { protocol: 'b' });
  t.match(await dial({ how: 'workers', url: `${url}refuses` }), { status: 404, text: 'none' });
  const { messages } = await dial({ how: 'workers', url: `${url}headers` });
  const [headers] = messages as readonly string[];
  t.match(JSON.parse(headers ?? ''), { 'x-own': 'yes', upgrade: 'websocket', host });
});

void t.test('sockets out: a response with a socket can be handed on', async (t) => {
  const to = encodeURIComponent(`http://${host}/`);
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/dials/?how=proxy&url=${to}`);
  t.equal(await client.ask('through'), 'through');
  const bytes = Buffer.alloc(300_000, 3);
  t.ok(bytes.equals((await client.ask(bytes)) as Buffer), 'long messages too');
  t.match(await client.close(4002), { code: 4002 });
  const gone = await connectSocket(
    `ws://127.0.0.1:${test.port}/dials/?how=proxy&url=${encodeURIComponent(`http://${host}/closes`)}`,
  );
  t.match(
    await gone.closed,
    { code: 4004, reason: 'gone' },
    'the end of the other side is the end of this one',
  );
});

void t.test('sockets out: both ends of a pair may stay in the function', async (t) => {
  t.same(await dial({ how: 'pair' }), { answer: 'a!', seen: ['other 4000 done'], states: [3, 3] });
});

void t.test('sockets out: the guard and the policy hold as for fetch', async (t) => {
  const url = `ws://${host}/`;
  await test.deployGuest('plain', 'dials.js', { limits });
  t.match(await dial({ how: 'browser', url }, 'plain'), { opened: false, code: 1006 }, 'private addresses');
  await test.deployGuest('off', 'dials.js', { egress: 'off', limits });
  t.match(await dial({ how: 'browser', url }, 'off'), { opened: false });
  await test.deployGuest('other', 'dials.js', { egress: { allow: ['example.com'], private: [] }, limits });
  t.match(await dial({ how: 'browser', url }, 'other'), { opened: false }, 'a host that is not on the list');
  await test.deployGuest('listed', 'dials.js', {
    egress: {
      allow: [{ host: '127.0.0.1', port }],
      private: [host],
      headers: { [host]: { 'x-key': '${KEY}' } },
    },
    limits,
  });
  await test.host.secrets.put('listed', 'KEY', 'hush');
  const { messages } = await dial({ how: 'browser', url: `${url}headers` }, 'listed');
  t.equal(
    (JSON.parse((messages as readonly string[])[0] ?? '') as Record<string, string>)['x-key'],
    'hush',
    'headers are filled in',
  );
  const refused = await test.request(`/plain/?how=workers&url=${encodeURIComponent(`http://${host}/`)}`);
  t.equal(refused.status, 500, 'fetch rejects, with the code of the guard');
});

void t.test('sockets out: counted as subrequests, and bounded in bytes', async (t) => {
  const url = `ws://${host}/`;
  await test.deployGuest('few', 'dials.js', {
    egress: { private: [host] },
    limits: { ...limits, subrequests: 3 },
  });
  t.same(await dial({ how: 'many', url, n: '3' }, 'few'), [1, 1, 1]);
  const over = await test.request(`/few/?how=many&n=4&url=${encodeURIComponent(url)}`);
  t.same(over.headers['x-islet-error'], ['ERR_LIMIT_SUBREQUESTS'], 'one over');
  const egress = { private: [host], responseBytes: 3000 };
  await test.deployGuest('small', 'dials.js', { egress, limits });
  t.match(await dial({ how: 'browser', url: `${url}long` }, 'small'), {
    messages: ['Blob 3000'],
    code: 3000,
  });
  await test.deployGuest('smaller', 'dials.js', { egress: { ...egress, responseBytes: 2999 }, limits });
  t.match(await dial({ how: 'browser', url: `${url}long` }, 'smaller'), { messages: [], code: 1006 });
  await test.deployGuest('short', 'dials.js', {
    egress: { private: [host] },
    limits: { ...limits, messageBytes: 2999 },
  });
  t.match(await dial({ how: 'browser', url: `${url}long` }, 'short'), { messages: [], wasClean: false });
});
