import t from 'tap';
import { GuestHarness, answerOf, lineOf } from '#test/support/guest-harness.ts';
import { openWebIsolate } from './web/isolate.ts';

/** Counts the pieces of text that run. */
const counting = `globalThis.pieces = 0; globalThis.ran = 0;
  { const native = globalThis.eval; globalThis.eval = (text) => { globalThis.ran++; return native(text) } }`;

const classes =
  'AbortController AbortSignal Blob BroadcastChannel ByteLengthQueuingStrategy CloseEvent CompressionStream CountQueuingStrategy CustomEvent DOMException DecompressionStream ErrorEvent Event EventSource EventTarget File FileList FileReader FileReaderSync FormData MessageChannel MessageEvent MessagePort Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList ProgressEvent PromiseRejectionEvent ReadableByteStreamController ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream TransformStreamDefaultController URLPattern URLSearchParams WebSocket WebSocketPair WritableStream WritableStreamDefaultController WritableStreamDefaultWriter'.split(
    ' ',
  );

void t.test('late: what a plain request and its answer need is there at once', async (t) => {
  const guest = await openWebIsolate({ before: counting });
  t.teardown(() => guest.dispose());
  const plain = `new Response(new URL(new Request('http://a.b/c?d').url).pathname, { headers: { a: 'b' } }).headers.get('a');`;
  t.equal(await guest.run(`${plain} return ran`), 0, 'no part has run');
  const [first, second] = (await guest.run(
    `new Blob([]); const first = ran; new Blob([]); new File([], 'a'); return [first, ran]`,
  )) as [number, number];
  t.ok(first > 0);
  t.equal(second, first, 'and one that has run does not again');
});

void t.test('late: before its part has run a class is what it is afterwards', async (t) => {
  // What is asked first differs from class to class, so that every way to ask comes first somewhere.
  const program = `
    const asks = [
      (c) => c.name, (c) => c.length, (c) => Reflect.ownKeys(c).join(), (c) => typeof c, (c) => c.prototype.constructor === c,
      (c) => 'prototype' in c, (c) => ({}) instanceof c, (c) => Object.isExtensible(c), (c) => delete c.nothing,
      (c) => Object.getPrototypeOf(c) === Function.prototype || classes.some((name) => globalThis[name] === Object.getPrototypeOf(c)),
      (c) => { try { c() } catch (e) { return e.name } }, (c) => Object.getOwnPropertyDescriptor(c, 'prototype').writable,
      (c) => Object.prototype.toString.call(c.prototype), (c) => { class X extends c {} return Object.getPrototypeOf(X) === c },
      (c) => Reflect.set(c, 'mine', 1) && c.mine, (c) => (Object.defineProperty(c, 'other', { value: 2, configurable: true }), c.other),
      (c) => Object.setPrototypeOf(c, Object.getPrototypeOf(c)) === c, (c) => Object.getOwnPropertyDescriptor(globalThis, c.name).value === c,
    ];
    const classes = ${JSON.stringify(classes)};
    return classes.map((name, at) => {
      const c = globalThis[name], turn = at % asks.length;
      const early = asks[turn](c);
      delete c.mine; delete c.other;
      return [name, early === asks[turn](c), ...asks.slice(0, 14).map((ask) => ask(c)).filter((found) => found !== true && found !== false)];
    })`;
  const guest = await openWebIsolate();
  t.teardown(() => guest.dispose());
  const rows = (await guest.run(program)) as [string, boolean, string, number, string, ...string[]][];
  for (const [name, same, own, length, keys, type, called, tag] of rows) {
    t.ok(same, name);
    t.equal(own, name);
    t.ok(length <= 2, name);
    t.match(keys, /^length,name,prototype/, name);
    t.equal(type, 'function', name);
    t.equal(called, 'TypeError', name);
    t.equal(tag, `[object ${name}]`);
  }
});

void t.test('late: classes of different parts know each other', async (t) => {
  const guest = await openWebIsolate();
  t.teardown(() => guest.dispose());
  const program = `
    class Mine extends Blob { constructor() { super(['abc']) } get twice() { return this.size * 2 } }
    const mine = new Mine(), file = new File(['a'], 'b');
    return [
      mine.twice, mine instanceof Blob, mine.constructor === Mine, file instanceof Blob, file.constructor === File,
      Object.getPrototypeOf(File) === Blob, Object.getPrototypeOf(AbortSignal) === EventTarget, Object.getPrototypeOf(MessageEvent) === Event,
      new MessageChannel().port1 instanceof EventTarget, new AbortController().signal.constructor === AbortSignal,
      await new Response(mine).text(), new FormData() instanceof FormData, Reflect.construct(Blob, [], Mine) instanceof Mine]`;
  t.strictSame(await guest.run(program), [6, ...Array.from({ length: 9 }, () => true), 'abc', true, true]);
});

void t.test('late: a part runs as it was written, whatever a guest has put in its way', async (t) => {
  const breaks = [
    `for (const key of ['value', 'get', 'set', 'writable', 'enumerable', 'configurable']) Object.defineProperty(Object.prototype, key, { __proto__: null, get() { return 1 }, set() {}, configurable: true })`,
    `for (const holder of [Object, Reflect, JSON, Math]) for (const key of Object.getOwnPropertyNames(holder)) if (typeof holder[key] === 'function' && key !== 'getOwnPropertyNames') holder[key] = () => { throw new Error('stolen') }`,
    `for (const key of ['call', 'apply', 'bind']) Function.prototype[key] = () => { throw new Error('stolen') }`,
    `for (const { prototype } of [WeakMap, WeakSet, WeakRef, ArrayBuffer, DataView, RegExp, Date, Symbol]) for (const key of Object.getOwnPropertyNames(prototype)) if (key !== 'constructor') Object.defineProperty(prototype, key, { __proto__: null, value: () => { throw new Error('stolen') } })`,
    `for (const key of ['Object', 'Reflect', 'Map', 'WeakMap', 'Promise', 'Uint8Array', 'ArrayBuffer', 'TypeError', 'Symbol', 'eval']) delete globalThis[key]`,
    `String.prototype.slice = String.prototype.split = () => { throw new Error('stolen') }`,
  ];
  for (const code of breaks) {
    const guest = await openWebIsolate();
    const program = `const classes = ${JSON.stringify(classes)}; const names = []; ${code};
      for (let at = 0; at < classes.length; at++) names[at] = globalThis[classes[at]].name;
      return names`;
    t.strictSame(await guest.run(program), classes, code);
    guest.dispose();
  }
});

void t.test('late: a part that ran at the top level knows who calls it later', async (t) => {
  const guest = await GuestHarness.open(`let early = 'none';
    try { await fetch('http://a.b/') } catch (error) { early = error.message }
    export default { async fetch() { const response = await fetch('http://a.b/c'); return new Response(early + response.status) } }`);
  guest.take();
  const line = lineOf(guest.request(1), 'O');
  t.match(JSON.stringify(line.json), /a\.b\/c/);
  guest.dispose();
});

void t.test('late: memories of WebAssembly count however late and whatever was patched', async (t) => {
  const guest = await GuestHarness.open(`
    for (const { prototype } of [WeakMap, WeakRef]) for (const key of Object.getOwnPropertyNames(prototype))
      if (key !== 'constructor') prototype[key] = () => true;
    for (const key of ['includes', 'indexOf', 'map', 'filter', 'some']) Array.prototype[key] = () => true;
    Object.getOwnPropertyNames = Object.keys = () => [];
    export default { fetch() {
      const kept = { __proto__: null };
      let made = 0, last = '';
      for (; made < 200 && last === ''; made++) {
        try { kept[made] = new WebAssembly.Memory({ initial: 160 }) } catch (error) { last = error.name }
      }
      return new Response(null, { headers: { found: made + last + typeof WebAssembly.promising + typeof WebAssembly.Suspending } });
    } }`);
  guest.take();
  t.equal(answerOf(guest.request(1)).headers['found'], '13RangeErrorfunctionfunction');
  guest.dispose();
});

void t.test('late: Temporal has no clock but the entry’s, whatever leads to it', async (t) => {
  const guest = await GuestHarness.open(`
    const native = Date.prototype.toTemporalInstant;
    Date.prototype.toTemporalInstant = function () { const made = native.call(this); globalThis.seen = made; return made };
    export default { fetch() {
      const before = Temporal.Now.instant().epochMilliseconds, keys = Object.getOwnPropertyNames(Temporal).join();
      for (let round = 0; round < 1e6; round++);
      return new Response(JSON.stringify([Temporal.Now.instant().epochMilliseconds === before, before === Date.now(), keys,
        Object.getOwnPropertyNames(Temporal.Now).sort().join(), Temporal.PlainDate.from('2026-11-30').day, String(Temporal)]));
    } }`);
  guest.take();
  t.strictSame(JSON.parse(answerOf(guest.request(1)).text), [
    true,
    true,
    'Now,PlainDate,PlainTime,PlainDateTime,ZonedDateTime,Duration,Instant,PlainYearMonth,PlainMonthDay',
    'instant,plainDateISO,plainDateTimeISO,plainTimeISO,timeZoneId,zonedDateTimeISO',
    30,
    '[object Temporal]',
  ]);
  guest.dispose();
});
