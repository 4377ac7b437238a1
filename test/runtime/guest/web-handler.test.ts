import t from 'tap';
import { GuestHarness, answerOf, evaluate, letters, lineOf } from '#test/support/guest-harness.ts';

void t.test('fetch handler: a Response given at once goes out as one A line in one send', async (t) => {
  const guest = await GuestHarness.open(`export default { fetch: () => new Response('hello') }`);
  t.same(lineOf(guest.take(), 'S').json, [['fetch']]);
  const lines = guest.request(7);
  t.equal(letters(lines), 'A');
  t.equal(lines[0]?.inv, 7);
  t.match(answerOf(lines), { status: 200, text: 'hello', headers: { 'content-type': /text\/plain/ } });
  t.equal(guest.sends, 2);
  t.equal(guest.marker[0], 0);
  guest.dispose();
});

void t.test('fetch handler: request, env and ctx are what Workers users expect', async (t) => {
  const guest = await GuestHarness.open(
    `class App { name = 'app'; async fetch(request, env, ctx) {
      const body = await request.text();
      return Response.json([this.name, request.method, request.url, request.headers.get('x-a'), body,
        env.COLOUR, typeof ctx.waitUntil, ctx.passThroughOnException, ctx.props, process.env.COLOUR, top, navigator.userAgent]);
    } }
    const top = process.env.COLOUR;
    export default new App();`,
    { vars: { COLOUR: 'red' } },
  );
  guest.take();
  const { text } = answerOf(
    guest.request(1, { m: 'POST', u: 'http://shop.test/a?b=c', h: ['x-a', 'one'] }, 'the body'),
  );
  const expected = ['app', 'POST', 'http://shop.test/a?b=c', 'one', 'the body', 'red', 'function'];
  t.same(JSON.parse(text), [...expected, null, {}, 'red', 'red', 'islet/test']);
  guest.dispose();
});

void t.test('fetch handler: each invocation has an env of its own', async (t) => {
  const guest = await GuestHarness.open(
    `export default { fetch(r, env) { const had = env.X; env.X = 'written'; return new Response(had) } }`,
    { vars: { X: 'given' } },
  );
  t.equal(answerOf(guest.request(1)).text, 'given');
  t.equal(answerOf(guest.request(2)).text, 'given');
  guest.dispose();
});

void t.test('exports: every shape of module that bundlers make is understood', async (t) => {
  const answer = `() => new Response('ok')`;
  for (const source of [
    `export const fetch = ${answer}`,
    `export default { default: { fetch: ${answer} } }`,
    `const app = function () {}; app.fetch = ${answer}; export default app`,
    `export default Object.create({ fetch: ${answer} })`,
  ]) {
    const guest = await GuestHarness.open(source);
    t.equal(answerOf(guest.request(1)).text, 'ok', source);
    guest.dispose();
  }
});

void t.test('exports: a module without handlers, or with a throwing one, fails at startup', async (t) => {
  for (const source of [`export const x = 1`, `export default { get fetch() { throw new Error('no') } }`]) {
    const guest = await GuestHarness.open(source);
    t.equal(lineOf(guest.take(), 'Z').json[3], 'startup');
    guest.dispose();
  }
});

void t.test('exports: all kinds found are reported', async (t) => {
  const guest = await GuestHarness.open(
    `export default { fetch() {}, scheduled() {}, queue() {} }; export const handler = () => 1`,
  );
  t.same(lineOf(guest.take(), 'S').json, [['fetch', 'handler', 'scheduled', 'queue']]);
  guest.dispose();
});

void t.test('fetch handler: what it throws is its own failure, whatever it throws', async (t) => {
  const throws = [
    `throw new TypeError('bad')`,
    `throw 'text'`,
    `throw null`,
    `throw { toString() { throw 1 } }`,
    `throw new Proxy({}, { get() { throw 1 } })`,
    `throw Symbol('s')`,
  ];
  for (const body of throws) {
    for (const kind of ['', 'async ']) {
      const guest = await GuestHarness.open(`export default { ${kind}fetch() { ${body} } }`);
      guest.take();
      const lines = guest.request(1);
      t.equal(letters(lines), 'ZD', body);
      t.equal(lines[0]?.json[3], 'handler');
      guest.dispose();
    }
  }
});

void t.test('fetch handler: anything but a usable Response is a failure of the result', async (t) => {
  const returned = [
    `undefined`,
    `null`,
    `'text'`,
    `({ status: 200 })`,
    `Object.create(Response.prototype)`,
    `Response.error()`,
    `(() => { const r = new Response('x'); r.text(); return r })()`,
  ];
  for (const value of returned) {
    const guest = await GuestHarness.open(`export default { async fetch() { return ${value} } }`);
    guest.take();
    const lines = guest.request(1);
    t.equal(letters(lines), 'ZD', value);
    t.equal(lines[0]?.json[3], 'result');
    guest.dispose();
  }
});

void t.test(
  'waitUntil: the invocation is done when the last promise settled; a rejection is logged',
  async (t) => {
    const guest = await GuestHarness.open(
      `export default { fetch(r, env, ctx) {
      ctx.waitUntil(new Promise((done) => setTimeout(done, 5)));
      ctx.waitUntil(Promise.reject(new Error('late')));
      return new Response('now');
    } }`,
    );
    guest.take();
    const first = guest.request(1);
    t.equal(letters(first), 'THL');
    t.same(lineOf(first, 'L').json[0], 'error');
    const timer = lineOf(first, 'T').json[0];
    t.equal(letters(guest.deliver([8, 1, timer])), 'D');
    guest.dispose();
  },
);

void t.test(
  'abort: request.signal aborts when the client goes away, also when it is looked at later',
  async (t) => {
    const guest = await GuestHarness.open(
      `export default { fetch(request) {
      return new Promise((resolve) => request.signal.addEventListener('abort', () =>
        resolve(new Response(request.signal.reason.name + ':' + request.signal.reason.message))));
    } }`,
    );
    guest.take();
    t.equal(letters(guest.request(1)), '');
    t.equal(answerOf(guest.deliver([7, 1])).text, 'AbortError:The client went away');
    guest.dispose();
    const late = await GuestHarness.open(
      `export default { async fetch(request) { await new Promise((r) => setTimeout(r, 1)); return new Response(String(request.signal.aborted)) } }`,
    );
    late.take();
    const [timer] = lineOf(late.request(1), 'T').json;
    late.deliver([7, 1]);
    t.equal(answerOf(late.deliver([8, 1, timer])).text, 'true');
    late.dispose();
  },
);

void t.test('drop: nothing more is sent for an invocation that is over', async (t) => {
  const guest = await GuestHarness.open(
    `let kept; export default { async fetch(request) {
      if (kept) { kept(); return new Response('second') }
      await new Promise((r) => (kept = r)); console.log('late'); return new Response('first');
    } }`,
  );
  guest.take();
  t.equal(letters(guest.request(1)), '');
  t.equal(letters(guest.deliver([11, 1])), '');
  t.same(guest.deliver([7, 1]), []);
  const lines = guest.request(2);
  t.equal(answerOf(lines).text, 'second');
  t.notOk(lines.some((line) => line.inv === 1));
  guest.dispose();
});

void t.test('more: the output of several entries goes out with the last', async (t) => {
  const guest = await GuestHarness.open(`export default { fetch: async (r) => new Response(r.url) }`);
  guest.take();
  const head = { m: 'GET', u: 'http://a/', h: [], b: 0, id: 'i', d: 0 };
  const { sends } = guest;
  guest.deliver([0, 1, head, 0, 0], undefined, 1);
  guest.deliver([0, 2, head, 0, 0], undefined, 1);
  t.equal(guest.marker[0], 2);
  const lines = guest.deliver([0, 3, head, 0, 0]);
  t.equal(letters(lines), 'AAA');
  t.equal(guest.sends, sends + 1);
  guest.deliver([0, 4, head, 0, 0], undefined, 1);
  t.equal(letters(guest.deliver([10])), 'A');
  guest.dispose();
});

void t.test('output: a chain of many awaits still answers within its entry', async (t) => {
  const value = await evaluate(`(async () => { for (let i = 0; i < 5000; i++) await i; return 'end' })()`);
  t.equal(value, 'end');
});

void t.test('top level: fetch and timers say where they work; console and random do', async (t) => {
  const guest = await GuestHarness.open(
    `const seen = []; try { setTimeout(() => 1) } catch (e) { seen.push(e.name) }
     try { await fetch('http://a/') } catch (e) { seen.push(e.name) }
     console.log('top'); seen.push(crypto.getRandomValues(new Uint8Array(4)).length, crypto.randomUUID().length);
     export default { fetch: () => Response.json(seen) }`,
  );
  t.same(lineOf(guest.take(), 'L').json, ['log', 'top']);
  t.same(JSON.parse(answerOf(guest.request(1)).text), ['Error', 'Error', 4, 36]);
  guest.dispose();
});
