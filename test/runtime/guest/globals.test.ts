import t from 'tap';
import { GuestHarness, answerOf, evaluate, letters, lineOf, startTime } from '#test/support/guest-harness.ts';

const open = async (body: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(`export default { async fetch(request, env, ctx) { ${body} } }`);
  guest.take();
  return guest;
};

/** The log lines of one handler body. */
const logs = async (body: string): Promise<unknown[]> => {
  const guest = await open(`${body}; return new Response()`);
  const lines = guest.request(1);
  guest.dispose();
  return lines.filter((line) => line.letter === 'L').map((line) => line.json);
};

void t.test('clock: every clock stands still within an entry, and moves with the next', async (t) => {
  const guest = await open(
    `const read = () => [Date.now(), +new Date(), performance.now() + performance.timeOrigin, Number(Temporal.Now.instant().epochMilliseconds),
       Temporal.Now.zonedDateTimeISO('UTC').epochMilliseconds, new Intl.DateTimeFormat('en', { fractionalSecondDigits: 3, timeZone: 'UTC' }).format(),
       Date(), Temporal.Now.plainDateISO('UTC').toString(), Temporal.Now.plainTimeISO('UTC').toString(), Temporal.Now.plainDateTimeISO('UTC').toString(),
       new Intl.DateTimeFormat('en', { fractionalSecondDigits: 3, timeZone: 'UTC' }).formatToParts()[0].value];
     const first = JSON.stringify(read()); for (let i = 0; i < 3e6; i++); const second = JSON.stringify(read());
     await new Promise((r) => setTimeout(r, 5)); return Response.json([first === second, read().slice(0, 6)])`,
  );
  const [timer] = lineOf(guest.request(1), 'T').json;
  guest.now = startTime + 5;
  const [same, times] = JSON.parse(answerOf(guest.deliver([8, 1, timer])).text) as [boolean, unknown[]];
  t.equal(same, true);
  const at = startTime + 5;
  t.same(times.slice(0, 2), [at, at]);
  t.ok(Math.abs((times[2] as number) - at) < 0.01);
  t.same(times.slice(3), [at, at, '005']);
  guest.dispose();
});

void t.test('Date: everything but the present is as ever', async (t) => {
  const value = await evaluate(`[
    typeof Date(), new Date(0).toISOString(), new Date(2020, 0, 2).getDate(), Date.UTC(1970, 0, 1), Date.parse('1970-01-01'),
    new Date(5) instanceof Date, new Date().constructor === Date, Date.length, Date.name, new (class X extends Date { y() { return 1 } })(7).y(),
    new (class X extends Date {})(7).getTime(), Object.keys(Date).length, Date.prototype.constructor === Date, new Date(new Date(9)).getTime()]`);
  t.same(value, ['string', '1970-01-01T00:00:00.000Z', 2, 0, 0, true, true, 7, 'Date', 1, 7, 0, true, 9]);
});

void t.test('ArrayBuffer: one that grows does what ECMA-262 says, and moves with its count', async (t) => {
  const value = await evaluate(`(() => {
    const tried = (run) => { try { return run() } catch (e) { return e.name } };
    const buffer = new ArrayBuffer(4, { maxByteLength: 16 });
    const all = new Uint8Array(buffer);
    all[3] = 7;
    buffer.resize(16);
    const moved = buffer.transfer(8);
    return [all.length, moved.byteLength, moved.maxByteLength, moved.resizable, new Uint8Array(moved)[3], buffer.detached,
      moved.transferToFixedLength().resizable, tried(() => new ArrayBuffer(5, { maxByteLength: 4 })), tried(() => new ArrayBuffer(1, { maxByteLength: -1 })),
      new ArrayBuffer(2, {}).resizable, new ArrayBuffer('3', { maxByteLength: 3.9 }).maxByteLength, new ArrayBuffer(NaN, { maxByteLength: NaN }).byteLength,
      ArrayBuffer.prototype.transfer.length, new (class X extends ArrayBuffer { get x() { return 1 } })(1, { maxByteLength: 2 }).x] })()`);
  t.same(value, [0, 8, 16, true, 7, true, false, 'RangeError', 'RangeError', false, 3, 0, 0, 1]);
});

void t.test('ArrayBuffer: what grows counts at its greatest length while it lives', async (t) => {
  const value = await evaluate(`(() => {
    const kept = [];
    const take = (mb) => { try { kept.push(new ArrayBuffer(0, { maxByteLength: mb * 2 ** 20 })); return kept.length } catch (e) { return e.name } };
    const seen = [take(40), take(40), take(60)];
    kept.push(kept.shift().transfer());
    seen.push(take(60));
    kept.length = 0;
    return [...seen, take(60)] })()`);
  t.same(value, [1, 2, 'RangeError', 'RangeError', 1]);
});

void t.test('hardening: what memory limits do not count is not there, or is counted', async (t) => {
  const value = await evaluate(`(() => {
    const tried = (run) => { try { return run() } catch (e) { return e.name } };
    return [typeof WebAssembly.promising, typeof SharedArrayBuffer, typeof Atomics, typeof ArrayBuffer.prototype.resize,
      tried(() => new ArrayBuffer(1, { maxByteLength: 2 ** 30 })), tried(() => ArrayBuffer(1)), tried(() => Reflect.construct(ArrayBuffer, [1, { maxByteLength: 2 ** 30 }])),
      tried(() => new (new ArrayBuffer(0).constructor)(1, { maxByteLength: 2 ** 30 })), tried(() => new (class X extends ArrayBuffer {})(1, { maxByteLength: 2 ** 30 })),
      new ArrayBuffer(3).byteLength, new Uint8Array(2).buffer instanceof ArrayBuffer, ArrayBuffer.isView(new DataView(new ArrayBuffer(1))),
      new ArrayBuffer(4).slice(1).byteLength, ArrayBuffer[Symbol.species] === ArrayBuffer, new (class X extends ArrayBuffer {})(2).byteLength,
      new ArrayBuffer(8).transfer(4).byteLength, new ArrayBuffer(8).resizable, structuredClone(new ArrayBuffer(5)).byteLength] })()`);
  t.same(value, [
    'function',
    'undefined',
    'undefined',
    'function',
    'RangeError',
    'TypeError',
    'RangeError',
    'RangeError',
    'RangeError',
    3,
    true,
    true,
    3,
    true,
    2,
    4,
    false,
    5,
  ]);
});

void t.test('globals: what Workers code expects is there, not enumerable', async (t) => {
  const names = [
    'Request',
    'Response',
    'Headers',
    'URL',
    'URLSearchParams',
    'TextEncoder',
    'TextDecoder',
    'ReadableStream',
    'WritableStream',
    'TransformStream',
    'Blob',
    'File',
    'FormData',
    'AbortController',
    'AbortSignal',
    'Event',
    'EventTarget',
    'DOMException',
    'setTimeout',
    'setInterval',
    'clearTimeout',
    'clearInterval',
    'fetch',
    'crypto',
    'console',
    'performance',
    'queueMicrotask',
    'structuredClone',
    'atob',
    'btoa',
    'navigator',
    'self',
    'reportError',
  ];
  const missing = await evaluate(`${JSON.stringify(names)}.filter((n) => globalThis[n] === undefined)`);
  t.same(missing, []);
  t.same(await evaluate(`Object.keys(globalThis)`), []);
  t.equal(await evaluate(`self === globalThis`), true);
});

void t.test('timers: they run with their arguments, repeat, stop, and refuse source text', async (t) => {
  const guest = await open(
    `let n = 0; const i = setInterval((a, b) => { console.log(++n, a, b); if (n === 2) clearInterval(i) }, 0.5, 'x', 'y');
     try { setTimeout('alert(1)') } catch (e) { console.log(e.name, typeof i) }
     const gone = setTimeout(() => console.log('never'), 1e12); clearTimeout(gone); clearTimeout(undefined); clearTimeout('x');
     ctx.waitUntil(new Promise(() => {})); return new Response()`,
  );
  const lines = guest.request(1);
  t.equal(letters(lines), 'TLTUH');
  t.same(lines[0]?.json.slice(1), [1, 1]);
  t.same(lines[1]?.json, ['log', 'TypeError number']);
  t.same(lines[2]?.json.slice(1), [2 ** 31 - 1, 0]);
  const id = lines[0]?.json[0];
  t.same(guest.deliver([8, 1, id])[0]?.json, ['log', '1 x y']);
  t.equal(letters(guest.deliver([8, 1, id])), 'LU');
  t.equal(letters(guest.deliver([8, 1, id])), '');
  t.equal(letters(guest.deliver([8, 1, lines[2]?.json[0]])), '');
  guest.dispose();
});

void t.test(
  'timers: those left over are cleared when the invocation is done; a throw is logged',
  async (t) => {
    const left = await open(`setTimeout(() => {}, 10); return new Response()`);
    t.equal(letters(left.request(1)), 'TUA');
    left.dispose();
    const throwing = await open(
      `setTimeout(() => { throw new Error('oops') }); await new Promise((r) => setTimeout(r, 2)); return new Response()`,
    );
    const lines = throwing.request(1);
    const logged = throwing.deliver([8, 1, lines[0]?.json[0]]);
    t.match(lineOf(logged, 'L').json, ['error', /Error: oops/]);
    t.equal(letters(throwing.deliver([8, 1, lines[1]?.json[0]])), 'A');
    throwing.dispose();
  },
);

void t.test('console: levels and formats', async (t) => {
  const lines = await logs(`
    console.log('a %s b %d c %i d %f e %j f %o g %c%% h %x', 'S', '42', 3.9, '1.5', { j: 1 }, [1], 'css', 'rest');
    console.info({ a: { b: { c: { d: 1 } } } }); console.warn([1, 'two', null, undefined, 3n, Symbol('s')]); console.error(new Map([['k', new Set([1])]]));
    console.debug(new Uint8Array(2), new Date(0), /x/g, () => {}, class A {}, Object.create(null));
    const cycle = { name: 'c' }; cycle.self = cycle; console.log(cycle);
    console.log(new (class Point { x = 1; get y() { throw 1 } })()); console.log(-0, 'it\\'s', ['it\\'s']);
    console.assert(true, 'no'); console.assert(false, 'yes %s', 1); console.count(); console.count(); console.dir({ a: 1 });
    console.time('t'); console.timeEnd('t'); console.timeEnd('none'); console.table([{ a: 1, b: 'x' }, { a: 2 }]); console.log();
    console.group('g'); console.log('in'); console.groupEnd(); console.log('out');
    console.count('c'); console.count('c'); console.countReset('c'); console.count('c'); console.countReset('none');
    console.time('u'); console.timeLog('u', 'so far', { a: 1 }); console.timeLog('gone'); console.timeEnd('u');
    console.groupCollapsed('closed'); console.dirxml({ b: 2 }, 'x'); console.groupEnd(); console.clear(); console.log('after');`);
  t.same(lines, [
    ['log', `a S b 42 c 3 d 1.5 e {"j":1} f [ 1 ] g % h %x rest`],
    ['info', `{ a: { b: { c: [Object] } } }`],
    ['warn', `[ 1, 'two', null, undefined, 3n, Symbol(s) ]`],
    ['error', `Map(1) { 'k' => Set(1) { 1 } }`],
    [
      'debug',
      `Uint8Array(2) [ 0, 0 ] 1970-01-01T00:00:00.000Z /x/g [Function (anonymous)] [Function: A] [Object: null prototype] {}`,
    ],
    ['log', `{ name: 'c', self: [Circular] }`],
    ['log', `Point { x: 1 }`],
    ['log', `-0 it's [ 'it\\'s' ]`],
    ['error', `Assertion failed: yes 1`],
    ['log', `default: 1`],
    ['log', `default: 2`],
    ['log', `{ a: 1 }`],
    ['log', `t: 0ms`],
    ['warn', `Timer 'none' does not exist`],
    ['log', `(index) | a | b\n0 | 1 | 'x'\n1 | 2 | `],
    ['log', ``],
    ['log', `g`],
    ['log', `  in`],
    ['log', `out`],
    ['log', `c: 1`],
    ['log', `c: 2`],
    ['log', `c: 1`],
    ['log', `u: 0ms so far { a: 1 }`],
    ['warn', `Timer 'gone' does not exist`],
    ['log', `u: 0ms`],
    ['log', `closed`],
    ['log', `  { b: 2 } x`],
    ['log', `after`],
  ]);
});

void t.test('console: errors show their stack, cause and own properties', async (t) => {
  const lines = await logs(
    `console.log(Object.assign(new TypeError('bad', { cause: new Error('why') }), { code: 'E1' })); console.trace('here')`,
  );
  t.match(lines, [
    ['log', /^TypeError: bad\n +at [\s\S]*cause: Error: why[\s\S]*code: 'E1'/],
    ['debug', /^Trace: here\n +at /],
  ]);
});

void t.test('console: hostile values are shown without running them, and lines are bounded', async (t) => {
  const lines = await logs(`
    console.log(new Proxy({}, { ownKeys() { throw 1 } }));
    console.log({ toString() { throw 1 }, toJSON() { throw 1 }, get x() { throw 1 } });
    console.log('%s %d %j', { toString() { throw 1 } }, Symbol('x'), { toJSON() { throw 1 } });
    console.log('x'.repeat(1e6)); console.log(Array.from({ length: 1e5 }, () => 'y'.repeat(1e3)));
    let deep = {}; for (let i = 0; i < 1e5; i++) deep = { deep }; console.log(deep); console.log(new Array(4e9 >>> 0));
    console.log(Object.fromEntries(Array.from({ length: 2e4 }, (_, i) => ['k' + i, i])));`);
  t.equal(lines.length, 8);
  for (const line of lines) t.ok(((line as string[])[1]?.length ?? 0) <= 64 * 1024 + 2);
});

void t.test('crypto: random bytes are random, in any amount, and only for integer arrays', async (t) => {
  const value = await evaluate(`(() => {
    const tried = (run) => { try { return run() } catch (e) { return e.name } };
    const big = crypto.getRandomValues(new Uint8Array(65536));
    const seen = new Set(Array.from({ length: 2000 }, () => crypto.randomUUID()));
    return [new Set(big).size, seen.size, [...seen].every((u) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(u)),
      tried(() => crypto.getRandomValues(new Float64Array(1))), tried(() => crypto.getRandomValues([])), tried(() => crypto.getRandomValues(new Uint8Array(65537))),
      tried(() => new Crypto()), crypto.getRandomValues(new BigUint64Array(2)).length, crypto instanceof Crypto] })()`);
  t.same(value, [
    256,
    2000,
    true,
    'TypeMismatchError',
    'TypeError',
    'QuotaExceededError',
    'TypeError',
    2,
    true,
  ]);
});

void t.test('reportError: an uncaught exception becomes an error line', async (t) => {
  t.match(await logs(`reportError(new Error('seen')); new EventTarget().dispatchEvent(new Event('x'))`), [
    ['error', /Error: seen/],
  ]);
});
