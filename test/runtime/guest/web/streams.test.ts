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
