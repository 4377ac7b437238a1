import t from 'tap';
import { text, web } from '#test/support/http-dispatch.ts';
import type { Guest, TestDispatch } from '#test/support/http-dispatch.ts';
import { serve } from '#test/support/http-server.ts';

const MB = 2 ** 20;

/** Resolves when the sender did as named. */
async function event(dispatch: TestDispatch, pattern: RegExp): Promise<void> {
  while (!dispatch.events.some((name) => pattern.test(name))) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const stuck: Guest = async ({ signal }) => {
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
};

void t.test('gateway: a sized body over the limit is 413 before anything starts', async (t) => {
  const { client, dispatch } = await serve(t, {
    small: { guest: text('ok'), limits: { requestBodyBytes: 5 } },
  });
  const c = client();
  t.equal(
    (await c.write('POST /small HTTP/1.1', 'Host: h', 'Content-Length: 5', '', 'hello').response()).status,
    200,
  );
  const over = await c.write('POST /small HTTP/1.1', 'Host: h', 'Content-Length: 6', '', 'hello!').response();
  t.equal(over.status, 413);
  t.equal(over.header('x-islet-error'), 'ERR_LIMIT_REQUEST_BODY');
  t.equal(dispatch.calls.length, 1);
  t.equal((await c.send('GET /small HTTP/1.1', 'Host: h').response()).status, 200, 'the connection goes on');
});

void t.test(
  'gateway: a client still sending a refused body gets its answer, then loses the connection',
  async (t) => {
    const { client } = await serve(t, { small: { guest: text('ok'), limits: { requestBodyBytes: 5 } } });
    const c = client().send('POST /small HTTP/1.1', 'Host: h', `Content-Length: ${64 * MB}`);
    c.socket.write(Buffer.alloc(8 * MB));
    t.equal((await c.response()).status, 413);
    await c.rest();
    t.pass('closed');
  },
);

void t.test('gateway: a chunked body that grows over the limit is 413', async (t) => {
  const reads: Guest = async (guest) => {
    for await (const chunk of guest.body) void chunk;
    guest.head(200, [], { kind: 'none' });
  };
  const { client } = await serve(t, { small: { guest: reads, limits: { requestBodyBytes: 5 } } });
  const chunked = ['POST /small HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', ''];
  const c = client();
  t.equal((await c.write(...chunked, '5', 'hello', '0', '', '').response()).status, 200);
  t.equal((await c.write(...chunked, '5', 'hello', '1', '!', '0', '', '').response()).status, 413);
  t.equal((await c.write(...chunked, '0', '', '').response()).status, 200, 'the connection goes on');
});

void t.test('gateway: a response body that goes over its limit breaks off', async (t) => {
  const over: Guest = async (guest) => {
    guest.head(200, [], { kind: 'stream' });
    await guest.chunk(Buffer.from('hello'));
    await guest.chunk(Buffer.from('!'));
    guest.finish();
  };
  const { client } = await serve(t, {
    over: { guest: over, limits: { responseBodyBytes: 5 } },
    under: { guest: over, limits: { responseBodyBytes: 6 } },
  });
  t.equal((await client().send('GET /under HTTP/1.1', 'Host: h').response()).body, 'hello!');
  await t.rejects(client().send('GET /over HTTP/1.1', 'Host: h').response());
  const old = client().send('GET /over HTTP/1.0', 'Host: h');
  const reset = new Promise((resolve) => old.socket.on('error', resolve));
  t.match(await reset, { code: 'ECONNRESET' }, 'HTTP/1.0 has no other sign');
});

void t.test('gateway: a stream left open at the end of the call breaks off', async (t) => {
  const { client } = await serve(t, {
    leaves: async (guest) => {
      guest.head(200, [], { kind: 'stream' });
      await guest.chunk(Buffer.from('hello'));
      throw new Error('midway');
    },
  });
  await t.rejects(client().send('GET /leaves HTTP/1.1', 'Host: h').response());
});

void t.test(
  'gateway: a client that goes away aborts the call, before the head and during the body',
  async (t) => {
    const streams: Guest = async (guest) => {
      guest.head(200, [], { kind: 'stream' });
      await stuck(guest);
    };
    const { client, dispatch } = await serve(t, { stuck, streams });
    const waiting = client().send('GET /stuck HTTP/1.1', 'Host: h');
    while (dispatch.calls.length < 1) await new Promise((resolve) => setTimeout(resolve, 2));
    waiting.close();
    await event(dispatch, /abort/);
    const reading = client().send('GET /streams HTTP/1.1', 'Host: h');
    while (dispatch.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    reading.socket.end();
    while (dispatch.events.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    t.strictSame(dispatch.events, ['abort', 'abort']);
  },
);

void t.test('gateway: a client that pipelines and goes away aborts all of its calls', async (t) => {
  const { client, dispatch } = await serve(t, { stuck });
  const c = client().write('GET /stuck HTTP/1.1', 'Host: h', '', 'GET /stuck HTTP/1.1', 'Host: h', '', '');
  while (dispatch.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  c.close();
  while (dispatch.events.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  t.strictSame(dispatch.events, ['abort', 'abort']);
});

void t.test('gateway: a client that goes away after its answer aborts nothing', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { client, dispatch } = await serve(t, {
    waits: async (guest) => {
      guest.head(200, [], { kind: 'text', text: 'ok' });
      await gate.promise;
    },
  });
  const c = client();
  await c.send('GET /waits HTTP/1.1', 'Host: h').response();
  const closed = new Promise((resolve) => c.socket.on('close', resolve));
  c.close();
  await closed;
  await client().send('GET /none HTTP/1.1', 'Host: h').response();
  gate.resolve();
  t.strictSame(dispatch.events, []);
});

void t.test(
  'gateway: a body that breaks off in the middle starts no call when sized, stops it when streamed',
  async (t) => {
    const { client, dispatch } = await serve(t, { stuck });
    const sized = client().write('POST /stuck HTTP/1.1', 'Host: h', 'Content-Length: 5', '', 'he');
    await new Promise((resolve) => sized.socket.once('connect', resolve));
    const closed = new Promise((resolve) => sized.socket.once('close', resolve));
    sized.socket.end();
    await closed;
    t.equal(dispatch.calls.length, 0);
    const chunked = client().write(
      'POST /stuck HTTP/1.1',
      'Host: h',
      'Transfer-Encoding: chunked',
      '',
      '5',
      'hello',
      '',
    );
    while (dispatch.calls.length < 1) await new Promise((resolve) => setTimeout(resolve, 2));
    chunked.close();
    await event(dispatch, /abort/);
  },
);

void t.test('gateway: a slow reader holds the guest back', async (t) => {
  const { client, dispatch } = await serve(t, {
    flood: async (guest) => {
      guest.head(200, [], { kind: 'stream' });
      for (let i = 0; i < 512; i += 1) await guest.chunk(Buffer.alloc(64 * 1024, 'x'));
      guest.finish();
    },
  });
  const c = client();
  c.socket.pause();
  c.send('GET /flood HTTP/1.1', 'Host: h');
  let seen = -1;
  // The kernel's buffers fill, then nothing moves: 32 MB cannot be on their way.
  while (seen !== dispatch.mostUnconsumed || seen < 256 * 1024) {
    seen = dispatch.mostUnconsumed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(seen <= 256 * 1024 + 64 * 1024, 'no more than the credit is on its way');
  c.socket.resume();
  t.equal((await c.response()).body.length, 32 * MB);
});

void t.test('gateway: a slow guest holds the sender back, and gets no more than it asked for', async (t) => {
  const gate = Promise.withResolvers<void>();
  let received = 0;
  const { client, dispatch } = await serve(t, {
    slow: async (guest) => {
      await gate.promise;
      for await (const chunk of guest.body) received += chunk.length;
      guest.head(200, [], { kind: 'text', text: String(received) });
    },
  });
  const c = client().send('POST /slow HTTP/1.1', 'Host: h', `Content-Length: ${32 * MB}`);
  c.socket.write(Buffer.alloc(32 * MB));
  let queued = -1;
  while (queued !== c.socket.writableLength) {
    queued = c.socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(queued > 0, 'the sender still holds what the guest did not ask for');
  gate.resolve();
  t.equal((await c.response()).body, String(32 * MB));
  t.strictSame(dispatch.events, []);
});

void t.test('gateway: bodies stream both ways at once', async (t) => {
  const { client } = await serve(t, { echo: web((request) => new Response(request.body)) });
  const c = client().send('POST /echo HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked');
  const answer = c.response();
  for (const word of ['one', 'two', 'three']) {
    c.write(word.length.toString(16), word, '');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  c.write('0', '', '');
  t.equal((await answer).body, 'onetwothree');
});

void t.test('gateway: a guest that answers without reading leaves the connection usable', async (t) => {
  const { client } = await serve(t, { ignores: text('ok') });
  const c = client();
  const chunked = ['POST /ignores HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', ''];
  for (let i = 0; i < 3; i += 1) {
    const size = 300 * 1024;
    c.write(...chunked, size.toString(16), 'x'.repeat(size), '0', '', '');
    t.equal((await c.response()).body, 'ok');
  }
});

void t.test('gateway: an answer may be complete while the request body still comes in', async (t) => {
  const read = Promise.withResolvers<string>();
  const { client } = await serve(t, {
    late: async (guest) => {
      guest.head(200, [], { kind: 'text', text: 'early' });
      let body = '';
      for await (const chunk of guest.body) body += Buffer.from(chunk).toString();
      read.resolve(body);
    },
  });
  const c = client().write(
    'POST /late HTTP/1.1',
    'Host: h',
    'Transfer-Encoding: chunked',
    '',
    '5',
    'hello',
    '',
  );
  t.equal((await c.response()).body, 'early');
  c.write('6', ' world', '0', '', '');
  t.equal(await read.promise, 'hello world');
});
