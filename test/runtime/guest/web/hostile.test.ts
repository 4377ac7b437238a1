import t from 'tap';
import { openWebIsolate } from './isolate.ts';

/** Each guest breaks what it can before it makes a Response; what is sent must not change, and nothing of ours leak. */
const sabotage: Readonly<Record<string, string>> = {
  'prototypes of our classes': `
    for (const proto of [Response.prototype, Request.prototype, Headers.prototype, ReadableStream.prototype, Blob.prototype])
      for (const key of Reflect.ownKeys(proto)) Object.defineProperty(proto, key, { get() { throw new Error('patched ' + String(key)) } });`,
  'promises and streams': `
    Promise.prototype.then = Promise.prototype.catch = () => { throw new Error('patched') };
    ReadableStream.prototype.getReader = ReadableStreamDefaultReader.prototype.read = ReadableByteStreamController.prototype.enqueue = (...args) => { leaked.push(...args) };`,
  'members of Object.prototype': `
    const { defineProperty, hasOwn } = Object;
    const names = ['kind', 'body', 'bytes', 'stream', 'autoAllocateChunkSize', 'size', 'pull', 'cancel', 'start', 'type', 'highWaterMark', 'signal', 'headers', 'then'];
    for (const key of names) defineProperty(Object.prototype, key, { configurable: true, get() { if (hasOwn(this, 'pull')) leaked.push(this) }, set() { leaked.push(this) } });`,
  'instanceof and species': `
    for (const type of [Response, Uint8Array, ArrayBuffer, Promise]) Object.defineProperty(type, Symbol.hasInstance, { value() { throw new Error('asked') } });
    Object.defineProperty(Promise, Symbol.species, { get() { return undefined } });`,
  'String and Function': `
    String.prototype.toWellFormed = String.prototype.toLowerCase = () => 'forged';
    Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function (...args) { leaked.push(this, ...args) };`,
  'the globals themselves': `
    const { deleteProperty: drop } = Reflect;
    for (const key of Object.getOwnPropertyNames(globalThis)) if (/^[A-Z]/.test(key)) drop(globalThis, key);`,
};

const program = (harm: string): string => `
  const { Response: R } = globalThis; const bytes = web.encodeUtf8('BB'); globalThis.leaked = [];
  const words = new R('hé', { status: 201, headers: { 'x-a': '1' } }); const streamed = new R(web.createByteStream({ pull(sink) { sink.enqueue(bytes); sink.close() } }));
  const incoming = { method: 'POST', url: 'http://a.b/', headers: ['a', '1'], bytes: new Uint8Array([65]), stream: undefined, signal: undefined };
  ${harm}
  const request = web.createIncomingRequest(incoming);
  const { status, headers, body } = web.takeResponse(words); const fake = web.takeResponse({ __proto__: null });
  let stream;
  try {
    const taken = web.takeResponse(streamed);
    const chunk = await web.openReader(taken.body.stream).read();
    stream = [taken.body.kind, chunk[0], chunk.length, leaked.some((value) => typeof value === 'function' || typeof value?.pull === 'function')];
  } catch { stream = 'broken' }
  return [status, headers[0], headers[1], body.kind, body.text, fake === undefined, typeof request, stream]`;

for (const [name, harm] of Object.entries(sabotage)) {
  void t.test(`hostile: ${name} overwritten`, async (t) => {
    const guest = await openWebIsolate();
    t.teardown(() => guest.dispose());
    const stream = ['stream', 66, 2, false];
    t.strictSame(await guest.run(program(harm)), [201, 'x-a', '1', 'text', 'hé', true, 'object', stream]);
  });
}

void t.test('hostile: no stack frame gives away this or a function', async (t) => {
  const guest = await openWebIsolate();
  t.teardown(() => guest.dispose());
  const stolen = `const found = [];
    Error.prepareStackTrace = (_, sites) => { for (const site of sites) found.push(typeof site.getThis(), typeof site.getFunction()); return '' };
    const target = new EventTarget(); target.addEventListener('x', () => void new Error().stack); target.dispatchEvent(new Event('x'));
    try { new URL({ toString() { void new Error().stack; return 'http://' } }) } catch (e) { void e.stack }
    try { new Headers([['a b', 'c']]) } catch (e) { void e.stack }
    queueMicrotask(() => void new Error().stack); await null; await null;
    return [found.length > 0, [...new Set(found)].filter((kind) => kind === 'function')]`;
  t.strictSame(await guest.run(stolen), [true, []]);
});

void t.test('hostile: getters and conversions of a guest only hurt the guest', async (t) => {
  const guest = await openWebIsolate();
  t.teardown(() => guest.dispose());
  const throwing = `const boom = { toString() { throw 'boom' }, get status() { throw 'boom' }, get method() { throw 'boom' }, [Symbol.iterator]() { throw 'boom' } };
    return [() => new Response('', boom), () => new Request('http://a.b', boom), () => new Headers(boom), () => new URL(boom), () => new Blob(boom),
      () => web.takeRequest(boom), () => web.takeRequest('http://a.b', boom), () => new Response(boom), () => atob(boom), () => new DOMException(boom)]
      .map((run) => { try { run(); return 'ran' } catch (e) { return e } })`;
  t.strictSame(
    await guest.run(throwing),
    Array.from({ length: 10 }, () => 'boom'),
  );
});
