import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('headers: iteration is sorted, lower-case and combined, set-cookie apart', async (t) => {
  const program = `const h = new Headers([['X-B', '1'], ['Set-Cookie', 'a=1'], ['x-b', '2'], ['A', ' v '], ['set-cookie', 'b=2']]);
    return [[...h], [...h.keys()], [...h.values()], h.get('X-b'), h.getSetCookie(), h.get('set-cookie'), h.get('none')]`;
  t.strictSame(await guest.run(program), [
    [
      ['a', 'v'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-b', '1, 2'],
    ],
    ['a', 'set-cookie', 'set-cookie', 'x-b'],
    ['v', 'a=1', 'b=2', '1, 2'],
    '1, 2',
    ['a=1', 'b=2'],
    'a=1, b=2',
    null,
  ]);
});

void t.test('headers: set replaces the first and removes the rest, delete removes all', async (t) => {
  const program = `const h = new Headers([['a', '1'], ['b', '2'], ['a', '3'], ['a', '4']]);
    h.set('A', '9'); const set = [...h]; h.delete('a'); h.append('b', '5'); h.set('c', '6');
    return [set, [...h], h.has('a'), h.has('B')]`;
  t.strictSame(await guest.run(program), [
    [
      ['a', '9'],
      ['b', '2'],
    ],
    [
      ['b', '2, 5'],
      ['c', '6'],
    ],
    false,
    true,
  ]);
});

const inits: readonly (readonly [string, unknown])[] = [
  ['new Headers()', []],
  ['new Headers(undefined)', []],
  [
    'new Headers({ A: 1, b: "x" })',
    [
      ['a', '1'],
      ['b', 'x'],
    ],
  ],
  ['new Headers(new Headers({ a: "1" }))', [['a', '1']]],
  ['new Headers(new Map([["a", "1"]]))', [['a', '1']]],
  ['new Headers({ a: "\\u00e9" })', [['a', '\u00e9']]],
  ['new Headers({ a: "\\t x \\r\\n" })', [['a', 'x']]],
  ['new Headers(null)', 'TypeError'],
  ['new Headers("a")', 'TypeError'],
  ['new Headers([["a"]])', 'TypeError'],
  ['new Headers([["a", "b", "c"]])', 'TypeError'],
  ['new Headers(["ab"])', 'TypeError'],
  ['new Headers({ "a b": "1" })', 'TypeError'],
  ['new Headers({ "": "1" })', 'TypeError'],
  ['new Headers({ "\\u00e9": "1" })', 'TypeError'],
  ['new Headers({ a: "1\\n2" })', 'TypeError'],
  ['new Headers({ a: "1\\u0000" })', 'TypeError'],
  ['new Headers({ a: "\\u0100" })', 'TypeError'],
  ['new Headers({ [Symbol()]: "1" })', 'TypeError'],
  ['new Headers().append("a")', 'TypeError'],
  ['Headers.prototype.get.call({}, "a")', 'TypeError'],
  ['Headers.prototype.entries.call({})', 'TypeError'],
  ['Headers()', 'TypeError'],
];
for (const [source, expected] of inits) {
  void t.test(`headers: ${source}`, async (t) => {
    const program = `try { return [...(${source})] } catch (e) { return e.name }`;
    t.strictSame(await guest.run(program), expected);
  });
}

void t.test('headers: changes during iteration show', async (t) => {
  const program = `const h = new Headers({ a: '1', b: '2' }); const seen = [];
    for (const [k] of h) { seen.push(k); if (k === 'a') h.append('c', '3'); }
    h.forEach(function (value, key, self) { seen.push(key + value + (self === h) + this.x) }, { x: 1 });
    return [seen, Object.prototype.toString.call(h.entries())]`;
  t.strictSame(await guest.run(program), [
    ['a', 'b', 'c', 'a1true1', 'b2true1', 'c3true1'],
    '[object Headers Iterator]',
  ]);
});

void t.test(
  'headers: those of a request that came in, and of a fetched response, are immutable',
  async (t) => {
    const program = `const init = { headers: ['a', '1'], url: 'http://a.b/', status: 200, statusText: '', method: 'GET' };
    return [web.createIncomingRequest(init), web.createFetchResponse(init), Response.redirect('http://a.b/'), Response.error()]
      .map(({ headers }) => { try { headers.set('b', '1'); return 'set' } catch (e) { return [e.name, headers.get('a')] } })`;
    t.strictSame(await guest.run(program), [
      ['TypeError', '1'],
      ['TypeError', '1'],
      ['TypeError', null],
      ['TypeError', null],
    ]);
  },
);
