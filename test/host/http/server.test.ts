import { createServer } from 'node:http';
import t from 'tap';
import { createGateway } from '#host/http/gateway.ts';
import { listenHttp } from '#host/http/server.ts';
import { HostError } from '#runtime/errors.ts';
import { TestDispatch, testRegistry, text } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';
import { RawClient } from '#test/support/raw-client.ts';

void t.test('server: a port in use is ERR_PORT_IN_USE and the message names port and flag', async (t) => {
  const { listener } = await serve(t, {});
  for (const flag of ['--port', '--admin-port']) {
    const error: unknown = await listenHttp(() => {}, { port: listener.port, flag }).catch((e: unknown) => e);
    t.ok(error instanceof HostError);
    if (!(error instanceof HostError)) return;
    t.equal(error.code, 'ERR_PORT_IN_USE');
    t.ok(error.message.includes(String(listener.port)));
    t.ok(error.message.includes(flag));
  }
});

void t.test('server: an address that is not of this machine is ERR_BAD_INPUT', async (t) => {
  await t.rejects(
    listenHttp(() => {}, { port: 0, hostname: '192.0.2.1' }),
    { code: 'ERR_BAD_INPUT' },
  );
});

void t.test('server: the url has the port it got, brackets around an IPv6 address', async (t) => {
  const { listener } = await serve(t, { hello: text('hello') });
  t.equal(listener.url, `http://127.0.0.1:${listener.port}`);
  t.ok(listener.port > 0);
  t.equal(await (await fetch(`${listener.url}/hello/`)).text(), 'hello');
});

void t.test('server: any request listener will do', async (t) => {
  const listener = await listenHttp((_request, response) => response.end('plain'), { port: 0 });
  t.equal(await (await fetch(listener.url)).text(), 'plain');
  await listener.close({ graceMs: 1_000 });
});

void t.test(
  'server: closing lets a call under way finish, says so to its client and takes no more',
  async (t) => {
    const gate = Promise.withResolvers<void>();
    const slow: Guest = async (guest) => {
      await gate.promise;
      guest.head(200, [], { kind: 'text', text: 'slow' });
    };
    const { listener, client, dispatch } = await serve(t, { slow });
    const idle = client();
    await idle.send('GET / HTTP/1.1', 'Host: h').response();
    const busy = client().write('GET /slow HTTP/1.1', 'Host: h', '', 'GET /slow HTTP/1.1', 'Host: h', '', '');
    while (dispatch.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    const closed = listener.close({ graceMs: 60_000 });
    t.equal(await idle.rest(), '', 'an idle connection ends');
    await t.rejects(fetch(`${listener.url}/slow`), 'nothing new is taken');
    gate.resolve();
    const first = await busy.response();
    t.equal(first.body, 'slow');
    t.equal(first.header('connection'), 'keep-alive', 'another answer follows');
    const second = await busy.response();
    t.equal(second.body, 'slow');
    t.equal(second.header('connection'), 'close');
    await closed;
    t.strictSame(dispatch.events, []);
  },
);

void t.test('server: what is not done after the grace is cut off and its call stopped', async (t) => {
  const stuck: Guest = async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const { listener, client, dispatch } = await serve(t, { stuck });
  const c = client().send('GET /stuck HTTP/1.1', 'Host: h');
  while (dispatch.calls.length < 1) await new Promise((resolve) => setTimeout(resolve, 2));
  await listener.close({ graceMs: 10 });
  await t.rejects(c.response());
  t.strictSame(dispatch.events, ['abort']);
});

void t.test('gateway: mounted in a server of someone else it works without the other events', async (t) => {
  const functions = { hello: { guest: text('hello') } };
  const gateway = createGateway({
    registry: testRegistry(functions),
    dispatch: new TestDispatch(functions),
    log: () => {},
  });
  const server = createServer((request, response) => {
    response.setHeader('x-outer', '1');
    gateway(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const c = new RawClient(address.port);
  const response = await c.send('GET /hello HTTP/1.1', 'Host: h').response();
  t.equal(response.body, 'hello');
  t.equal(response.header('x-outer'), '1');
  c.send('POST /hello HTTP/1.1', 'Host: h', 'Expect: 100-continue', 'Content-Length: 2');
  t.equal((await c.response()).status, 100, 'node:http asks for the body itself');
  t.equal((await c.write('hi').response()).status, 200);
  const missing = await c.send('GET /none HTTP/1.1', 'Host: h').response();
  t.equal(missing.header('x-islet-error'), 'ERR_NO_FUNCTION');
  t.equal((await c.send('GET /hello HTTP/1.1', 'Host: h').response()).status, 200);
  c.close();
  await new Promise((resolve) => server.close(resolve));
});

void t.test(
  'gateway: a body that someone read before is a coded 502, never a request that hangs',
  async (t) => {
    const functions = { hello: { guest: text('hello') } };
    const logged: string[] = [];
    const gateway = createGateway({
      registry: testRegistry(functions),
      dispatch: new TestDispatch(functions),
      log: (line) => logged.push(line.message),
    });
    const listener = await listenHttp(
      (request, response) => void request.on('end', () => gateway(request, response)).resume(),
      { port: 0 },
    );
    const response = await fetch(`${listener.url}/hello/`, { method: 'POST', body: 'x' });
    t.equal(response.status, 502);
    t.equal(response.headers.get('x-islet-error'), 'ERR_CELL_LOST');
    t.equal(logged.length, 1);
    await listener.close({ graceMs: 0 });
  },
);

void t.test('gateway: a mistake of the host is a coded 502 and a line in its log', async (t) => {
  const logged: string[] = [];
  const gateway = createGateway({
    registry: {
      match: () => {
        throw new Error('secret');
      },
    },
    dispatch: new TestDispatch({}),
    log: (line) => logged.push(line.message),
  });
  const listener = await listenHttp(gateway, { port: 0 });
  const response = await fetch(listener.url);
  t.equal(response.status, 502);
  t.equal(response.headers.get('x-islet-error'), 'ERR_CELL_LOST');
  t.notMatch(await response.text(), /secret/);
  t.match(logged, [/secret/]);
  await listener.close({ graceMs: 0 });
});
