import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

const sources = {
  text: `'{"a":"é"}'`,
  bytes: `web.encodeUtf8('{"a":"é"}')`,
  blob: `new Blob(['{"a":', '"é"}'])`,
  stream: `new ReadableStream({ start(c) { for (const b of web.encodeUtf8('{"a":"é"}')) c.enqueue(new Uint8Array([b])); c.close() } })`,
  'byte stream': `new Blob(['{"a":"é"}']).stream()`,
};
for (const [name, source] of Object.entries(sources)) {
  void t.test(`body: every reader gives the same for ${name}, and only once`, async (t) => {
    const program = `const make = () => new Response(${source});
      const bytes = await make().bytes(); const r = make();
      return [await make().text(), await make().json(), bytes.length, (await make().arrayBuffer()).byteLength,
        await (await make().blob()).text(), await r.text(), r.bodyUsed,
        await r.text().catch((e) => e.name), await r.arrayBuffer().catch((e) => e.name), bytes.constructor === Uint8Array]`;
    const json = '{"a":"é"}';
    t.strictSame(await guest.run(program), [
      json,
      { a: 'é' },
      10,
      10,
      json,
      json,
      true,
      'TypeError',
      'TypeError',
      true,
    ]);
  });

  void t.test(`body: clones of ${name} read apart`, async (t) => {
    const program = `const a = new Response(${source}); const b = a.clone(); const c = b.clone();
      return [await a.text(), await b.text(), await c.text()].every((text) => text === '{"a":"é"}')`;
    t.equal(await guest.run(program), true);
  });

  void t.test(
    `body: the stream of ${name} iterates, tees and gives BYOB chunks where it is a byte stream`,
    async (t) => {
      const program = `let all = []; for await (const chunk of new Response(${source}).body) all.push(...chunk);
      return web.decodeUtf8(new Uint8Array(all))`;
      t.equal(await guest.run(program), '{"a":"é"}');
    },
  );
}

void t.test('body: an empty one reads as nothing and is never used', async (t) => {
  const program = `const r = new Response();
    return [r.body, await r.text(), await r.text(), (await r.bytes()).length, r.bodyUsed, await r.json().catch((e) => e.name)]`;
  t.strictSame(await guest.run(program), [null, '', '', 0, false, 'SyntaxError']);
});

void t.test('body: a byte order mark goes, once', async (t) => {
  const program = `const text = '\\ufeff\\ufeffa';
    return [await new Response(text).text(), await new Response(web.encodeUtf8(text)).text(), (await new Response(text).bytes()).length]`;
  t.strictSame(await guest.run(program), ['\ufeffa', '\ufeffa', 7]);
});

void t.test('body: bytes are copied in and out', async (t) => {
  const program = `const mine = new Uint8Array([1, 2]); const r = new Response(mine); const c = r.clone(); mine[0] = 9;
    const out = await r.bytes(); out[1] = 9; return [[...out], [...await c.bytes()]]`;
  t.strictSame(await guest.run(program), [
    [1, 9],
    [1, 2],
  ]);
});

void t.test('body: a stream that fails or holds no bytes fails the reader', async (t) => {
  const program = `const read = (start) => new Response(new ReadableStream({ start })).text().then(() => 'read', (e) => e.name ?? e);
    return [await read((c) => c.error('why')), await read((c) => { c.enqueue('text'); c.close() }), await read((c) => { c.enqueue(new Uint8Array()); c.close() })]`;
  t.strictSame(await guest.run(program), ['why', 'TypeError', 'read']);
});

void t.test('body: a read or cancelled stream makes it used, a locked one unreadable', async (t) => {
  const program = `const a = new Response('x'); await a.body.getReader().read();
    const b = new Response('x'); await b.body.cancel();
    const c = new Response('x'); c.body.getReader();
    const d = new Response('x'); await d.text();
    return [a.bodyUsed, b.bodyUsed, c.bodyUsed, await c.text().catch((e) => e.name), d.body.locked]`;
  t.strictSame(await guest.run(program), [true, true, false, 'TypeError', true]);
});

void t.test('body: BYOB readers work on text and bytes', async (t) => {
  const program = `const reader = new Response('hello').body.getReader({ mode: 'byob' });
    const { value, done } = await reader.read(new Uint8Array(3)); const rest = await reader.read(new Uint8Array(9));
    const end = await reader.read(new Uint8Array(1));
    return [web.decodeUtf8(value), done, web.decodeUtf8(rest.value), end.done]`;
  t.strictSame(await guest.run(program), ['hel', false, 'lo', true]);
});

void t.test('body: methods reject for a wrong this', async (t) => {
  const program = `return [await Response.prototype.text.call({}).catch((e) => e.name), await Request.prototype.json.call(new Response('1')).catch((e) => e.name)]`;
  t.strictSame(await guest.run(program), ['TypeError', 'TypeError']);
});

void t.test('body: what was read without its stream leaves the stream closed and locked', async (t) => {
  const program = `const before = new Response('abc'); const { body } = before; await before.text();
    const after = new Response('abc'); await after.text();
    const taken = new Response('abc'); web.takeResponse(taken);
    return [body, after.body, taken.body].map((stream) => {
      try { stream.getReader(); return 'a reader' } catch (error) { return [stream.locked, error.name] } })`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 3 }, () => [true, 'TypeError']),
  );
});

void t.test(
  'body: a blob has the type of the header, parsed; of several the last that says something',
  async (t) => {
    const program = `const types = ['Text/HTML;Charset=X', 'text/html, text/plain', 'text/html;charset=x, */*', 'none',
      'text/html;charset=gbk, text/html', 'text/html;charset=gbk, text/plain, text/html', 'text/html;a="b,c"', 'a/b;x="q\\\\"y"'];
    return Promise.all(types.map(async (type) => (await new Response('', { headers: { 'content-type': type } }).blob()).type))`;
    t.strictSame(await guest.run(program), [
      'text/html;charset=x',
      'text/plain',
      'text/html;charset=x',
      '',
      'text/html;charset=gbk',
      'text/html',
      'text/html;a="b,c"',
      'a/b;x="q\\"y"',
    ]);
  },
);

void t.test('body: the chunks of a clone are copies, those of the first are not', async (t) => {
  const program = `const chunk = new Uint8Array([1, 2, 3]);
    const response = new Response(new ReadableStream({ start(c) { c.enqueue(chunk); c.close() } }));
    const copy = response.clone();
    const [first, second] = await Promise.all([response, copy].map(async (r) => (await r.body.getReader().read()).value));
    const broken = new Response(new ReadableStream({ start(c) { c.enqueue(() => {}); c.close() } }));
    const other = broken.clone();
    const names = await Promise.all([broken, other].map((r) => r.body.getReader().read().catch((e) => e.name)));
    return [first === chunk, second === chunk, first.buffer === second.buffer, [...second], names]`;
  t.strictSame(await guest.run(program), [
    true,
    false,
    false,
    [1, 2, 3],
    ['DataCloneError', 'DataCloneError'],
  ]);
});

void t.test('body: what a guest puts on Object.prototype.then sees no chunk of a body', async (t) => {
  const program = `const seen = []; const body = new ReadableStream({ start(c) { c.enqueue(web.encodeUtf8('a')); c.enqueue(web.encodeUtf8('b')); c.close() } });
    const response = new Response(body);
    Object.defineProperty(Object.prototype, 'then', { configurable: true, get() { seen.push(1); return undefined } });
    const text = response.text();
    let result; await new Promise((done) => { Promise.prototype.then.call(text, (t) => { result = t; done() }) });
    delete Object.prototype.then;
    return [result, seen.length]`;
  t.strictSame(await guest.run(program), ['ab', 0]);
});
