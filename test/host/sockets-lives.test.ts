import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import { connectSocket, type SocketClient } from '#test/support/socket-client.ts';

const manifest = { bindings: { KV: { kind: 'kv' } }, limits: { cpuMs: 10_000 } };

void t.test('socket lives: a new version leaves open sockets where they are', async (t) => {
  const test = await openTestHost(t);
  const version = (text: string): string => `export default { fetch(request) {
    if (request.headers.get('upgrade') === null) return new Response('${text}');
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener('message', () => server.send('${text}'));
    return new Response(null, { status: 101, webSocket: client });
  } }`;
  const url = `ws://127.0.0.1:${test.port}/app/`;
  await test.deploy('app', version('one'));
  const before = await connectSocket(url);
  t.equal(await before.ask('who'), 'one');
  await test.deploy('app', version('two'));
  const after = await connectSocket(url);
  t.equal(await after.ask('who'), 'two', 'new ones go to the new version');
  t.equal(await before.ask('who'), 'one', 'old ones stay');
  t.equal((await test.request('/app/')).text, 'two');
  const instances = async (): Promise<number> =>
    (await test.host.health()).cells.reduce((n, c) => n + c.instances, 0);
  t.equal(await instances(), 2);
  await before.close();
  await eventually('the old instance goes with its last socket', async () => (await instances()) === 1);
});

void t.test('socket lives: an instance with a socket is not idle', async (t) => {
  const test = await openTestHost(t, { idleMs: 100 });
  await test.deployGuest('s', 'sockets.js', manifest);
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/s/`);
  t.equal(await client.ask('count'), '1');
  await new Promise((resolve) => setTimeout(resolve, 600));
  t.equal(await client.ask('count'), '2', 'it is still there');
  await client.close();
  await eventually('without one it goes', async () =>
    (await test.host.health()).cells.every((c) => c.instances === 0),
  );
});

void t.test('socket lives: a cell that is killed closes its sockets, and the host stays up', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('s', 'sockets.js', manifest);
  const url = `ws://127.0.0.1:${test.port}/s/`;
  const clients = [await connectSocket(url), await connectSocket(url)];
  const [cell] = (await test.host.health()).cells;
  process.kill(cell?.pid ?? 0, 'SIGKILL');
  for (const { closed } of clients) t.same(await closed, { code: 1011, reason: 'ERR_CELL_LOST' });
  t.equal(await (await connectSocket(url)).ask('echo again'), 'again');
  t.match(await test.host.usage('s'), [{ outcomes: { crashed: 2 } }]);
});

void t.test('socket lives: a host that closes says so, and the function hears it', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('s', 'sockets.js', manifest);
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/s/`);
  await client.ask('echo x');
  const lines: string[] = [];
  const ending = new AbortController();
  const reader = (async (): Promise<void> => {
    for await (const { message } of test.host.logs({
      function: 's',
      follow: true,
      signal: ending.signal,
    }))
      lines.push(message);
  })();
  const started = performance.now();
  await test.host.close();
  t.same(await client.closed, { code: 1001, reason: 'ERR_CLOSING' });
  t.ok(performance.now() - started < 9000, 'nobody has to wait for the end of the grace');
  ending.abort();
  await reader;
  t.ok(lines.includes('closed 1001 "ERR_CLOSING" true'));
});

void t.test('socket lives: a cell that is given up asks its clients to come again', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('s', 'sockets.js', { ...manifest, cordon: 'own' });
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/s/`);
  t.equal(await client.ask('echo here'), 'here');
  // Nothing else is in the cordon: its cells go.
  await test.host.delete('s');
  t.same(await client.closed, { code: 1012, reason: 'ERR_CLOSING' });
});

void t.test('socket lives: a thousand at once', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('s', 'sockets.js', { ...manifest, limits: { cpuMs: 60_000, sockets: 1000 } });
  const url = `ws://127.0.0.1:${test.port}/s/`;
  const clients: SocketClient[] = [];
  for (let i = 0; i < 10; i++)
    clients.push(...(await Promise.all(Array.from({ length: 100 }, () => connectSocket(url)))));
  t.equal(await clients[0]?.ask('open'), '1000');
  clients[0]?.socket.send('all to everybody');
  const heard = await Promise.all(clients.map((client) => client.next()));
  t.equal(heard.filter((message) => message === 'to everybody').length, 1000);
  const echoes = await Promise.all(clients.map((client, i) => client.ask(`echo ${i}`)));
  t.ok(
    echoes.every((echo, i) => echo === String(i)),
    'each has its own',
  );
  await Promise.all(clients.map((client) => client.close()));
  await eventually('all are over', async () => (await test.host.health()).cells[0]?.inFlight === 0);
});
