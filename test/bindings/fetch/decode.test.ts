import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { temporaryServer } from '#test/support/store-server.ts';
import { headerValues, temporaryFetch, textOf } from '#test/support/store-fetch.ts';

const text = 'as it was before it was encoded '.repeat(10_000);

void t.test('fetch: each coding is decoded, and its headers go with it', async (t) => {
  const bodies: Readonly<Record<string, Buffer>> = {
    gzip: gzipSync(text),
    'X-GZIP': gzipSync(text),
    deflate: deflateSync(text),
    'deflate ': deflateRawSync(text),
    br: brotliCompressSync(text),
    zstd: zstdCompressSync(text),
    'gzip, br': brotliCompressSync(gzipSync(text)),
    identity: Buffer.from(text),
    'identity, gzip': gzipSync(text),
  };
  const origin = await temporaryServer(t, (request, response) => {
    const coding = decodeURIComponent(request.url?.slice(1) ?? '');
    const body = bodies[coding] ?? Buffer.alloc(0);
    response.writeHead(200, { 'content-encoding': coding, 'content-length': body.length });
    response.end(body);
  });
  const fetch = temporaryFetch(t);
  for (const coding of Object.keys(bodies)) {
    const answer = await fetch({ url: `${origin}/${encodeURIComponent(coding)}` });
    t.equal(await textOf(answer), text, coding);
    if (coding !== 'identity') t.same(headerValues(answer, 'content-length'), [], coding);
    if (coding !== 'identity') t.same(headerValues(answer, 'content-encoding'), [], coding);
  }
});

void t.test('fetch: an unknown coding goes to the guest as it came', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'compress, gzip' });
    response.end('raw');
  });
  const answer = await temporaryFetch(t)({ url: origin });
  t.equal(await textOf(answer), 'raw');
  t.same(headerValues(answer, 'content-encoding'), ['compress, gzip']);
});

void t.test('fetch: an encoded body that is empty is empty, one cut short gives what it held', async (t) => {
  const whole = gzipSync(text);
  const origin = await temporaryServer(t, (request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(request.url === '/empty' ? '' : whole.subarray(0, whole.length - 8));
  });
  const fetch = temporaryFetch(t);
  t.equal(await textOf(await fetch({ url: `${origin}/empty` })), '');
  t.equal(await textOf(await fetch({ url: `${origin}/cut` })), text);
});

void t.test('fetch: a body that is not what it says is ERR_FETCH_FAILED', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    response.writeHead(200, { 'content-encoding': request.url?.slice(1) ?? '' });
    response.end('this is no such coding at all');
  });
  const fetch = temporaryFetch(t);
  for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip,br']) {
    await t.rejects(fetch({ url: `${origin}/${coding}` }).then(textOf), { code: 'ERR_FETCH_FAILED' }, coding);
  }
  const nested = 'gzip,gzip,gzip,gzip,gzip,gzip';
  await t.rejects(fetch({ url: `${origin}/${nested}` }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a bomb is decoded no faster than it is read', async (t) => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(bomb);
  });
  const answer = await temporaryFetch(t)({ url: origin });
  const before = process.memoryUsage().rss;
  const body = answer.stream?.[Symbol.asyncIterator]();
  const first = await body?.next();
  t.equal(first?.done, false);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  await body?.return?.();
});
