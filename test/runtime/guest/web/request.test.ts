import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('request: what came in reads as it was sent', async (t) => {
  const program = `const r = web.createIncomingRequest({
      method: 'POST', url: 'http://shop.localhost/a?b=1#c', headers: ['content-type', 'text/plain', 'x', '1', 'x', '2'],
      bytes: web.encodeUtf8('héllo') });
    return [r instanceof Request, r.method, r.url, r.headers.get('x'), r.bodyUsed, await r.text(), r.bodyUsed,
      r.signal.aborted, r.redirect, r.mode, r.duplex, String(r)]`;
  t.strictSame(await guest.run(program), [
    true,
    'POST',
    'http://shop.localhost/a?b=1#c',
    '1, 2',
    false,
    'héllo',
    true,
    false,
    'follow',
    'cors',
    'half',
    '[object Request]',
  ]);
});

void t.test('request: stream and signal are made on first use, once', async (t) => {
  const program = `let streams = 0, signals = 0; const signal = web.createAbortSignal();
    const r = web.createIncomingRequest({ method: 'PUT', url: 'http://a.b/', headers: [],
      stream: () => { streams++; return web.createByteStream({ pull(s) { s.enqueue(new Uint8Array([65])); s.close() } }) },
      signal: () => { signals++; return signal } });
    const before = [streams, signals];
    const same = r.body === r.body && r.signal === r.signal;
    web.abortSignal(signal, 'gone');
    return [before, same, await r.text(), r.signal.aborted, r.signal.reason, streams, signals]`;
  t.strictSame(await guest.run(program), [[0, 0], true, 'A', true, 'gone', 1, 1]);
});

const good: readonly (readonly [string, readonly unknown[]])[] = [
  ['new Request("HTTP://A.b:80/x y")', ['GET', 'http://a.b/x%20y', '']],
  ['new Request(new URL("http://a.b/"))', ['GET', 'http://a.b/', '']],
  ['new Request("http://a.b/", { method: "post", body: "x" })', ['POST', 'http://a.b/', 'x']],
  ['new Request("http://a.b/", { method: "patch" })', ['patch', 'http://a.b/', '']],
  [
    'new Request(new Request("http://a.b/", { method: "PUT", body: "x" }), { headers: {} })',
    ['PUT', 'http://a.b/', 'x'],
  ],
  [
    'new Request("http://a.b/", { method: "POST", body: new Blob(["b"]).stream(), duplex: "half" })',
    ['POST', 'http://a.b/', 'b'],
  ],
];
for (const [source, expected] of good) {
  void t.test(`request: ${source}`, async (t) => {
    t.strictSame(await guest.run(`const r = ${source}; return [r.method, r.url, await r.text()]`), expected);
  });
}

const refused = [
  'new Request()',
  'new Request("/relative")',
  'new Request("http://user:pw@a.b/")',
  'new Request("http://a.b/", { method: "a b" })',
  'new Request("http://a.b/", { method: "TRACE" })',
  'new Request("http://a.b/", { body: "x" })',
  'new Request("http://a.b/", { method: "HEAD", body: "x" })',
  'new Request("http://a.b/", { redirect: "never" })',
  'new Request("http://a.b/", { signal: {} })',
  'new Request("http://a.b/", { method: "POST", body: new ReadableStream() })',
  'new Request("http://a.b/", 1)',
];
for (const source of refused) {
  void t.test(`request: ${source} is a TypeError`, async (t) => {
    t.equal(await guest.run(`try { ${source}; return 'made' } catch (e) { return e.name }`), 'TypeError');
  });
}

void t.test('request: a body moves to the request made from it and can be used once', async (t) => {
  const program = `const a = new Request('http://a.b/', { method: 'POST', body: 'x' });
    const b = new Request(a); const out = [a.bodyUsed, b.bodyUsed, await b.text()];
    for (const use of [() => a.text(), async () => new Request(a), async () => a.clone()])
      out.push(await use().then(() => 'used', (e) => e.name));
    return out`;
  t.strictSame(await guest.run(program), [true, false, 'x', 'TypeError', 'TypeError', 'TypeError']);
});

void t.test('request: a clone has its own headers and body and follows the same signal', async (t) => {
  const program = `const c = new AbortController();
    const a = new Request('http://a.b/', { method: 'POST', body: 'x', headers: { q: '1' }, signal: c.signal });
    const b = a.clone(); b.headers.set('q', '2'); c.abort('why');
    return [a.headers.get('q'), await a.text(), await b.text(), a.signal.reason, b.signal.reason, a.signal === c.signal]`;
  t.strictSame(await guest.run(program), ['1', 'x', 'x', 'why', 'why', false]);
});

void t.test('takeRequest: everything fetch() needs', async (t) => {
  const program = `const c = new AbortController();
    const taken = web.takeRequest('http://A.b/p', { method: 'post', headers: { 'X-A': '1' }, body: 'hi', redirect: 'manual', signal: c.signal });
    return [{ ...taken, signal: taken.signal === c.signal }, web.takeRequest('https://a.b/').body]`;
  t.strictSame(await guest.run(program), [
    {
      method: 'POST',
      url: 'http://a.b/p',
      headers: ['x-a', '1', 'content-type', 'text/plain;charset=UTF-8'],
      body: { kind: 'text', text: 'hi' },
      redirect: 'manual',
      integrity: '',
      signal: true,
    },
    { kind: 'none' },
  ]);
});

void t.test('takeRequest: a request that came in can be passed on with its stream and signal', async (t) => {
  const program = `const signal = web.createAbortSignal();
    const r = web.createIncomingRequest({ method: 'POST', url: 'http://a.b/', headers: ['a', '1'], signal: () => signal,
      stream: () => new Blob(['streamed']).stream() });
    const taken = web.takeRequest(r, undefined);
    const told = []; web.onAbort(taken.signal, (reason) => told.push(reason)); web.abortSignal(signal, 'bye');
    return [taken.body.kind, await new Response(taken.body.stream).text(), taken.headers, told, r.bodyUsed]`;
  t.strictSame(await guest.run(program), ['stream', 'streamed', ['a', '1'], ['bye'], true]);
});

void t.test('takeRequest: only http and https leave', async (t) => {
  const program = `return ['data:x', 'file:///etc/passwd', 'ftp://a.b/', 'blob:http://a.b/x', 'javascript:1'].map((u) => {
    try { web.takeRequest(u); return 'taken' } catch (e) { return e.name } })`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 5 }, () => 'TypeError'),
  );
});

void t.test('request: headers of mode no-cors keep to what the standard safelists', async (t) => {
  const program = `const headers = { accept: 'a/b', 'content-language': 'en', 'content-type': 'text/plain', range: 'bytes=0-',
      authorization: 'secret', 'accept-language': 'a@b', 'x-own': '1' };
    const request = new Request('http://a.test/', { mode: 'no-cors', method: 'POST', headers });
    const before = [...request.headers.keys()];
    request.headers.append('accept', 'x'.repeat(124));
    request.headers.append('accept', 'y');
    request.headers.set('x-own', '2');
    request.headers.set('content-type', 'application/json');
    request.headers.set('content-language', 'de');
    request.headers.delete('accept');
    request.headers.delete('x-own');
    const json = new Request('http://a.test/', { mode: 'no-cors', method: 'POST', body: new Blob(['{}'], { type: 'application/json' }) });
    return [before, [...request.headers], [...json.headers]]`;
  t.strictSame(await guest.run(program), [
    ['accept', 'content-language', 'content-type'],
    [
      ['content-language', 'de'],
      ['content-type', 'text/plain'],
    ],
    [],
  ]);
});

const invalid: Readonly<Record<string, string>> = {
  'a method that is not simple in mode no-cors': `{ mode: 'no-cors', method: 'PUT' }`,
  'cache only-if-cached outside of mode same-origin': `{ cache: 'only-if-cached' }`,
  'a referrer that is no URL': `{ referrer: 'http://a b' }`,
  'a duplex other than half, body or not': `{ duplex: 'full' }`,
  'a priority nobody knows': `{ priority: 'urgent' }`,
};
for (const [what, init] of Object.entries(invalid)) {
  void t.test(`request: ${what} is refused`, async (t) => {
    const program = `try { new Request('http://a.test/', ${init}); return 'made' } catch (error) { return error.name }`;
    t.equal(await guest.run(program), 'TypeError');
  });
}

void t.test('request: fetch with a signal aborted before cancels the stream that is its body', async (t) => {
  const program = `let cancelled; const reason = new Error('stop');
    const body = new ReadableStream({ cancel(why) { cancelled = why } });
    try { web.takeRequest('http://a.test/', { method: 'POST', duplex: 'half', body, signal: AbortSignal.abort(reason) }) }
    catch (error) { return [error === reason, cancelled === reason] }`;
  t.strictSame(await guest.run(program), [true, true]);
});
