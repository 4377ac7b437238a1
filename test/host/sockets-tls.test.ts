import t from 'tap';
import { WebSocketServer } from 'ws';
import { openTestHost } from '#test/support/host.ts';
import { temporaryTlsServer } from '#test/support/tls-server.ts';

const sockets = new WebSocketServer({ noServer: true });
const port = await temporaryTlsServer(
  t,
  (_request, response) => void response.end('no socket'),
  (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
    }),
);
t.teardown(() => {
  for (const client of sockets.clients) client.terminate();
});
const test = await openTestHost(t);
// The certificate is one of 127.0.0.1, not of localhost.
const egress = { private: [`127.0.0.1:${port}`, `localhost:${port}`] };
await test.deployGuest('dials', 'dials.js', { egress, limits: { cpuMs: 10_000 } });

async function dial(query: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const answer = await test.request(`/dials/?${new URLSearchParams(query).toString()}`);
  return JSON.parse(answer.text) as Record<string, unknown>;
}

void t.test('sockets over TLS: new WebSocket of a wss address', async (t) => {
  const url = `wss://127.0.0.1:${port}/`;
  t.match(await dial({ how: 'browser', url, first: 'hi' }), {
    opened: true,
    messages: ['hi'],
    origin: `wss://127.0.0.1:${port}`,
    code: 3000,
    reason: 'enough',
    wasClean: true,
  });
  t.match(await dial({ how: 'browser', url, bytes: '70000' }), { messages: ['Blob 70000'] });
});

void t.test('sockets over TLS: fetch of an https address with an upgrade header', async (t) => {
  const url = `https://127.0.0.1:${port}/`;
  t.match(await dial({ how: 'workers', url, first: 'hi' }), { status: 101, messages: ['hi'], code: 3000 });
});

void t.test('sockets over TLS: a certificate of another name is refused', async (t) => {
  t.match(await dial({ how: 'browser', url: `wss://localhost:${port}/`, first: 'hi' }), {
    opened: false,
    error: true,
    messages: [],
    code: 1006,
    wasClean: false,
  });
  const url = encodeURIComponent(`https://localhost:${port}/`);
  t.equal((await test.request(`/dials/?how=workers&url=${url}`)).status, 500, 'fetch rejects');
});
