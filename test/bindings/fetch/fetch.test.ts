import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bodyOf, temporaryServer } from '#test/support/store-server.ts';
import { headerValues, temporaryFetch, textOf, valueOf } from '#test/support/store-fetch.ts';

void t.test('fetch: an answer comes with status, headers, address and body', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(201, 'Made', [
      ['Content-Type', 'text/plain'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Latin', 'caf\xe9'],
    ] as never);
    response.end('hello');
  });
  const answer = await temporaryFetch(t)({ url: `${origin}/path?q=1#part` });
  const value = valueOf(answer);
  t.equal(value.status, 201);
  t.equal(value.statusText, 'Made');
  t.equal(value.url, `${origin}/path?q=1`);
  t.equal(value.redirected, false);
  t.same(headerValues(answer, 'set-cookie'), ['a=1', 'b=2']);
  t.same(headerValues(answer, 'x-latin'), ['caf\xe9']);
  t.equal(await textOf(answer), 'hello');
});

void t.test('fetch: method, path, headers and body go out as the guest gave them', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    void bodyOf(request).then((body) => {
      response.end(
        JSON.stringify({ m: request.method, u: request.url, h: request.headers, b: body.toString() }),
      );
    });
  });
  const fetch = temporaryFetch(t);
  const args = {
    url: `${origin}/a%20b?x=%2F`,
    method: 'PUT',
    headers: ['X-One', '1', 'x-one', '2', 'User-Agent', 'mine'],
  };
  const seen = JSON.parse(
    (await textOf(await fetch(args, { bytes: new Uint8Array(Buffer.from('body')) }))) ?? '',
  );
  t.match(seen, { m: 'PUT', u: '/a%20b?x=%2F', b: 'body' });
  t.match(seen.h, {
    'x-one': '1, 2',
    'user-agent': 'mine',
    accept: '*/*',
    'accept-encoding': 'gzip, deflate, br',
  });
  t.equal(seen.h['content-length'], '4');
  const plain = JSON.parse(
    (await textOf(await fetch({ url: origin, headers: ['range', 'bytes=0-1'] }))) ?? '',
  );
  t.match(plain, { m: 'GET', u: '/', b: '' });
  t.equal(plain.h['accept-encoding'], 'identity');
});

void t.test('fetch: what a guest may not set is dropped', async (t) => {
  const origin = await temporaryServer(t, (request, response) =>
    response.end(JSON.stringify(request.headers)),
  );
  const forged = {
    host: 'evil.example',
    'content-length': '999',
    'Transfer-Encoding': 'chunked',
    Connection: 'close, X-Hop',
    'keep-alive': 'timeout=99',
    'x-hop': 'hop',
    te: 'trailers',
    trailer: 'x',
    upgrade: 'websocket',
    expect: '100-continue',
    'proxy-authorization': 'secret',
    'x-kept': 'yes',
  };
  const answer = await temporaryFetch(t)({ url: origin, headers: Object.entries(forged).flat() });
  const seen = JSON.parse((await textOf(answer)) ?? '');
  t.equal(seen.host, new URL(origin).host);
  t.equal(seen['x-kept'], 'yes');
  for (const name of [
    'content-length',
    'transfer-encoding',
    'x-hop',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'proxy-authorization',
  ]) {
    t.notOk(name in seen, name);
  }
  t.not(seen.connection, 'close, X-Hop');
});

void t.test('fetch: HEAD, 204 and 304 have no body at all', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(1) ?? 200), { 'content-encoding': 'gzip' });
    response.end();
  });
  const fetch = temporaryFetch(t);
  for (const args of [
    { url: `${origin}/200`, method: 'HEAD' },
    { url: `${origin}/204` },
    { url: `${origin}/304` },
  ]) {
    const answer = await fetch(args);
    t.equal(answer.bytes, undefined);
    t.equal(answer.stream, undefined);
  }
});

void t.test('fetch: the answer is there at its head, the body follows as it comes', async (t) => {
  let finish = (): void => undefined;
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('first');
    finish = () => response.end('later');
  });
  const answer = await temporaryFetch(t)({ url: origin });
  t.equal(answer.bytes, undefined);
  finish();
  t.equal(await textOf(answer), 'firstlater');
});

void t.test('fetch: a streamed body goes out as it comes, both ways at once', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    request.pipe(response);
  });
  async function* counting(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 64; index += 1) yield new Uint8Array(65_536).fill(index);
  }
  const answer = await temporaryFetch(t)({ url: origin, method: 'POST' }, { stream: counting() });
  let received = 0;
  let isWhole = true;
  for await (const piece of answer.stream ?? []) {
    for (const byte of piece) {
      isWhole &&= byte === Math.floor(received / 65_536);
      received += 1;
    }
  }
  t.equal(received, 64 * 65_536);
  t.equal(isWhole, true);
});

void t.test('fetch: a body nobody reads holds its sender up', async (t) => {
  let written = 0;
  let drained = false;
  const origin = await temporaryServer(t, (_, response) => {
    const piece = Buffer.alloc(1024 * 1024);
    const more = (): void => {
      while (written < 256 && response.write(piece)) written += 1;
      written += 1;
      if (written < 256) response.once('drain', more);
      else drained = true;
    };
    more();
  });
  const answer = await temporaryFetch(t)({ url: origin });
  let before = -1;
  // Until nothing moves any more: the buffers on the way are full.
  while (before !== written) {
    before = written;
    await sleep(100);
  }
  t.equal(drained, false);
  t.ok(written < 256);
  await answer.stream?.[Symbol.asyncIterator]().return?.();
});

void t.test('fetch: a streamed request is pulled only as the server reads', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.write('head');
  });
  let pulled = 0;
  const returned = Promise.withResolvers<boolean>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        pulled += 1;
        yield new Uint8Array(1024 * 1024);
      }
    } finally {
      returned.resolve(true);
    }
  }
  const ending = new AbortController();
  const answer = await temporaryFetch(t, { signal: ending.signal })(
    { url: origin, method: 'POST' },
    { stream: endless() },
  );
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await sleep(100);
  }
  t.ok(pulled < 256);
  ending.abort();
  await t.rejects(textOf(answer), { code: 'ERR_FETCH_FAILED' });
  t.equal(await returned.promise, true);
});

void t.test('fetch: a cancelled body breaks its connection off, also while a read waits', async (t) => {
  const closed = Promise.withResolvers<void>();
  const origin = await temporaryServer(t, (_, response) => {
    response.write('some');
    response.on('close', () => closed.resolve());
  });
  const answer = await temporaryFetch(t)({ url: origin });
  const body = answer.stream?.[Symbol.asyncIterator]();
  await body?.next();
  const waiting = body?.next().catch(() => undefined);
  await body?.return?.();
  await closed.promise;
  await waiting;
  t.equal((await body?.next())?.done, true);
});

void t.test('fetch: the end of the invocation ends its fetches, before and after the head', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const origin = await temporaryServer(t, (request, response) => {
    if (request.url === '/body') response.write('some');
    else arrived.resolve();
  });
  const ending = new AbortController();
  const fetch = temporaryFetch(t, { signal: ending.signal });
  const body = await fetch({ url: `${origin}/body` });
  const reading = textOf(body);
  const head = fetch({ url: `${origin}/head` });
  await arrived.promise;
  ending.abort();
  await t.rejects(head, { code: 'ERR_FETCH_FAILED' });
  await t.rejects(reading, { code: 'ERR_FETCH_FAILED' });
  await t.rejects(fetch({ url: origin }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a stream may say its length, and a body of another length is broken off', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    void bodyOf(request).then(
      (body) => response.end(`${request.headers['content-length']} ${body.length}`),
      () => undefined,
    );
  });
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
    yield new Uint8Array(4);
  }
  const fetch = temporaryFetch(t);
  const args = { url: origin, method: 'POST', headers: ['content-length', '5'] };
  t.equal(await textOf(await fetch({ ...args, length: 7 }, { stream: pieces() })), '7 7');
  t.equal(await textOf(await fetch(args, { stream: pieces() })), 'undefined 7');
  for (const length of [6, 8])
    await t.rejects(fetch({ ...args, length }, { stream: pieces() }), { code: 'ERR_FETCH_FAILED' });
  for (const length of [-1, 1.5, '7', null])
    await t.rejects(fetch({ ...args, length }, { stream: pieces() }), TypeError);
});
