import { once } from 'node:events';
import { createServer } from 'node:http';
import t from 'tap';
import type { Limits } from '#runtime/limits.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import { connectSocket, openSocket, type SocketClient } from '#test/support/socket-client.ts';

const kv = { bindings: { KV: { kind: 'kv' } } };
/** One for all: opening a host takes longer than what is tested here. */
const test = await openTestHost(t);
let count = 0;

/** Deploys the guest under a name of its own, and gives how to open its sockets. */
async function open(limits: Partial<Limits> = {}): Promise<{
  name: string;
  connect: (query?: string) => Promise<SocketClient>;
  url: string;
}> {
  const name = `s${++count}`;
  await test.deployGuest(name, 'sockets.js', { ...kv, limits: { cpuMs: 10_000, ...limits } });
  const url = `ws://127.0.0.1:${test.port}/${name}/`;
  return { name, url, connect: (query = '') => connectSocket(`${url}${query}`) };
}

async function logs(name: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { message } of test.host.logs({ function: name, tail: 1000 })) lines.push(message);
  return lines;
}

void t.test('sockets: text, binary, empty and long messages go both ways', async (t) => {
  const { connect } = await open({ messageBytes: 4 * 2 ** 20 });
  const client = await connect();
  t.equal(client.headers['x-guest'], 'sockets', 'headers of the 101 reach the client');
  t.match(client.headers['x-islet-id'], /^[0-9a-f-]{36}$/);
  t.equal(client.headers['sec-websocket-extensions'], undefined, 'nothing is compressed');
  t.equal(await client.ask('echo grüße 👋'), 'grüße 👋');
  t.same(await client.ask(Buffer.from([0, 255, 128])), Buffer.from([0, 255, 128]));
  t.equal(await client.ask('echo '), '');
  t.same(await client.ask(Buffer.alloc(0)), Buffer.alloc(0));
  for (const size of [65_530, 65_536, 300_000, 3 * 2 ** 20]) {
    const bytes = Buffer.alloc(size, size % 251);
    t.ok(bytes.equals((await client.ask(bytes)) as Buffer), `${size} bytes come back`);
  }
  t.match(await client.close(4001), { code: 4001 });
});

void t.test('sockets: fragments of a message are one message', async (t) => {
  const { connect } = await open();
  const client = await connect();
  client.socket.send('echo a', { fin: false });
  client.socket.send('b', { fin: false });
  client.socket.ping();
  client.socket.send('c', { fin: true });
  t.equal(await client.next(), 'abc');
});

void t.test('sockets: the gateway answers pings, with their bytes', async (t) => {
  const { connect } = await open();
  const client = await connect();
  const pong = once(client.socket, 'pong');
  client.socket.ping('are you there');
  const [data] = (await pong) as [Buffer];
  t.equal(data.toString(), 'are you there');
});

void t.test('sockets: order holds over many messages at once, both ways', async (t) => {
  const { connect } = await open();
  const client = await connect();
  for (let i = 0; i < 500; i++) client.socket.send(`echo ${i}`);
  for (let i = 0; i < 500; i++) if ((await client.next()) !== String(i)) t.fail(`echo ${i}`);
  client.socket.send('many 2000');
  for (let i = 0; i < 2000; i++) if ((await client.next()) !== `m${i}`) t.fail(`m${i}`);
  t.pass('all in order');
});

void t.test('sockets: codes and reasons of a close reach the other side', async (t) => {
  const { name, connect } = await open();
  for (const [asked, code, reason] of [
    ['close 1000 done', 1000, 'done'],
    ['close 4321 grüße', 4321, 'grüße'],
    ['close 1011 oops', 1011, 'oops'],
    ['close-plain', 1005, ''],
  ] as const) {
    const client = await connect();
    client.socket.send(asked);
    t.same(await client.closed, { code, reason }, asked);
  }
  const client = await connect();
  client.socket.close(3456, 'bye');
  t.match(await client.closed, { code: 3456 }, 'the client hears its own code');
  await eventually('the guest hears it', async () => (await logs(name)).includes('closed 3456 "bye" true'));
  const gone = await connect();
  gone.socket.terminate();
  await eventually('a broken connection', async () => (await logs(name)).includes('closed 1006 "" false'));
});

void t.test('sockets: a socket that is open keeps its function, and what is over leaves it', async (t) => {
  const { connect } = await open();
  const one = await connect();
  const other = await connect();
  t.equal(await one.ask('count'), '1');
  t.equal(await other.ask('count'), '2', 'sockets of one instance share its memory');
  t.equal(await one.ask('open'), '2');
  await other.close();
  await eventually('the guest forgot it', async () => (await one.ask('open')) === '1');
});

void t.test('sockets: a handler sends over every socket of its instance', async (t) => {
  const { connect } = await open();
  const clients = [await connect(), await connect(), await connect()];
  clients[0]?.socket.send('all hello everybody');
  for (const client of clients) t.equal(await client.next(), 'hello everybody');
});

void t.test('sockets: what the function does not accept is an answer as any', async (t) => {
  const { name, url } = await open();
  t.match(await openSocket(`${url}?refuse`), { status: 403, text: 'not today' });
  t.match(await openSocket(`ws://127.0.0.1:${test.port}/nobody/`), {
    status: 404,
    headers: { 'x-islet-error': 'ERR_NO_FUNCTION' },
  });
  const plain = await test.request(`/${name}/`, { headers: { upgrade: 'h2c', connection: 'upgrade' } });
  t.match(plain, { status: 200, text: /no socket/ }, 'another protocol is not upgraded to');
});

void t.test('sockets: the protocol is what the function chose of those offered', async (t) => {
  const { url } = await open();
  const client = await connectSocket(`${url}?protocol=b`, { protocols: ['a', 'b'] });
  t.equal(client.socket.protocol, 'b');
  const none = await connectSocket(url).then(({ socket }) => socket.protocol);
  t.equal(none, '');
  t.match(
    await openSocket(`${url}?protocol=c`, { protocols: ['a', 'b'] }),
    { status: 502, headers: { 'x-islet-error': 'ERR_GUEST_RESULT' } },
    'one that was not offered cannot be chosen',
  );
});

void t.test('sockets: a handshake that is none is refused', async (t) => {
  const { name } = await open();
  const good = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  for (const [what, headers, method, status] of [
    ['a version of another time', { 'sec-websocket-version': '12' }, 'GET', 426],
    ['no key', { 'sec-websocket-key': '' }, 'GET', 400],
    ['a short key', { 'sec-websocket-key': 'c2hvcnQ=' }, 'GET', 400],
    ['POST', {}, 'POST', 400],
    ['a body', { 'content-length': '3' }, 'GET', 400],
    ['a protocol twice', { 'sec-websocket-protocol': 'a, a' }, 'GET', 400],
  ] as const) {
    const body = 'content-length' in headers ? { body: 'abc' } : {};
    const answer = await test.request(`/${name}/`, { method, headers: { ...good, ...headers }, ...body });
    t.equal(answer.status, status, what);
    if (status === 426) t.same(answer.headers['sec-websocket-version'], ['13'], 'and says which it wants');
  }
});

void t.test('sockets: by host name, prefix, version, preview and route, behind an access rule', async (t) => {
  const { port } = test;
  const routes = ['shop.test/live/*'];
  await test.deployGuest('s', 'sockets.js', { ...kv, routes });
  for (const [path, host] of [
    ['/s/', undefined],
    ['/s@1/', undefined],
    ['/', 's.localhost'],
    ['/', '1--s.localhost'],
    ['/live/x', 'shop.test'],
  ] as const) {
    const headers = host === undefined ? {} : { host };
    const client = await connectSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    t.equal(await client.ask('echo hi'), 'hi', `${host ?? ''}${path}`);
    await client.close();
  }
  await test.deployGuest('guarded', 'sockets.js', {
    bindings: { ...kv.bindings, AUTH: { kind: 'auth' } },
    auth: 'required',
  });
  t.match(
    await openSocket(`ws://127.0.0.1:${port}/guarded/`),
    { status: 401, headers: { 'x-islet-error': 'ERR_UNAUTHORIZED' } },
    'who is not signed in is told before anything starts',
  );
  t.match(await test.host.usage('guarded'), [], 'and the function never ran');
});

void t.test('sockets: in a server of somebody else’s', async (t) => {
  const { name } = await open();
  const server = createServer(test.host.handler);
  server.on('upgrade', test.host.upgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = await connectSocket(`ws://127.0.0.1:${port}/${name}/`);
  t.equal(await client.ask('echo embedded'), 'embedded');
  await client.close();
  const answer = await test.host.fetch(name, new Request('http://x/', { headers: { upgrade: 'websocket' } }));
  t.equal(answer.status, 200, 'a Request has no connection that could be one: its upgrade header is dropped');
});

void t.test('sockets: work after the close goes on by waitUntil', async (t) => {
  const { connect } = await open();
  const client = await connect('?after');
  client.socket.close(1000, 'kept');
  await client.closed;
  const other = await connect();
  t.ok(await eventually('the entry', async () => (await other.ask('kept')) === 'kept'));
});

void t.test('sockets: an error in a handler is logged, and the socket lives', async (t) => {
  const { name, connect } = await open();
  const client = await connect();
  client.socket.send('throw');
  t.equal(await client.ask('echo still here'), 'still here');
  await eventually('its log', async () => (await logs(name)).some((line) => line.includes('on purpose')));
});

void t.test('sockets: messages are metered as they go', async (t) => {
  const { name, connect } = await open();
  const client = await connect();
  for (let i = 0; i < 3; i++) await client.ask('echo x');
  client.socket.send('many 4');
  for (let i = 0; i < 4; i++) await client.next();
  t.match(await test.host.usage(name), [{ messagesIn: 4, messagesOut: 7 }], 'while it is open');
  t.ok(
    (await test.host.metrics()).includes(`islet_socket_messages_out_total{function="${name}",version="1"} 7`),
  );
});

void t.test('sockets: a socket answers an upgrade request, and nothing else', async (t) => {
  await test.deploy(
    'always',
    `export default { fetch(request) {
    const pair = new WebSocketPair();
    const { searchParams } = new URL(request.url);
    if (searchParams.has('none')) return new Response(null, { status: 101 });
    if (searchParams.has('status')) return new Response(null, { status: 200, webSocket: pair[0] });
    if (searchParams.has('twice')) new Response(null, { status: 101, webSocket: pair[0] }).clone();
    if (searchParams.has('fake')) return new Response(null, { status: 101, webSocket: {} });
    if (searchParams.has('early')) pair[1].send('too early');
    if (searchParams.has('copy')) {
      const first = new Response(null, { status: 101, webSocket: pair[0] });
      pair[1].accept();
      pair[1].send('copied');
      return new Response(first.body, first);
    }
    return new Response(null, { status: 101, webSocket: pair[0] });
  } }`,
  );
  const url = `ws://127.0.0.1:${test.port}/always/`;
  t.match(await test.request('/always/'), {
    status: 500,
    headers: { 'x-islet-error': ['ERR_GUEST_RESULT'] },
  });
  t.equal((await test.host.fetch('always', new Request('http://x/'))).status, 500, 'nor that of an embedder');
  for (const query of ['none', 'status', 'twice', 'fake', 'early'])
    t.match(await openSocket(`${url}?${query}`), { status: 500 }, query);
  t.equal(await (await connectSocket(`${url}?copy`)).next(), 'copied', 'a Response made of it has it too');
  await test.deploy('lambda', `export const handler = async () => ({ statusCode: 101 })`);
  t.match(
    await openSocket(`ws://127.0.0.1:${test.port}/lambda/`),
    { status: 500 },
    'an event handler has no sockets',
  );
});

void t.test('sockets: static files do not stand in their way', async (t) => {
  const files = {
    'index.js': `export default { fetch() {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.send('from the function');
      return new Response(null, { status: 101, webSocket: client });
    } }`,
    'public/index.html': 'a page',
  };
  await test.host.deploy({ files }, { name: 'site', manifest: { assets: { dir: 'public' } } });
  t.match(await test.request('/site/'), { status: 200, text: 'a page' });
  t.equal(await (await connectSocket(`ws://127.0.0.1:${test.port}/site/`)).next(), 'from the function');
});
