import { gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

const readAll = `async (stream) => { const all = []; for await (const chunk of stream) all.push(...chunk); return all };`;

void t.test('CompressionStream: Node reads what it writes', async (t) => {
  const readers = { gzip: gunzipSync, deflate: inflateSync, 'deflate-raw': inflateRawSync };
  for (const [format, read] of Object.entries(readers)) {
    const program = `const readAll = ${readAll}
      const parts = ['hello ', 'world '.repeat(100)].map((part) => new TextEncoder().encode(part));
      return readAll(ReadableStream.from(parts).pipeThrough(new CompressionStream('${format}')))`;
    const bytes = new Uint8Array((await guest.run(program)) as number[]);
    t.equal(read(bytes).toString(), `hello ${'world '.repeat(100)}`, format);
  }
});

void t.test('DecompressionStream: byte by byte; malformed, cut off and too long fail', async (t) => {
  const bytes = [...gzipSync('hello world')];
  const program = (input: readonly number[], size: number): string => `const readAll = ${readAll}
    const bytes = new Uint8Array(${JSON.stringify(input)}), parts = [];
    for (let at = 0; at < bytes.length; at += ${size}) parts.push(bytes.subarray(at, at + ${size}));
    try { return String.fromCharCode(...await readAll(ReadableStream.from(parts).pipeThrough(new DecompressionStream('gzip')))) }
    catch (error) { return error.name }`;
  t.equal(await guest.run(program(bytes, 1)), 'hello world');
  t.equal(await guest.run(program(bytes, 1000)), 'hello world');
  t.equal(await guest.run(program(bytes.slice(0, -1), 1000)), 'TypeError');
  t.equal(await guest.run(program([...bytes, 0], 1000)), 'TypeError');
  t.equal(await guest.run(program([...bytes, 0], 1)), 'TypeError', 'also when it comes later');
  t.equal(await guest.run(program([1, 2, 3], 1)), 'TypeError');
});

void t.test('DecompressionStream: the output of a bomb waits until it is read', async (t) => {
  const bomb = [...gzipSync(Buffer.alloc(32 * 2 ** 20))];
  const program = `const { readable, writable } = new DecompressionStream('gzip');
    const writer = writable.getWriter(); const written = writer.write(new Uint8Array(${JSON.stringify(bomb)})); written.catch(() => 0);
    const reader = readable.getReader(); const { value } = await reader.read();
    let done = false; written.then(() => { done = true }); for (let i = 0; i < 100; i++) await null;
    const early = done; let total = value.length;
    const closed = writer.close();
    for (;;) { const next = await reader.read(); if (next.done) break; total += next.value.length }
    await closed;
    return [early, total]`;
  t.strictSame(await guest.run(program), [false, 32 * 2 ** 20], 'in an isolate of 64 MB');
});

void t.test('CompressionStream: a format it has not, chunks that are no bytes', async (t) => {
  const program = `const names = [];
    for (const format of ['zip', '', 'GZIP', 'toString', '__proto__']) try { new CompressionStream(format); names.push('ok') } catch (e) { names.push(e.name) }
    for (const chunk of [null, 'text', {}, [1], 7]) {
      const { writable, readable } = new CompressionStream('gzip'); readable.getReader().read().catch(() => 0);
      const writer = writable.getWriter(); writer.closed.catch(() => 0);
      names.push(await writer.write(chunk).catch((e) => e.name)) }
    return names`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 10 }, () => 'TypeError'),
  );
});
