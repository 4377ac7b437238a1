import t from 'tap';
import { withoutAddon } from '#test/support/wasm.ts';
import { echoes, linesOf, openDeployed, openUpstream, stored, streams } from '#test/support/wasm-deployed.ts';

void t.test('languages: C', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'c/cgi');
  if (test === undefined) return;
  const { host } = test;
  const ask = (query: string, options = {}) => test.request(`/c-cgi/a/b?${query}`, options);

  await t.test('languages: C sees the request as RFC 3875 says', async (t) => {
    const headers = { 'x-say': 'hello', proxy: 'http://evil', 'content-type': 'a/b', cookie: 'a=1' };
    const { text } = await ask('act=env&x=%20', { method: 'POST', headers, body: '12345' });
    const env = new Map(
      text.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]),
    );
    const expected = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'POST',
      PATH_INFO: '/a/b',
      QUERY_STRING: 'act=env&x=%20',
      CONTENT_TYPE: 'a/b',
      CONTENT_LENGTH: '5',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_X_SAY: 'hello',
      HTTP_COOKIE: 'a=1',
      GREETING: 'hé',
    };
    for (const [name, value] of Object.entries(expected)) t.equal(env.get(name), value, name);
    t.notOk(env.has('HTTP_PROXY'), 'httpoxy: https://httpoxy.org');
    t.notOk(env.has('PATH') || env.has('HOME'), 'nothing of the host');
  });

  await t.test('languages: C answers with status, headers and redirects', async (t) => {
    const headers = { 'x-one': ['1'], 'x-two': ['a', 'b'] };
    t.match(await ask('act=status'), { status: 418, text: 'short and stout', headers });
    t.match(await ask('act=redirect'), { status: 302, headers: { location: ['/elsewhere'] } });
    t.match(await ask('act=empty'), { status: 204, text: '' });
    t.match(await ask('act=nothing-like-it'), { status: 404 });
    t.equal((await ask('act=args')).text.split('\n').length, 2, 'its own name and no more');
  });

  await t.test('languages: C streams', async (t) => {
    await streams(t, test, '/?act=echo');
    const body = Buffer.alloc(300_000);
    t.equal((await ask('act=count', { method: 'POST', body })).text, '300000');
    t.match(await ask('act=ignore', { method: 'POST', body }), { status: 200, text: 'not read' });
  });

  await t.test('languages: C fails in its own name', async (t) => {
    const cases = {
      trap: [500, 'ERR_GUEST_THREW'],
      abort: [500, 'ERR_GUEST_THREW'],
      'late-trap&n=10': [500, 'ERR_GUEST_THREW'],
      'exit&n=3': [500, 'ERR_GUEST_THREW'],
      recurse: [500, 'ERR_GUEST_THREW'],
      silent: [500, 'ERR_GUEST_RESULT'],
      'no-head': [500, 'ERR_GUEST_RESULT'],
    };
    for (const [act, expected] of Object.entries(cases)) {
      const { status, headers, text } = await ask(`act=${act}`);
      t.same([status, headers['x-islet-error']?.[0]], expected, act);
      t.notMatch(text, /wasm|unreachable|header/, 'the caller sees no more than the code');
    }
    await t.rejects(ask('act=late-trap&n=1000000'), 'a response that had begun is broken off');
    t.match(await ask(''), { status: 200, text: 'Hello World!' });
  });

  await t.test('languages: C reaches KV and the network through islet, and no files', async (t) => {
    const [put, got, value] = (await ask('act=kv&key=c&value=from-c')).text.split('\n');
    t.match(JSON.parse(put ?? ''), { ok: /./ });
    t.match(JSON.parse(got ?? ''), { ok: { version: /./ } });
    t.equal(value, 'from-c');
    t.equal(await stored(test, 'c'), 'from-c', 'the host sees the same');
    const url = await openUpstream(t);
    const [answer, body] = (await ask(`act=fetch&url=${url}/x`)).text.split('\n');
    t.match(JSON.parse(answer ?? ''), { ok: { status: 203 } });
    t.equal(body, 'GET /x ');
    for (const line of (await ask('act=reach')).text.trim().split('\n')) t.notMatch(line, / 0$/, line);
  });

  await t.test('languages: C logs', async (t) => {
    await ask('act=say', { headers: { 'x-say': 'something' } });
    t.ok((await linesOf(test)).includes('error said something'));
  });

  await t.test('languages: C answers events', async (t) => {
    t.match(await host.invoke('c-cgi', { a: 1 }), {
      outcome: { kind: 'returned' },
      value: { event: { a: 1 }, var: 'hé' },
      logs: [{ message: 'an event of 7 bytes' }],
    });
    for (const event of ['trap', 'fail', 'garbage'])
      t.match(await host.invoke('c-cgi', event), { outcome: { kind: 'threw' } }, event);
  });
});

void t.test('languages: a resident loop in C', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'c/events', { wasm: { protocol: 'events' } });
  if (test === undefined) return;
  const { host, name } = test;
  t.match(await host.invoke(name, 'a'), { value: { seen: 1, event: 'a' }, logs: [{ message: 'event 1' }] });
  t.match(await host.invoke(name, { b: 1 }), { value: { seen: 2, event: { b: 1 } } }, 'the same process');
  t.match(await host.invoke(name, 'trap'), { outcome: { kind: 'threw' } });
  t.match(await host.invoke(name, 'exit'), { outcome: { kind: 'threw' } });
  t.match(await host.invoke(name, 'c'), { value: { seen: 1 } }, 'another one takes its place');
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => host.invoke(name, i)));
  t.same(
    all.map(({ value }) => (value as { event: number }).event),
    Array.from({ length: 20 }, (_, i) => i),
    'each call has its own answer',
  );
});

void t.test('languages: Go', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'go/cgi');
  if (test === undefined) return;
  t.match(await test.request('/go-cgi/'), { status: 200, text: 'Hello World!' });
  const headers = { 'x-say': 'hi', host: 'go-cgi.localhost' };
  t.match(JSON.parse((await test.request('/a?act=request', { headers })).text), {
    method: 'GET',
    path: '/a',
    query: 'act=request',
    host: /^go-cgi\.localhost/,
    say: 'hi',
    var: 'hé',
  });
  // net/http/cgi reads only bodies of a known length: no chunks here.
  await echoes(t, test, '/?act=echo');
  const put = await test.request('/go-cgi/?act=kv&key=go', { method: 'PUT', body: 'from Go' });
  t.equal(put.status, 204);
  t.match(await test.request('/go-cgi/?act=kv&key=go'), { status: 200, text: 'from Go' });
  t.equal((await test.request('/go-cgi/?act=kv&key=none')).status, 404);
  t.match(await test.host.invoke('go-cgi', { a: [1] }), { value: { event: { a: [1] }, var: 'hé' } });
  t.ok((await linesOf(test)).includes('error an event for GO'));
  t.ok((await test.request('/go-cgi/?act=panic')).status >= 500);
});

void t.test('languages: a resident loop in Go', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'go/events', { wasm: { protocol: 'events' } });
  if (test === undefined) return;
  const { host, name } = test;
  t.match(await host.invoke(name, 'a'), { value: { seen: 1, event: 'a' } });
  t.match(await host.invoke(name, ['b']), { value: { seen: 2, event: ['b'] } });
  const failed = await host.invoke(name, 'panic');
  t.match(failed, { outcome: { kind: 'threw' } });
  t.ok(
    failed.logs.some(({ message }) => message.includes('panic: boom')),
    'what it wrote on stderr is in the log',
  );
  t.match(await host.invoke(name, 'c'), { value: { seen: 1 } });
});

void t.test('languages: AssemblyScript', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'assemblyscript/cgi');
  if (test === undefined) return;
  const at = `/${test.name}`;
  t.match(await test.request(`${at}/here`), { status: 200, text: 'Hello World!' });
  t.ok((await linesOf(test)).includes('error asked for /here'));
  await streams(t, test, '/?act=echo');
  const kv = await test.request(`${at}/?act=kv`, { method: 'POST', body: 'from AssemblyScript' });
  t.equal(kv.text.split('\n')[1], 'from AssemblyScript');
  t.match(await test.host.invoke(test.name, [1]), { value: { event: [1], var: 'hé' } });
  t.match(await test.request(`${at}/?act=throw`), {
    status: 500,
    headers: { 'x-islet-error': ['ERR_GUEST_THREW'] },
  });
});
