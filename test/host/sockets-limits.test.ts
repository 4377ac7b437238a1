import { connect as connectTcp } from 'node:net';
import t from 'tap';
import type { Limits } from '#runtime/limits.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import { connectSocket, openSocket, SocketClient } from '#test/support/socket-client.ts';

const test = await openTestHost(t);
let count = 0;

async function open(
  limits: Partial<Limits>,
): Promise<{ name: string; url: string; connect: () => Promise<SocketClient> }> {
  const name = `l${++count}`;
  const bindings = { KV: { kind: 'kv' } };
  await test.deployGuest(name, 'sockets.js', { bindings, limits: { cpuMs: 10_000, ...limits } });
  const url = `ws://127.0.0.1:${test.port}/${name}/`;
  return { name, url, connect: () => connectSocket(url) };
}

async function outcomes(name: string): Promise<Readonly<Record<string, number>>> {
  const [usage] = await test.host.usage(name);
  return usage?.outcomes ?? {};
}

void t.test('socket limits: messageBytes, from the client', async (t) => {
  const { name, connect } = await open({ messageBytes: 1000 });
  const client = await connect();
  t.equal((await client.ask(Buffer.alloc(1000))).length, 1000, 'at the limit');
  client.socket.send(Buffer.alloc(1001));
  t.equal((await client.closed).code, 1009, 'one over');
  const fragments = await connect();
  for (let i = 0; i < 3; i++) fragments.socket.send(Buffer.alloc(400), { fin: i === 2 });
  t.equal((await fragments.closed).code, 1009, 'over in fragments');
  await eventually('the guest heard of both', async () => (await outcomes(name))['responded'] === 2);
});

void t.test('socket limits: messageBytes, from the function', async (t) => {
  const { name, connect } = await open({ messageBytes: 1000 });
  const client = await connect();
  t.equal((await client.ask('bytes 1000')).length, 1000, 'at the limit');
  client.socket.send('bytes 1001');
  t.same(await client.closed, { code: 1009, reason: 'ERR_LIMIT_MESSAGE' }, 'one over');
  const text = await connect();
  text.socket.send('text 1001');
  t.equal((await text.closed).code, 1009, 'of text as well');
  t.match(await outcomes(name), { 'exceeded:messageBytes': 2 });
});

void t.test('socket limits: socketMs, and not wallMs', async (t) => {
  const { name, connect } = await open({ wallMs: 300, socketMs: 1500 });
  const started = performance.now();
  const client = await connect();
  await new Promise((resolve) => setTimeout(resolve, 600));
  t.equal(await client.ask('echo on'), 'on', 'it lives on after wallMs');
  t.same(await client.closed, { code: 1001, reason: 'ERR_LIMIT_SOCKET' });
  t.ok(performance.now() - started >= 1500, 'not before its time');
  t.match(await outcomes(name), { 'exceeded:socketMs': 1 });
});

void t.test('socket limits: socketIdleMs', async (t) => {
  const { name, connect } = await open({ socketIdleMs: 700 });
  const client = await connect();
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.equal(await client.ask('echo x'), 'x', 'messages keep it');
  }
  t.same(await client.closed, { code: 1001, reason: 'ERR_LIMIT_SOCKET_IDLE' });
  await eventually(
    'the function hears it as any close',
    async () => (await outcomes(name))['responded'] === 1,
  );
});

void t.test('socket limits: sockets of one instance, beside its concurrency', async (t) => {
  const { url, connect } = await open({ sockets: 3, concurrency: 2 });
  const clients = [await connect(), await connect(), await connect()];
  const over = await openSocket(url);
  t.match(over, { status: 503, headers: { 'x-islet-error': 'ERR_LIMIT_SOCKETS', 'retry-after': '1' } });
  t.equal(await clients[2]?.ask('echo y'), 'y', 'the others go on');
  await clients[0]?.close();
  const next = await eventually('room for one more', async () => {
    const opened = await openSocket(url);
    return opened instanceof SocketClient && opened;
  });
  t.equal(await next.ask('open'), '3');
  const none = await open({ sockets: 0 });
  t.match(await openSocket(none.url), { status: 503 }, 'a function may have none');
});

void t.test('socket limits: CPU of one message', async (t) => {
  const { name, connect } = await open({ cpuMs: 1000 });
  const client = await connect();
  t.match(await client.ask('spin 1'), /spun/);
  client.socket.send('spin 1000000');
  t.same(await client.closed, { code: 1008, reason: 'ERR_LIMIT_CPU' });
  t.match(await outcomes(name), { 'exceeded:cpuMs': 1 });
});

void t.test('socket limits: what a runaway does to its neighbours', async (t) => {
  const { connect } = await open({ cpuMs: 200 });
  const neighbour = await connect();
  const runaway = await connect();
  runaway.socket.send('spin 1000000');
  t.equal((await runaway.closed).code, 1008);
  t.equal(await neighbour.ask('echo fine'), 'fine', 'their sockets go on');
});

void t.test('socket limits: subrequests are for a message', async (t) => {
  const { name, connect } = await open({ subrequests: 4 });
  const client = await connect();
  for (let i = 0; i < 5; i++) t.equal(await client.ask('kv 4'), 'read', 'at the limit, again and again');
  client.socket.send('kv 5');
  t.same(await client.closed, { code: 1008, reason: 'ERR_LIMIT_SUBREQUESTS' }, 'one over');
  t.match(await test.host.usage(name), [{ operations: 25 }], 'all are counted');
});

void t.test('socket limits: log bytes are for a message', async (t) => {
  const { connect } = await open({ logBytes: 1000 });
  const client = await connect();
  for (let i = 0; i < 5; i++) t.equal(await client.ask('log 1000'), 'written');
  client.socket.send('log 1001');
  t.equal((await client.closed).code, 1008);
});

void t.test('socket limits: memory', async (t) => {
  const { connect } = await open({ memoryMb: 32 });
  const client = await connect();
  const neighbour = await connect();
  client.socket.send('grow');
  t.same(await client.closed, { code: 1008, reason: 'ERR_LIMIT_MEMORY' });
  t.same(await neighbour.closed, { code: 1011, reason: 'ERR_INSTANCE_LOST' }, 'its instance is gone');
  t.equal(await (await connect()).ask('echo new'), 'new', 'the next socket has another');
});

void t.test('socket limits: a client that does not read does not fill the host', async (t) => {
  const { name, connect } = await open({});
  const client = await connect();
  client.socket.pause();
  for (let i = 0; i < 40; i++) client.socket.send('bytes 1000000');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [held] = await test.host.usage(name);
  t.ok((held?.messagesOut ?? 0) < 40, 'what it does not take stays with the function');
  client.socket.resume();
  for (let i = 0; i < 40; i++) if ((await client.next()).length !== 1_000_000) t.fail(`message ${i}`);
  t.pass('and comes when it reads');
});

void t.test('socket limits: what is no WebSocket frame ends the connection', async (t) => {
  const { name, connect } = await open({});
  const handshake = [
    `GET /${name}/ HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    '\r\n',
  ].join('\r\n');
  for (const [what, bytes, code] of [
    ['a frame without a mask', [0x81, 0x01, 0x61], 1002],
    ['a reserved bit', [0xc1, 0x81, 0, 0, 0, 0, 0x61], 1002],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
    ['text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
    ['a close code nobody sends', [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], 1002],
    ['a length beyond all limits', [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1009],
  ] as const) {
    const received = await new Promise<Buffer>((resolve) => {
      const pieces: Buffer[] = [];
      const socket = connectTcp(test.port, '127.0.0.1', () => {
        socket.write(handshake);
        socket.write(Uint8Array.from(bytes));
      });
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(Buffer.concat(pieces)));
    });
    const frame = received.subarray(received.indexOf('\r\n\r\n') + 4);
    t.equal(frame[0], 0x88, `${what}: a close frame`);
    t.equal(frame.length > 3 ? frame.readUInt16BE(2) : 0, code, `${what}: its code`);
  }
  t.equal(await (await connect()).ask('echo ok'), 'ok', 'nobody else notices');
});

void t.test('socket limits: what follows a close has wallMs', async (t) => {
  const source = `export default { fetch(request, env, ctx) {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener('close', () => ctx.waitUntil(new Promise(() => {})));
    return new Response(null, { status: 101, webSocket: client });
  } }`;
  await test.deploy('lingers', source, { limits: { wallMs: 300, cpuMs: 10_000 } });
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/lingers/`);
  await client.close();
  await eventually('it is over', async () => (await outcomes('lingers'))['exceeded:wallMs'] === 1);
  t.pass('and its instance is free');
});

void t.test(
  'socket limits: a function that never accepts its end holds what it was sent, and no more',
  async (t) => {
    const source = `export default { fetch() {
    const [client] = Object.values(new WebSocketPair());
    return new Response(null, { status: 101, webSocket: client });
  } }`;
    await test.deploy('deaf', source, { limits: { socketIdleMs: 500, cpuMs: 10_000 } });
    const url = `ws://127.0.0.1:${test.port}/deaf/`;
    const quiet = await connectSocket(url);
    await quiet.close();
    const loud = await connectSocket(url);
    for (let i = 0; i < 40; i++) loud.socket.send(Buffer.alloc(100_000));
    t.match(await loud.closed, { code: 1001, reason: 'ERR_LIMIT_SOCKET_IDLE' });
    await eventually('both are over', async () => {
      const all = Object.values(await outcomes('deaf'));
      return all.reduce((sum, each) => sum + each, 0) === 2;
    });
  },
);
