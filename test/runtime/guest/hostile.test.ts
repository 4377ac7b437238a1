import { readFile } from 'node:fs/promises';
import t from 'tap';
import { GuestHarness, answerOf, letters, lineOf } from '#test/support/guest-harness.ts';

const open = async (source: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(source, { bindings: [{ name: 'KV', kind: 'kv' }] });
  guest.take();
  return guest;
};

const kvAnswer = [6, 1, 2, 1, { metadata: null }, 0, 3, 0];

void t.test('hostile: a guest that patches everything gets no part of the runtime', async (t) => {
  const guest = await open(
    await readFile(new URL('../../guests/steals-the-port.js', import.meta.url), 'utf8'),
  );
  guest.request(1, { u: 'http://a/path' });
  const { text } = answerOf(guest.deliver(kvAnswer, new Uint8Array([1, 2, 3])));
  t.match(text, /^\/path\|\|\|(?:null|refused)\|true$/);
  guest.dispose();
});

void t.test(
  'hostile: whatever a guest breaks before, its neighbours in the isolate get their answers',
  async (t) => {
    const breaks = [
      `JSON.stringify = JSON.parse = () => { throw 1 }`,
      `Array.prototype[Symbol.iterator] = () => { throw 1 }`,
      `Object.defineProperty(Array.prototype, '0', { set() { throw 1 }, get() { throw 1 } })`,
      `Object.defineProperty(Object.prototype, 'then', { get() { throw 1 }, configurable: true })`,
      `Promise.prototype.then = () => { throw 1 }`,
      `Object.defineProperty(Promise.prototype, 'constructor', { get() { throw 1 } })`,
      `Promise = class {}`,
      `Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } })`,
      `Array.prototype.toJSON = String.prototype.toJSON = Object.prototype.toJSON = () => 'owned'`,
      `Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 1 }`,
      `Reflect.apply = Reflect.construct = () => { throw 1 }`,
      `for (const C of [Map, Set, WeakMap, WeakSet]) for (const k of ['get', 'set', 'has', 'add', 'delete']) if (C.prototype[k]) C.prototype[k] = () => { throw 1 }`,
      `for (const k of Object.getOwnPropertyNames(String.prototype)) if (k !== 'constructor' && k !== 'length') String.prototype[k] = () => { throw 1 }`,
      `for (const k of Object.getOwnPropertyNames(Array.prototype)) if (k !== 'constructor' && k !== 'length') Array.prototype[k] = () => { throw 1 }`,
      `for (const k of ['set', 'slice', 'subarray', 'fill']) Object.getPrototypeOf(Uint8Array.prototype)[k] = () => { throw 1 }`,
      `Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'buffer', { get() { throw 1 } }); Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'byteLength', { get() { throw 1 } }); Object.defineProperty(ArrayBuffer.prototype, 'byteLength', { get() { throw 1 } })`,
      `Error.prepareStackTrace = () => { throw 1 }`,
      `for (const k of Reflect.ownKeys(globalThis)) { try { if (k !== 'globalThis') delete globalThis[k] } catch {} }`,
      `Object.freeze(globalThis); Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Promise.prototype)`,
      `Object.prototype.ip = Object.prototype.c = Object.prototype.b = Object.prototype.kind = Object.prototype.stream = 'owned'`,
    ];
    for (const code of breaks) {
      const guest = await open(
        `const R = Response; ${code};
       export default { fetch(request, env, ctx) {
         if (request.method === 'PUT') return env.KV.get('k').then ? new R('sync') : new R('odd');
         return new R(request.method === 'POST' ? new Uint8Array([104, 105]) : 'hi', { status: 201 });
       } }
       export const handler = (event, context, callback) => callback(null, event);`,
      );
      for (const m of ['GET', 'POST']) {
        const lines = guest.request(1, { m, h: ['a', 'b'] });
        // What the guest broke in its own calls to Response is its own failure; it is told once.
        t.match(letters(lines), /^(?:A|ZD)$/, code);
        if (lines.length === 2) continue;
        const { status, text } = answerOf(lines);
        t.equal(status, 201, code);
        t.equal(text, 'hi', code);
      }
      const event = lineOf(guest.event(2, 5), 'R');
      t.equal(event.json[0], '5', code);
      guest.dispose();
    }
  },
);

void t.test('hostile: async answers survive the same patches where the language lets them', async (t) => {
  const breaks = [
    `JSON.stringify = JSON.parse = () => { throw 1 }`,
    `Array.prototype[Symbol.iterator] = () => { throw 1 }`,
    `Object.defineProperty(Array.prototype, '0', { set() { throw 1 } })`,
    `Promise.prototype.then = () => { throw 1 }`,
    `Promise = class {}`,
    `Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 1 }`,
    `for (const k of Object.getOwnPropertyNames(Array.prototype)) if (k !== 'constructor' && k !== 'length') Array.prototype[k] = () => { throw 1 }`,
  ];
  for (const code of breaks) {
    const guest = await open(
      `${code}; export default { async fetch(request, env) { return new Response(await env.KV.get('k')) } }`,
    );
    t.equal(letters(guest.request(1)), 'O', code);
    const lines = guest.deliver(kvAnswer, new Uint8Array([104, 105, 33]));
    t.match(letters(lines), /^(?:A|ZD)$/, code);
    if (lines.length === 1) t.equal(answerOf(lines).text, 'hi!', code);
    guest.dispose();
  }
});

void t.test('hostile: nothing a guest prints, throws or answers becomes a line of its own', async (t) => {
  const evil = `'x\\nA1 [200,[],1,"forged"]\\nD1 []\\u2028'`;
  const guest = await open(
    `export default { fetch() { console.log(${evil}); const e = new Error(${evil}); e.name = e.stack = ${evil}; throw e } }`,
  );
  t.equal(letters(guest.request(1)), 'LZD');
  guest.dispose();
  const answers = await open(
    `export default { fetch(r, env) { env.KV.get(${evil}); return new Response(${evil}) } }`,
  );
  t.equal(letters(answers.request(1)), 'OA');
  answers.dispose();
});

void t.test('hostile: lying thenables and second settlements answer once', async (t) => {
  const results = [
    `({ then(f) { f(new Response('one')); f(new Response('two')); throw 1 } })`,
    `Object.assign(Promise.resolve(new Response('one')), { then(f) { f(new Response('one')); f(1) } })`,
    `new Proxy(Promise.resolve(), { get: () => (f) => f(new Response('one')) })`,
  ];
  for (const result of results) {
    const guest = await open(`export default { fetch() { return ${result} } }`);
    const lines = guest.request(1);
    t.equal(letters(lines), 'A', result);
    t.equal(answerOf(lines).text, 'one');
    guest.dispose();
  }
});

void t.test(
  'hostile: messages for unknown invocations, streams, timers and operations do nothing',
  async (t) => {
    const guest = await open(`export default { fetch: async () => { await new Promise(() => {}) } }`);
    guest.request(1);
    for (const inv of [1, 99]) {
      for (const message of [
        [1, inv, 7, 0, 1],
        [2, inv, 7],
        [3, inv, 7, 'm'],
        [4, inv, 7, 1],
        [5, inv, 7],
        [6, inv, 7, 1, null, 0, -1, 0],
        [6, inv, 7, 0, { name: 'Error', message: 'm' }, 0, -1, 0],
        [8, inv, 7],
        [7, inv],
        [12, inv],
        [10],
      ]) {
        t.same(guest.deliver(message, new Uint8Array(1)), [], JSON.stringify(message));
      }
    }
    guest.dispose();
  },
);

void t.test(
  'hostile: a guest that runs out of stack inside the runtime does not break the next call',
  async (t) => {
    const guest = await open(
      `export default { fetch(r) { if (r.url.endsWith('deep')) { const f = () => { try { console.log('x'); setTimeout(f) } finally { f() } }; try { f() } catch {} } return new Response('ok') } }`,
    );
    guest.request(1, { u: 'http://a/deep' });
    t.equal(answerOf(guest.request(2)).text, 'ok');
    guest.dispose();
  },
);
