import t from 'tap';
import { text, web } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';

const bytes = (value: string): Uint8Array => Buffer.from(value);

/** Sends back the request body, streamed where it came streamed. */
const echo: Guest = async (guest) => {
  if (guest.call.kind !== 'request') return;
  const { body } = guest.call;
  if (!guest.call.streamed) {
    return guest.head(
      200,
      ['x-streamed', '0'],
      body === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: body },
    );
  }
  guest.head(200, ['x-streamed', '1'], { kind: 'stream' });
  for await (const chunk of guest.body) await guest.chunk(chunk);
  guest.finish();
};

void t.test('gateway: a text answer has its length, an id and keeps the connection', async (t) => {
  const { client } = await serve(t, { hello: text('héllo', ['content-type', 'text/plain']) });
  const c = client();
  for (let i = 0; i < 3; i += 1) {
    const response = await c.send('GET /hello/ HTTP/1.1', 'Host: localhost').response();
    t.equal(response.status, 200);
    t.equal(response.header('content-length'), '6');
    t.equal(Buffer.from(response.body, 'latin1').toString(), 'héllo');
    t.match(response.header('x-islet-id'), /^[0-9a-f-]{36}$/);
    t.equal(response.header('x-islet-error'), undefined);
  }
});

void t.test('gateway: pipelined requests are answered in order, the slow one first', async (t) => {
  const later: (() => void)[] = [];
  const { client } = await serve(t, {
    slow: async (guest) => {
      await new Promise<void>((resolve) => later.push(resolve));
      guest.head(200, [], { kind: 'text', text: 'slow' });
    },
    fast: (guest) => {
      guest.head(200, [], { kind: 'text', text: 'fast' });
      for (const go of later) go();
    },
  });
  const c = client().write('GET /slow HTTP/1.1', 'Host: a', '', 'GET /fast HTTP/1.1', 'Host: a', '', '');
  t.equal((await c.response()).body, 'slow');
  t.equal((await c.response()).body, 'fast');
});

void t.test('gateway: a sized body arrives whole, also in pieces', async (t) => {
  const { client } = await serve(t, { echo });
  const c = client().write('POST /echo HTTP/1.1', 'Host: a', 'Content-Length: 10', '', 'hello');
  await new Promise((resolve) => setTimeout(resolve, 20));
  c.write('world');
  const response = await c.response();
  t.equal(response.body, 'helloworld');
  t.equal(response.header('x-streamed'), '0');
  c.write('POST /echo HTTP/1.1', 'Host: a', 'Content-Length: 0', '', '');
  const empty = await c.response();
  t.equal(empty.header('content-length'), '0');
});

void t.test('gateway: a sized body of 256 KB is whole, one byte more is streamed', async (t) => {
  const { client, dispatch } = await serve(t, { echo });
  const c = client();
  for (const [size, streamed] of [
    [256 * 1024, '0'],
    [256 * 1024 + 1, '1'],
  ] as const) {
    c.write('POST /echo HTTP/1.1', 'Host: a', `Content-Length: ${size}`, '', 'x'.repeat(size));
    const response = await c.response();
    t.equal(response.body.length, size);
    t.equal(response.header('x-streamed'), streamed);
  }
  t.strictSame(dispatch.events, []);
});

void t.test('gateway: a chunked body streams in, the answer streams out, trailers are dropped', async (t) => {
  const { client, dispatch } = await serve(t, { echo });
  const c = client().write(
    'POST /echo HTTP/1.1',
    'Host: a',
    'Transfer-Encoding: chunked',
    'Trailer: x-sum',
    '',
    '5;ext=1',
    'hello',
    '',
  );
  c.write('6', ' world', '0', 'x-sum: 1', '', '');
  const response = await c.response();
  t.equal(response.body, 'hello world');
  t.equal(response.header('transfer-encoding'), 'chunked');
  const [call] = dispatch.calls;
  t.ok(call?.kind === 'request');
  if (call?.kind !== 'request') return;
  t.notOk(call.headers.includes('trailer'));
  t.notOk(call.headers.includes('transfer-encoding'));
  t.notOk(call.headers.includes('x-sum'));
  t.equal((await c.send('GET /echo HTTP/1.1', 'Host: a').response()).status, 200);
});

void t.test('gateway: 100 Continue is sent when the body is wanted, and only then', async (t) => {
  const { client } = await serve(t, { echo, small: { guest: echo, limits: { requestBodyBytes: 4 } } });
  const c = client();
  const expect = ['Host: a', 'Expect: 100-continue'];
  c.send('POST /echo HTTP/1.1', ...expect, 'Content-Length: 5');
  t.equal((await c.response()).status, 100);
  t.equal((await c.write('hello').response()).body, 'hello');
  c.send('POST /echo HTTP/1.1', ...expect, 'Transfer-Encoding: chunked');
  t.equal((await c.response()).status, 100);
  t.equal((await c.write('2', 'hi', '0', '', '').response()).body, 'hi');
  t.equal(
    (
      await client()
        .send('POST /small HTTP/1.1', ...expect, 'Content-Length: 5')
        .response()
    ).status,
    413,
  );
  t.equal(
    (
      await client()
        .send('POST /none HTTP/1.1', ...expect, 'Content-Length: 5')
        .response()
    ).status,
    404,
  );
});

void t.test('gateway: an expectation other than 100-continue is answered 417 with a code', async (t) => {
  const { client } = await serve(t, { echo });
  const response = await client().send('POST /echo HTTP/1.1', 'Host: a', 'Expect: tea').response();
  t.equal(response.status, 417);
  t.equal(response.header('x-islet-error'), 'ERR_EXPECTATION');
});

void t.test('gateway: HEAD has the head of GET and no body, for whole and streamed answers', async (t) => {
  const { client } = await serve(t, {
    whole: text('hello'),
    sized: text('', ['content-length', '1234']),
    stream: web(() => new Response('streamed')),
  });
  const c = client();
  const lengths: (string | undefined)[] = [];
  for (const name of ['whole', 'sized', 'stream']) {
    const response = await c.send(`HEAD /${name} HTTP/1.1`, 'Host: a').response({ head: true });
    t.equal(response.status, 200);
    lengths.push(response.header('content-length'));
  }
  t.strictSame(lengths, ['5', '1234', undefined]);
  t.equal((await c.send('GET /whole HTTP/1.1', 'Host: a').response()).body, 'hello', 'nothing was left over');
});

void t.test('gateway: 204, 205 and 304 carry no body, whatever the guest sends', async (t) => {
  const { client } = await serve(t, {
    s204: text('body', [], 204),
    s205: text('body', [], 205),
    s304: text('body', ['etag', '"1"'], 304),
    stream: async (guest) => {
      guest.head(204, [], { kind: 'stream' });
      await guest.chunk(bytes('body'));
      guest.finish();
    },
    last: text('last'),
  });
  const c = client();
  t.equal((await c.send('GET /s204 HTTP/1.1', 'Host: a').response()).header('content-length'), undefined);
  t.equal((await c.send('GET /s205 HTTP/1.1', 'Host: a').response()).header('content-length'), '0');
  t.equal((await c.send('GET /s304 HTTP/1.1', 'Host: a').response()).header('etag'), '"1"');
  t.equal((await c.send('GET /stream HTTP/1.1', 'Host: a').response()).status, 204);
  t.equal((await c.send('GET /last HTTP/1.1', 'Host: a').response()).body, 'last');
});

void t.test('gateway: every status from 200 to 599 passes, any other becomes 502', async (t) => {
  const { client } = await serve(t, {
    status: (guest) => {
      if (guest.call.kind !== 'request') return;
      guest.head(Number(new URL(guest.call.url).searchParams.get('s')), [], { kind: 'text', text: 'x' });
    },
  });
  const c = client();
  for (const status of [200, 206, 299, 307, 399, 418, 451, 499, 511, 599]) {
    t.equal((await c.send(`GET /status?s=${status} HTTP/1.1`, 'Host: a').response()).status, status);
  }
  for (const status of ['100', '101', '103', '199', '600', '999', '0', '-1', '200.5', 'NaN']) {
    const response = await c.send(`GET /status?s=${status} HTTP/1.1`, 'Host: a').response();
    t.equal(response.status, 502, status);
    t.equal(response.header('x-islet-error'), 'ERR_GUEST_RESULT');
  }
});

void t.test('gateway: HTTP/1.0 gets its answer and the end of the connection', async (t) => {
  const { client } = await serve(t, { stream: web(() => new Response('streamed')) });
  const response = await client().send('GET /stream HTTP/1.0', 'Host: a').response();
  t.equal(response.header('transfer-encoding'), undefined);
  t.equal(response.body, 'streamed');
});

void t.test('gateway: a streamed answer longer or shorter than its content-length breaks off', async (t) => {
  const { client, dispatch } = await serve(t, {
    right: async (guest) => {
      guest.head(200, ['content-length', '5'], { kind: 'stream' });
      await guest.chunk(bytes('hello'));
      guest.finish();
    },
    long: async (guest) => {
      guest.head(200, ['content-length', '5'], { kind: 'stream' });
      await guest.chunk(bytes('hello world'));
      guest.finish();
    },
    short: async (guest) => {
      guest.head(200, ['content-length', '5'], { kind: 'stream' });
      await guest.chunk(bytes('hi'));
      guest.finish();
    },
  });
  const right = await client().send('GET /right HTTP/1.1', 'Host: a').response();
  t.equal(right.body, 'hello');
  t.equal(right.header('content-length'), '5');
  await t.rejects(client().send('GET /long HTTP/1.1', 'Host: a').response());
  await t.rejects(client().send('GET /short HTTP/1.1', 'Host: a').response());
  t.strictSame(dispatch.events, ['abort'], 'the call that sent too much is stopped');
});
