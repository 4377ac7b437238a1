import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { Handle } from '#host/call.ts';
import { ServerSocket } from '#host/http/server-socket.ts';
import { connectSocket } from '#test/support/socket-client.ts';

/** A gateway whose sockets are asked after so short a silence; gives its address. */
async function gateway(t: Test, pingMs: number): Promise<string> {
  const nothing = (): void => undefined;
  const handle: Handle = {
    id: 'call',
    write: nothing,
    end: nothing,
    fail: nothing,
    consumed: nothing,
    discard: nothing,
    abort: nothing,
  };
  const server = createServer();
  const limits = { messageBytes: 1000, socketIdleMs: 600_000 };
  server.on('upgrade', (request, socket, head) => {
    ServerSocket.open(
      { request, socket, head },
      { handle, limits, protocol: undefined, headers: [], closed: nothing, pingMs },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

void t.test('server socket: a client that does not answer a ping is dropped', async (t) => {
  const client = await connectSocket(await gateway(t, 50), { autoPong: false });
  let asked = 0;
  client.socket.on('ping', () => asked++);
  t.same(await client.closed, { code: 1006, reason: '' });
  t.equal(asked, 1, 'it was asked once');
});

void t.test('server socket: a client that answers stays, however long it says nothing', async (t) => {
  const client = await connectSocket(await gateway(t, 1000));
  // Each ping but the first comes since the one before was answered.
  for (let asked = 0; asked < 3; asked++) await once(client.socket, 'ping');
  t.equal(client.socket.readyState, client.socket.OPEN);
  t.match(await client.close(), { code: 1000 });
});
