import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('streams: for await, from, tee, pipeThrough, pipeTo and strategies work together', async (t) => {
  const program = `const seen = [];
    async function* numbers() { yield 1; yield 2; yield 3 }
    const [a, b] = ReadableStream.from(numbers()).tee();
    for await (const x of a.pipeThrough(new TransformStream({ transform: (x, c) => c.enqueue(x * 10) }))) seen.push(x);
    await b.pipeTo(new WritableStream({ write: (x) => { seen.push(x) }, close: () => { seen.push('closed') } }, new CountQueuingStrategy({ highWaterMark: 2 })));
    return [seen, a.locked, new ByteLengthQueuingStrategy({ highWaterMark: 5 }).size(new Uint8Array(3))]`;
  t.strictSame(await guest.run(program), [[10, 20, 30, 1, 2, 3, 'closed'], false, 3]);
});

void t.test('streams: leaving a for await cancels the source', async (t) => {
  const program = `let why; const s = new ReadableStream({ pull: (c) => c.enqueue(1), cancel: (reason) => { why = String(reason) } });
    for await (const x of s) break; return why`;
  t.equal(await guest.run(program), 'undefined');
});

void t.test('streams: pipeTo stops when its signal aborts', async (t) => {
  const program = `const c = new AbortController(); const s = new ReadableStream({ pull: (k) => k.enqueue(1) });
    let count = 0; const done = s.pipeTo(new WritableStream({ write() { if (++count === 3) c.abort() } }), { signal: c.signal });
    return [await done.catch((e) => e.name), count]`;
  t.strictSame(await guest.run(program), ['AbortError', 3]);
});

void t.test('createByteStream: pulls only for a waiting reader', async (t) => {
  const program = `let pulls = 0; const s = web.createByteStream({ pull(sink) { sink.enqueue(new Uint8Array([++pulls])) } });
    await null; const before = pulls; const reader = s.getReader(); const one = (await reader.read()).value; await null; await null;
    return [before, [...one], pulls]`;
  t.strictSame(await guest.run(program), [0, [1], 1]);
});

void t.test('createByteStream: views of a shared buffer are copied, whole buffers taken', async (t) => {
  const program = `const shared = new Uint8Array([1, 2, 3, 4]); const whole = new Uint8Array([5]);
    const s = web.createByteStream({ pull(sink) { sink.enqueue(shared.subarray(1, 3)); sink.enqueue(new Uint8Array()); sink.enqueue(whole); sink.close() } });
    return [[...await new Response(s).bytes()], [...shared], whole.length]`;
  t.strictSame(await guest.run(program), [[2, 3, 5], [1, 2, 3, 4], 0]);
});

void t.test('createByteStream: errors reach the reader, cancel reaches the source', async (t) => {
  const program = `let why; const failing = web.createByteStream({ pull(sink) { sink.error(new RangeError('x')) } });
    const throwing = web.createByteStream({ async pull() { throw new RangeError('y') } });
    const endless = web.createByteStream({ pull(sink) { sink.enqueue(new Uint8Array(1)) }, cancel(reason) { why = reason } });
    const reader = web.openReader(endless); await reader.read(); await reader.cancel('enough');
    return [await new Response(failing).text().catch((e) => e.name), await new Response(throwing).text().catch((e) => e.name), why]`;
  t.strictSame(await guest.run(program), ['RangeError', 'RangeError', 'enough']);
});

void t.test('openReader: gives bytes, then undefined, and refuses chunks that are not bytes', async (t) => {
  const program = `const good = web.openReader(new Blob(['ab']).stream()); const out = [[...await good.read()], await good.read() === undefined];
    const bad = web.openReader(new ReadableStream({ start(c) { c.enqueue('text') } }));
    return [...out, await bad.read().catch((e) => e.name), web.isReadableStream(new Blob([]).stream()), web.isReadableStream({ locked: false })]`;
  t.strictSame(await guest.run(program), [[97, 98], true, 'TypeError', true, false]);
});

void t.test(
  'streams: nothing of their state is on the objects, and no object passes for one of them',
  async (t) => {
    const program = `const r = new ReadableStream({ type: 'bytes' }), w = new WritableStream(), { readable, writable } = new TransformStream();
    let rc, wc; new ReadableStream({ start(c) { rc = c } }); new WritableStream({ start(c) { wc = c } });
    const all = [r, w, readable, writable, rc, wc, readable.getReader(), writable.getWriter(), r.values()];
    const forged = Object.create(ReadableStream.prototype);
    const errors = [() => forged.locked, () => forged.getReader(), () => new ReadableStreamDefaultReader(forged), () => new Response(forged).body === forged,
      () => new ReadableStreamDefaultController(), () => new WritableStreamDefaultController(), () => new ReadableStreamBYOBRequest()]
      .map((run) => { try { return run() } catch (e) { return e.name } });
    return [all.flatMap((one) => Reflect.ownKeys(one)).length, errors, await forged.cancel().catch((e) => e.name)]`;
    const illegal = Array.from({ length: 3 }, () => 'TypeError');
    t.strictSame(await guest.run(program), [0, [...illegal, false, ...illegal], 'TypeError']);
  },
);

void t.test(
  'streams: a pipe moves what is there, in turns, and never writes within an enqueue',
  async (t) => {
    const program = `let controller, written = 0; const source = new ReadableStream({ start(c) { controller = c } }, { highWaterMark: Infinity });
    for (let i = 0; i < 100; i++) controller.enqueue(i);
    const piped = source.pipeTo(new WritableStream({ write() { written++ } }, { highWaterMark: 1000 }));
    while (written < 100) await null;
    controller.enqueue('late'); const within = written; controller.close(); await piped;
    return [within, written]`;
    t.strictSame(await guest.run(program), [100, 101]);
  },
);

void t.test('streams: BYOB readers fill a view, and tees of bytes do not share memory', async (t) => {
  const program = `const source = () => new ReadableStream({ type: 'bytes', autoAllocateChunkSize: 4, pull(c) { const { view } = c.byobRequest; view.fill(7); c.byobRequest.respond(view.byteLength) } });
    const reader = source().getReader({ mode: 'byob' }); const view = new Uint8Array(6);
    const { value } = await reader.read(view, { min: 6 }); const taken = view.byteLength;
    const [a, b] = source().tee(); const one = (await a.getReader().read()).value, two = (await b.getReader().read()).value; one.fill(0);
    return [[...value], taken, [...two]]`;
  t.strictSame(await guest.run(program), [[7, 7, 7, 7, 7, 7], 0, [7, 7, 7, 7]]);
});

void t.test('streams: a transform waits for its reader, and an error reaches both sides', async (t) => {
  const program = `let seen = 0; const { readable, writable } = new TransformStream({ transform(chunk, c) { seen++; if (chunk === 3) throw new RangeError('three'); c.enqueue(chunk) } });
    const writer = writable.getWriter(); const writes = [1, 2, 3].map((n) => writer.write(n).catch((e) => e.name));
    for (let i = 0; i < 20; i++) await null; const early = seen;
    const reader = readable.getReader(); const read = [(await reader.read()).value, (await reader.read()).value, await reader.read().catch((e) => e.name)];
    return [early, read, await Promise.all(writes), await writer.closed.catch((e) => e.name)]`;
  t.strictSame(await guest.run(program), [0, [1, 2, 'RangeError'], [null, null, 'RangeError'], 'RangeError']);
});
