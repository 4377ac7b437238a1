import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { createGateway } from '#host/http/gateway.ts';
import { RawClient } from '#test/support/raw-client.ts';
import type { RawResponse } from '#test/support/raw-client.ts';
import { TestDispatch, testRegistry, text } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { limitNames } from '#runtime/limits.ts';

/** Every platform answer: the code twice, an id twice, a message, and nothing else. */
function coded(t: Test, response: RawResponse, status: number, code: string): void {
  t.equal(response.status, status, code);
  t.equal(response.header('x-islet-error'), code);
  t.equal(response.header('content-type'), 'application/json');
  const body = JSON.parse(response.body) as { error: Record<string, string> };
  t.strictSame(Object.keys(body), ['error']);
  t.strictSame(Object.keys(body.error), ['code', 'message', 'id']);
  t.equal(body.error['code'], code);
  t.match(response.header('x-islet-id'), /^[0-9a-f-]{36}$/);
  t.equal(body.error['id'], response.header('x-islet-id'));
}

void t.test('gateway: where there is no function the answer is a coded 404', async (t) => {
  const { client } = await serve(t, { hello: text('') });
  const c = client();
  for (const target of ['/', '/nothing/x', '/hello@2/', 'http://other.localhost/']) {
    coded(
      t,
      await c.send(`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1:8787').response(),
      404,
      'ERR_NO_FUNCTION',
    );
  }
  const head = await c.send('HEAD / HTTP/1.1', 'Host: h').response({ head: true });
  t.equal(head.status, 404);
  t.equal((await c.send('GET /hello HTTP/1.1', 'Host: h').response()).status, 200, 'the connection goes on');
});

void t.test('gateway: a request without one valid Host or with a bad target is a coded 400', async (t) => {
  const { client } = await serve(t, { hello: text('') });
  const hosts: readonly (readonly string[])[] = [
    [],
    ['Host:'],
    ['Host: a', 'Host: b'],
    ['Host: a b'],
    ['Host: a/b'],
    ['Host: u@a'],
    ['Host: a:99999'],
    ['Host: a:x'],
    ['Host: 1.2.3.999'],
    ['Host: [::g]'],
    ['Host: a%62'],
  ];
  for (const lines of hosts) {
    const response = await client()
      .send('GET /hello HTTP/1.1', ...lines)
      .response();
    coded(t, response, 400, 'ERR_BAD_REQUEST');
  }
  for (const line of [
    'OPTIONS * HTTP/1.1',
    'GET /hello#x HTTP/1.1',
    'GET ftp://a/ HTTP/1.1',
    'GET http:// HTTP/1.1',
    'GET http://u@a/hello HTTP/1.1',
  ]) {
    coded(t, await client().send(line, 'Host: h').response(), 400, 'ERR_BAD_REQUEST');
  }
});

void t.test('gateway: hosts of every valid form are taken', async (t) => {
  const { client } = await serve(t, { hello: text('') });
  for (const host of ['[::1]:8787', '[::1]', 'A_b.C', '127.0.0.1', 'hello.localhost.', 'a:', '10.0.0.1:80']) {
    t.equal((await client().send('GET /hello HTTP/1.1', `Host: ${host}`).response()).status, 200, host);
  }
});

void t.test('gateway: what is not HTTP is a coded 400 and closes the connection', async (t) => {
  const { client } = await serve(t, { hello: text('') });
  const garbage = [
    'hello\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    'GET /hello HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n',
    'GET /hello HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n',
    'POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n',
    'GET /hello HTTP/3.7\r\nHost: h\r\n\r\n',
    'GET /a\x01b HTTP/1.1\r\nHost: h\r\n\r\n',
  ];
  for (const bytes of garbage) {
    const c = client().write(bytes);
    const response = await c.response();
    coded(t, response, 400, 'ERR_BAD_REQUEST');
    t.equal(response.header('connection'), 'close');
    t.equal(await c.rest(), '', 'closed');
  }
});

void t.test('gateway: headers over 32 KB or 256 fields are a coded 431', async (t) => {
  const { client } = await serve(t, { hello: text('') });
  const long = client().send('GET /hello HTTP/1.1', 'Host: h', `X-A: ${'a'.repeat(33 * 1024)}`);
  coded(t, await long.response(), 431, 'ERR_HEADERS_TOO_LARGE');
  const fields = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-${i}: 1`);
  const most = client().send('GET /hello HTTP/1.1', 'Host: h', ...fields(255));
  t.equal((await most.response()).status, 200);
  const over = client().send('GET /hello HTTP/1.1', 'Host: h', ...fields(256));
  coded(t, await over.response(), 431, 'ERR_HEADERS_TOO_LARGE');
  const far = client().send('GET /hello HTTP/1.1', 'Host: h', ...fields(2500));
  coded(t, await far.response(), 431, 'ERR_HEADERS_TOO_LARGE');
});

void t.test('gateway: TRACE and CONNECT are a coded 405', async (t) => {
  const { client, dispatch } = await serve(t, { hello: text('') });
  coded(t, await client().send('TRACE /hello HTTP/1.1', 'Host: h').response(), 405, 'ERR_METHOD');
  coded(t, await client().send('CONNECT hello:80 HTTP/1.1', 'Host: h').response(), 405, 'ERR_METHOD');
  t.equal(dispatch.calls.length, 0);
});

void t.test('gateway: garbage behind a request does not take that request its answer', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { client } = await serve(t, {
    slow: async (guest) => {
      await gate.promise;
      guest.head(200, [], { kind: 'text', text: 'slow' });
    },
  });
  const c = client().write('GET /slow HTTP/1.1', 'Host: h', '', 'garbage', '', '');
  setTimeout(gate.resolve, 20);
  const response = await c.response();
  t.equal(response.body, 'slow');
  t.equal(response.header('connection'), 'close');
  t.equal(await c.rest(), '');
});

void t.test('gateway: a body that is not well chunked is a coded 400 and stops the call', async (t) => {
  const { client, dispatch } = await serve(t, {
    reads: async (guest) => {
      for await (const chunk of guest.body) void chunk;
    },
  });
  const c = client().send('POST /reads HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked');
  await c
    .write('5', 'hello', 'zz', '')
    .response()
    .then((response) => coded(t, response, 400, 'ERR_BAD_REQUEST'));
  t.strictSame(dispatch.events, ['abort']);
});

const outcomes: readonly Outcome[] = [
  ...limitNames.map((limit): Outcome => ({ kind: 'exceeded', limit })),
  ...(['startup', 'handler', 'result'] as const).map((phase): Outcome => ({
    kind: 'threw',
    error: { name: 'Error', message: 'secret', stack: 'secret', phase },
  })),
  ...(['no-handler', 'closing'] as const).map((reason): Outcome => ({ kind: 'refused', reason })),
  ...(['cell', 'instance', 'internal'] as const).map((cause): Outcome => ({ kind: 'crashed', cause })),
  { kind: 'cancelled' },
];

for (const immediately of [false, true]) {
  void t.test(
    `gateway: every outcome has its status and code, done ${immediately ? 'before' : 'after'} start returns`,
    async (t) => {
      const guest: Guest = ({ call }) =>
        call.kind === 'request' ? outcomes[Number(new URL(call.url).pathname.slice(1))] : undefined;
      const { client } = await serve(t, { ends: { guest, immediately } });
      const c = client();
      for (const [i, outcome] of outcomes.entries()) {
        const row = outcomeRow(outcome);
        const response = await c.send(`GET /ends/${i} HTTP/1.1`, 'Host: h').response();
        coded(t, response, row.status, row.code);
        t.notMatch(response.body, /secret/);
        const again = ['ERR_LIMIT_CONCURRENCY', 'ERR_LIMIT_SOCKETS', 'ERR_CLOSING'].includes(row.code);
        t.equal(response.header('retry-after'), again ? '1' : undefined, row.code);
      }
    },
  );
}

void t.test(
  'gateway: an outcome that promises an answer without one is a host error, never an empty 200',
  async (t) => {
    const { client } = await serve(t, {
      responded: () => ({ kind: 'responded', status: 200 }),
      returned: () => ({ kind: 'returned', value: '1' }),
    });
    const c = client();
    for (const name of ['responded', 'returned']) {
      coded(t, await c.send(`GET /${name} HTTP/1.1`, 'Host: h').response(), 502, 'ERR_CELL_LOST');
    }
  },
);

void t.test('gateway: a whole answer given before start returns arrives', async (t) => {
  const { client } = await serve(t, { hello: { guest: text('hello'), immediately: true } });
  const response = await client().send('GET /hello HTTP/1.1', 'Host: h').response();
  t.equal(response.body, 'hello');
});

void t.test('gateway: a guest that throws after a whole answer does not disturb it', async (t) => {
  const { client } = await serve(t, {
    hello: (guest) => {
      guest.head(200, [], { kind: 'text', text: 'hello' });
      throw new Error('late');
    },
  });
  const c = client();
  for (let i = 0; i < 2; i += 1) {
    t.equal((await c.send('GET /hello HTTP/1.1', 'Host: h').response()).body, 'hello');
  }
});

void t.test('gateway: a request that does not arrive in time is a coded 408', async (t) => {
  const gateway = createGateway({
    registry: testRegistry({}),
    dispatch: new TestDispatch({}),
    log: () => {},
  });
  const error = Object.assign(new Error('timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
  const server = createServer((socket) => gateway.clientError(error, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const c = new RawClient((server.address() as AddressInfo).port);
  coded(t, await c.response(), 408, 'ERR_REQUEST_TIMEOUT');
  t.equal(await c.rest(), '');
  await new Promise((resolve) => server.close(resolve));
});
