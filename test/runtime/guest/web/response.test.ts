import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

const text = 'text/plain;charset=UTF-8';
const taken: readonly (readonly [string, readonly unknown[]])[] = [
  ['new Response()', [200, [], { kind: 'none' }]],
  ['new Response(null, { status: 204 })', [204, [], { kind: 'none' }]],
  ['new Response("hi")', [200, ['content-type', text], { kind: 'text', text: 'hi' }]],
  ['new Response(7)', [200, ['content-type', text], { kind: 'text', text: '7' }]],
  ['new Response("\\ud800")', [200, ['content-type', text], { kind: 'text', text: '\ufffd' }]],
  [
    'new Response("x", { status: "404", headers: { "Content-Type": "a/b" } })',
    [404, ['content-type', 'a/b'], { kind: 'text', text: 'x' }],
  ],
  [
    'new Response("x", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] })',
    [200, ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-type', text], { kind: 'text', text: 'x' }],
  ],
  ['new Response(new Uint8Array([1, 2]))', [200, [], { kind: 'bytes', bytes: { 0: 1, 1: 2 } }]],
  [
    'new Response(new Uint8Array([1, 2, 3, 4]).buffer.slice(2))',
    [200, [], { kind: 'bytes', bytes: { 0: 3, 1: 4 } }],
  ],
  [
    'new Response(new Blob(["A"], { type: "A/B" }))',
    [200, ['content-type', 'a/b'], { kind: 'bytes', bytes: { 0: 65 } }],
  ],
  [
    'new Response(new URLSearchParams({ a: "1 2" }))',
    [
      200,
      ['content-type', 'application/x-www-form-urlencoded;charset=UTF-8'],
      { kind: 'text', text: 'a=1+2' },
    ],
  ],
  [
    'Response.json({ a: [1] })',
    [200, ['content-type', 'application/json'], { kind: 'text', text: '{"a":[1]}' }],
  ],
  [
    'Response.json(1, { status: 201, headers: { "content-type": "x/y" } })',
    [201, ['content-type', 'x/y'], { kind: 'text', text: '1' }],
  ],
  ['Response.redirect("http://a.b/é", 308)', [308, ['location', 'http://a.b/%C3%A9'], { kind: 'none' }]],
];
for (const [source, [status, headers, body]] of taken) {
  void t.test(`takeResponse: ${source}`, async (t) => {
    t.strictSame(await guest.run(`return web.takeResponse(${source})`), { status, headers, body });
  });
}

const refused: readonly (readonly [string, string])[] = [
  ['new Response("", { status: 199 })', 'RangeError'],
  ['new Response("", { status: 600 })', 'RangeError'],
  ['new Response("", { status: "abc" })', 'RangeError'],
  ['new Response("x", { status: 204 })', 'TypeError'],
  ['new Response("x", { status: 304 })', 'TypeError'],
  ['new Response("", { statusText: "a\\nb" })', 'TypeError'],
  ['new Response("", 5)', 'TypeError'],
  ['Response.json(undefined)', 'TypeError'],
  ['Response.json(() => 1)', 'TypeError'],
  ['Response.redirect("/x")', 'TypeError'],
  ['Response.redirect("http://a.b/", 200)', 'RangeError'],
  ['web.takeResponse(Response.error())', 'TypeError'],
  ['(() => { const r = new Response("x"); r.text(); web.takeResponse(r) })()', 'TypeError'],
  ['(() => { const r = new Response("x"); web.takeResponse(r); web.takeResponse(r) })()', 'TypeError'],
  ['(() => { const r = new Response("x"); r.body.getReader(); web.takeResponse(r) })()', 'TypeError'],
  ['(() => { const s = new ReadableStream(); s.getReader(); new Response(s) })()', 'TypeError'],
];
for (const [source, name] of refused) {
  void t.test(`response: ${source} is a ${name}`, async (t) => {
    t.equal(await guest.run(`try { ${source}; return 'made' } catch (e) { return e.name }`), name);
  });
}

void t.test('takeResponse: what only looks like a Response is not one', async (t) => {
  const program = `return [null, undefined, 'x', {}, { status: 200, headers: new Headers(), body: null },
    Object.create(Response.prototype), new Request('http://a.b/'), Response, new Proxy(new Response('x'), {})]
    .map((value) => web.takeResponse(value) === undefined)`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 9 }, () => true),
  );
});

void t.test('takeResponse: a subclass is a Response, and its overrides are not asked', async (t) => {
  const program = `class Mine extends Response { get status() { return 1 } get headers() { throw 1 } get body() { throw 2 } }
    const r = new Mine('x', { status: 201 }); Object.defineProperty(r, 'bodyUsed', { get() { throw 3 } });
    const { status, body } = web.takeResponse(r); return [status, body]`;
  t.strictSame(await guest.run(program), [201, { kind: 'text', text: 'x' }]);
});

void t.test('takeResponse: a stream stays a stream', async (t) => {
  const program = `const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.close() } }));
    const { body } = web.takeResponse(r); const reader = web.openReader(body.stream);
    return [body.kind, [...await reader.read()], await reader.read() === undefined, r.bodyUsed]`;
  t.strictSame(await guest.run(program), ['stream', [65], true, true]);
});

void t.test('takeResponse: text stays text when its stream was handed on unread', async (t) => {
  const program = `const a = new Response('B', { headers: { x: '1' } }); const b = new Response(a.body, a); const c = b.clone();
    const taken = web.takeResponse(b); const read = new Response('C'); const reader = read.body.getReader(); reader.releaseLock();
    const touched = new Response('D'); const touch = touched.body.getReader(); await touch.read(); touch.releaseLock();
    return [taken, b.bodyUsed, a.bodyUsed, await a.text().catch((e) => e.name), await c.text(), web.takeResponse(read).body.kind,
      (() => { try { return web.takeResponse(touched) } catch (e) { return e.name } })()]`;
  t.strictSame(await guest.run(program), [
    {
      status: 200,
      headers: ['x', '1', 'content-type', 'text/plain;charset=UTF-8'],
      body: { kind: 'text', text: 'B' },
    },
    true,
    true,
    'TypeError',
    'B',
    'text',
    'TypeError',
  ]);
});

void t.test('response: properties of a fetched one', async (t) => {
  const program = `const r = web.createFetchResponse({ status: 404, statusText: 'Not Found', headers: ['a', '1'], url: 'http://a.b/#frag',
      redirected: true, type: 'basic', bytes: web.encodeUtf8('{"a":1}') });
    const c = r.clone();
    return [r.status, r.ok, r.statusText, r.url, r.redirected, r.type, await r.json(), await c.json(), c.url, new Response('').type]`;
  t.strictSame(await guest.run(program), [
    404,
    false,
    'Not Found',
    'http://a.b/',
    true,
    'basic',
    { a: 1 },
    { a: 1 },
    'http://a.b/',
    'default',
  ]);
});

void t.test('response: a fetched stream passes through a new Response', async (t) => {
  const program = `const r = web.createFetchResponse({ status: 200, statusText: '', headers: ['x', '1'], url: 'http://a.b/', redirected: false,
      stream: () => new Blob(['through']).stream() });
    const out = new Response(r.body, r); out.headers.set('y', '2');
    const { headers, body } = web.takeResponse(out);
    return [headers, body.kind, await new Response(body.stream).text()]`;
  t.strictSame(await guest.run(program), [['x', '1', 'y', '2'], 'stream', 'through']);
});
