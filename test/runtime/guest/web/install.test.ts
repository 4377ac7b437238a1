import t from 'tap';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { splitBundle } from '#runtime/guest/parts.ts';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

const names = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'ByteLengthQueuingStrategy',
  'CountQueuingStrategy',
  'CustomEvent',
  'DOMException',
  'ErrorEvent',
  'Event',
  'EventTarget',
  'File',
  'FormData',
  'Headers',
  'Performance',
  'PromiseRejectionEvent',
  'ReadableByteStreamController',
  'ReadableStream',
  'ReadableStreamBYOBReader',
  'ReadableStreamBYOBRequest',
  'ReadableStreamDefaultController',

  'ReadableStreamDefaultReader',
  'Request',
  'Response',
  'TextDecoder',
  'TextDecoderStream',
  'TextEncoder',
  'TextEncoderStream',
  'TransformStream',
  'TransformStreamDefaultController',
  'URL',
  'URLSearchParams',
  'WritableStream',
  'WritableStreamDefaultController',
  'WritableStreamDefaultWriter',
  'atob',
  'btoa',
  'queueMicrotask',
  'structuredClone',
];

void t.test('install: every global is there, writable, configurable and not enumerable', async (t) => {
  const program = `return ${JSON.stringify(names)}.map((name) => {
    const found = Object.getOwnPropertyDescriptor(globalThis, name) ?? {};
    return [name, found.value !== undefined, found.writable, found.configurable, found.enumerable];
  })`;
  t.strictSame(
    await guest.run(program),
    names.map((name) => [name, true, true, true, false]),
  );
});

void t.test('install: interfaces keep their names and tags through minification', async (t) => {
  const classes = names.filter((name) => /^[A-Z]/.test(name));
  const program = `return ${JSON.stringify(classes)}.map((name) =>
    [globalThis[name].name, globalThis[name].prototype[Symbol.toStringTag] ?? name])`;
  t.strictSame(
    await guest.run(program),
    classes.map((name) => [name, name]),
  );
});

void t.test('install: the bundle carries neither IDNA nor multi-byte tables', async (t) => {
  // They would add 540 and 150 KB.
  const { script, pieces } = splitBundle((await loadGuestBundle()).source);
  t.ok(script.length < 130_000, `${script.length}`);
  t.ok(pieces.length < 300_000, `${pieces.length}`);
});

void t.test('performance: now counts from timeOrigin', async (t) => {
  t.strictSame(await guest.run('return [performance.timeOrigin, performance.now(), performance.toJSON()]'), [
    1000,
    4000,
    { timeOrigin: 1000 },
  ]);
  t.equal(await guest.run('try { new Performance() } catch (e) { return e.name }'), 'TypeError');
});

void t.test('queueMicrotask: runs after the current job and reports what is thrown', async (t) => {
  const program = `const order = [];
    queueMicrotask(() => order.push('micro'));
    queueMicrotask(() => { throw new RangeError('x') });
    order.push('sync');
    await null; await null;
    return [order, reported.splice(0).map((e) => e.name)]`;
  t.strictSame(await guest.run(program), [['sync', 'micro'], ['RangeError']]);
});
