import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestRequest } from '#test/support/host.ts';

interface Shown {
  readonly mark?: string;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

await t.test('http: addresses', async (t) => {
  const test = await openTestHost(t);
  const { host, port } = test;
  const shown = async (path: string, options?: TestRequest): Promise<Shown> => {
    const { status, text } = await test.request(path, options);
    t.equal(status, 200, path);
    return JSON.parse(text) as Shown;
  };
  const header = ({ headers }: Shown, name: string): string | undefined =>
    headers.find(([key]) => key === name)?.[1];
  await test.deployGuest('shows', 'shows-request.js', { vars: { MARK: 'first' } });
  await test.deployGuest('shows', 'shows-request.js', {
    vars: { MARK: 'second' },
    routes: ['api.example.com/v1/*', '*.wild.example/*'],
  });

  const byPath = await shown('/shows/a//b%2Fc?x=%20');
  t.equal(byPath.url, `http://127.0.0.1:${port}/a//b%2Fc?x=%20`, 'the prefix is stripped');
  t.equal(header(byPath, 'x-forwarded-prefix'), '/shows');
  t.equal((await shown('/shows')).url, `http://127.0.0.1:${port}/`, 'with or without a slash');

  const byHost = await shown('/shows/x', { host: `shows.localhost:${port}` });
  t.equal(byHost.url, `http://shows.localhost:${port}/shows/x`, 'nothing is stripped by host');
  t.equal(header(byHost, 'x-forwarded-prefix'), undefined);
  t.equal((await shown('/', { host: 'SHOWS.LocalHost' })).mark, 'second', 'host names have no case');

  t.equal((await shown('/v1/x', { host: 'api.example.com' })).url, 'http://api.example.com/v1/x');
  t.equal((await shown('/x', { host: 'a.wild.example' })).url, 'http://a.wild.example/x');
  t.equal((await test.request('/v2/x', { host: 'api.example.com' })).status, 404);

  t.equal((await shown('/shows@1/y')).mark, 'first', 'a preview by path');
  t.equal(header(await shown('/shows@1/y'), 'x-forwarded-prefix'), '/shows@1');
  t.equal((await shown('/y', { host: `1--shows.localhost:${port}` })).mark, 'first', 'a preview by host');
  t.same(
    (await host.versions('shows')).map(({ preview }) => preview).sort(byText),
    [
      { host: '1--shows.localhost', path: '/shows@1/' },
      { host: '2--shows.localhost', path: '/shows@2/' },
    ].sort(byText),
  );
  for (const path of ['/shows@3/', '/shows@x/', '/nobody/', '/'])
    t.match(
      await test.request(path),
      { status: 404, headers: { 'x-islet-error': ['ERR_NO_FUNCTION'] } },
      path,
    );

  const forged = await shown('/shows/', {
    headers: { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-prefix': '/evil', 'x-forwarded-proto': 'https' },
  });
  t.equal(header(forged, 'x-forwarded-prefix'), '/shows', 'a client cannot set these');
  t.equal(header(forged, 'x-forwarded-for'), '127.0.0.1');
  t.match(forged.url, /^http:/);
});

await t.test('http: requests and responses', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('odd', 'answers-oddly.js');
  await test.deployGuest('shows', 'shows-request.js');

  await t.test('set-cookie stays a list, other fields are joined', async (t) => {
    const { headers } = await test.request('/odd/cookies');
    t.same(headers['set-cookie'], ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']);
    t.equal(headers['x-list']?.join(', '), 'one, two');
  });

  await t.test('what a guest must not set is ignored', async (t) => {
    const response = await test.request('/odd/forbidden-headers');
    t.match(response, { status: 200, text: '12345', headers: { 'content-length': ['5'] } });
    for (const name of ['transfer-encoding', 'x-listed', 'trailer', 'x-islet-error'])
      t.equal(response.headers[name], undefined, name);
    t.not(response.headers['x-islet-id']?.[0], 'mine');
    t.not(response.headers['keep-alive']?.[0], 'timeout=9999');
  });

  await t.test('statuses of every class', async (t) => {
    for (const status of [200, 201, 204, 206, 299, 301, 304, 400, 404, 418, 451, 500, 503, 599]) {
      const response = await test.request(`/odd/status?status=${status}`);
      t.equal(response.status, status);
      t.equal(response.text, [204, 304].includes(status) ? '' : `status ${status}`);
    }
  });

  await t.test('HEAD is GET without a body', async (t) => {
    const head = await test.request('/odd/length', { method: 'HEAD' });
    t.match(head, { status: 200, text: '', headers: { 'content-length': ['5'], 'x-is': ['head or get'] } });
    const stream = await test.request('/odd/stream', { method: 'HEAD' });
    t.match(stream, { status: 200, text: '' });
    const missing = await test.request('/nobody/', { method: 'HEAD' });
    t.match(missing, { status: 404, text: '' });
  });

  await t.test('keep-alive: one connection carries many requests, HEAD and errors among them', async (t) => {
    const client = test.client();
    for (const [method, path, status] of [
      ['GET', '/odd/length', 200],
      ['HEAD', '/odd/stream', 200],
      ['GET', '/nobody/', 404],
      ['GET', '/odd/stream', 200],
      ['GET', '/odd/status?status=304', 304],
      ['GET', '/odd/length', 200],
    ] as const) {
      client.send(`${method} ${path} HTTP/1.1`, 'host: x');
      t.equal((await client.response({ head: method === 'HEAD' })).status, status, `${method} ${path}`);
    }
    client.send('POST /odd/ignores-body HTTP/1.1', 'host: x', 'content-length: 5').write('12345');
    t.equal((await client.response()).body, 'did not read it');
    client.send('GET /odd/length HTTP/1.1', 'host: x');
    t.equal((await client.response()).body, 'five!', 'and goes on after a body nobody read');
  });

  await t.test('bodies: sized, chunked, with trailers dropped', async (t) => {
    const client = test.client();
    client.send('POST /shows/ HTTP/1.1', 'host: x', 'content-length: 4').write('ab\u00c3\u00a9');
    t.equal((JSON.parse((await client.response()).body) as Shown).body, 'ab\u00c3\u00a9');
    client.send('POST /shows/ HTTP/1.1', 'host: x', 'transfer-encoding: chunked', 'trailer: x-late');
    client.write('3', 'abc', '2;ext=1', 'de', '0', 'x-late: yes', '', '');
    const shown = JSON.parse((await client.response()).body) as Shown;
    t.equal(shown.body, 'abcde');
    t.notOk(shown.headers.some(([name]) => ['x-late', 'trailer', 'transfer-encoding'].includes(name)));
  });

  await t.test('Expect: 100-continue is answered before the body is sent', async (t) => {
    const client = test.client();
    client.send('POST /shows/ HTTP/1.1', 'host: x', 'content-length: 3', 'expect: 100-continue');
    t.equal((await client.response()).status, 100);
    client.write('abc');
    t.equal((JSON.parse((await client.response()).body) as Shown).body, 'abc');
    client.send('POST /nobody/ HTTP/1.1', 'host: x', 'content-length: 3', 'expect: 100-continue');
    t.equal((await client.response()).status, 404, 'and not asked for where nobody wants it');
  });

  await t.test('a response stream that fails is broken off, not ended', async (t) => {
    await t.rejects(test.request('/odd/breaks'), { code: 'ECONNRESET' });
    t.equal((await test.request('/odd/length')).status, 200);
  });

  await t.test('not HTTP: 400 with a code', async (t) => {
    for (const lines of [
      ['GET /odd/length HTTP/1.1'],
      ['GET /odd/length HTTP/1.1', 'host: a', 'host: b'],
      ['GET nothing HTTP/1.1', 'host: x'],
      ['POST / HTTP/1.1', 'host: x', 'content-length: 1', 'transfer-encoding: chunked'],
    ]) {
      const response = await test
        .client()
        .send(...lines)
        .response();
      t.match(response, { status: 400 }, lines.join(' | '));
      t.match(response.header('x-islet-error'), /^ERR_/);
      t.match(response.header('x-islet-id'), /^[0-9a-f-]{36}$/);
      t.notMatch(response.body, /\bat .*:\d+:\d+|node:/, 'no stack');
    }
  });
});

await t.test('http: a client that goes away aborts request.signal', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('notes', 'notes-abort.js', { bindings: { KV: { kind: 'kv' } } });
  const noted = (name: string): Promise<true> =>
    eventually(name, async () => {
      const names = JSON.parse((await test.request('/notes/noted')).text) as string[];
      return names.includes(name) ? true : undefined;
    });

  const streaming = test.client().send('GET /notes/?form=stream HTTP/1.1', 'host: x');
  await streaming.until('first');
  streaming.close();
  t.ok(await noted('stream:AbortError'), 'in the middle of its response');
  t.ok(await noted('stream:cancelled'), 'and the body is cancelled');

  const waiting = test.client().send('GET /notes/?form=wait HTTP/1.1', 'host: x');
  await eventually('the call is under way', async () =>
    (await test.host.health()).cells.some((cell) => cell.inFlight > 0) ? true : undefined,
  );
  waiting.close();
  t.ok(await noted('wait:AbortError'), 'before its response');
  await eventually('the calls are over', async () =>
    (await test.host.health()).cells.every((cell) => cell.inFlight === 0) ? true : undefined,
  );
  const outcomes = (await test.host.usage('notes')).map((row) => row.outcomes['cancelled'] ?? 0);
  t.equal(
    outcomes.reduce((sum, count) => sum + count, 0),
    2,
    'both are counted as cancelled',
  );
});

function byText(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : 1;
}
