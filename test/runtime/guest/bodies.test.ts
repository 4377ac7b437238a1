import t from 'tap';
import { chunkBytes, inlineBytes, initialCredit } from '#runtime/guest/protocol.ts';
import {
  GuestHarness,
  answerOf,
  chunksOf,
  letters,
  lineOf,
  requestHead,
} from '#test/support/guest-harness.ts';

const open = async (source: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(source);
  guest.take();
  return guest;
};

const streamed = [0, 1, requestHead({ m: 'POST', b: 2 }), 0, 0];

void t.test('request body: chunks reach the reader, and reading grants more', async (t) => {
  const guest = await open(
    `export default { async fetch(r) { let n = 0; for await (const c of r.body) n += c.length; return new Response(String(n)) } }`,
  );
  t.same(guest.deliver(streamed), []);
  let granted = 0;
  const part = new Uint8Array(chunkBytes);
  for (let count = 0; count < 8; count++) {
    for (const line of guest.deliver([1, 1, 0, 0, part.length], part)) {
      t.equal(line.letter, 'G');
      granted += line.json[1] as number;
    }
  }
  t.equal(granted, 8 * chunkBytes);
  t.equal(answerOf(guest.deliver([2, 1, 0])).text, String(8 * chunkBytes));
  guest.dispose();
});

void t.test('request body: nobody reads, nothing is granted', async (t) => {
  const guest = await open(`export default { async fetch(r) { await new Promise(() => {}) } }`);
  guest.deliver(streamed);
  for (let sent = 0; sent < initialCredit; sent += chunkBytes) {
    t.same(guest.deliver([1, 1, 0, 0, chunkBytes], new Uint8Array(chunkBytes)), []);
  }
  guest.dispose();
});

void t.test('request body: a failure reaches the reader; cancelling reaches the sender', async (t) => {
  const failing = await open(
    `export default { async fetch(r) { try { return new Response(await r.text()) } catch (e) { return new Response('caught ' + e.message) } } }`,
  );
  failing.deliver(streamed);
  failing.deliver([1, 1, 0, 0, 3], new Uint8Array(3));
  t.match(answerOf(failing.deliver([3, 1, 0, 'broken off'])).text, /^caught .*broken off/);
  failing.dispose();
  const cancelling = await open(
    `export default { async fetch(r) { await r.body.cancel(); return new Response('cancelled') } }`,
  );
  t.equal(letters(cancelling.deliver(streamed)), 'XA');
  cancelling.dispose();
});

void t.test('request body: bytes of one message never show those of another', async (t) => {
  const guest = await open(
    `export default { async fetch(r) { const b = await r.arrayBuffer(); return Response.json([b.byteLength, new Uint8Array(b)[0]]) } }`,
  );
  const lines = guest.deliver(
    [0, 1, requestHead({ m: 'POST', b: 1 }), 2, 3],
    new Uint8Array([9, 9, 1, 2, 3, 9]),
  );
  t.equal(answerOf(lines).text, '[3,1]');
  guest.dispose();
});

void t.test('response body: it is sent in chunks as far as granted, then waits', async (t) => {
  const size = initialCredit + 100_000;
  const guest = await open(
    `export default { fetch: () => new Response(new Uint8Array(${size}).fill(7), { headers: { a: 'b' } }) }`,
  );
  const first = guest.request(1);
  t.same(lineOf(first, 'H').json, [200, ['a', 'b', 'content-length', String(size)], 3, null]);
  t.equal(chunksOf(first, 1).length, initialCredit);
  t.ok(first.every((line) => line.letter !== 'C' || (line.json[2] as number) <= chunkBytes));
  const second = guest.deliver([4, 1, 1, 40_000]);
  t.equal(chunksOf(second, 1).length, 40_000);
  const last = guest.deliver([4, 1, 1, 100_000]);
  t.equal(chunksOf(last, 1).length, 60_000);
  t.equal(letters(last), 'CED');
  guest.dispose();
});

void t.test('response body: whole bodies go inline up to the limit, one byte more is streamed', async (t) => {
  const guest = await open(
    `export default { fetch: (r) => new Response(r.headers.get('t') ? 'x'.repeat(+r.headers.get('t')) : new Uint8Array(+r.headers.get('b'))) }`,
  );
  for (const kind of ['t', 'b']) {
    t.equal(answerOf(guest.request(1, { h: [kind, String(inlineBytes)] })).bytes.length, inlineBytes);
    const lines = guest.request(2, { h: [kind, String(inlineBytes + 1)] });
    t.equal(lineOf(lines, 'H').json[2], 3);
    t.equal(letters(guest.deliver([4, 2, 1, 1])), 'CED');
  }
  guest.dispose();
});

void t.test(
  'response body: a guest that pipes the request through keeps no more than the credit',
  async (t) => {
    const guest = await open(`export default { fetch: (r) => new Response(r.body) }`);
    const head = guest.deliver(streamed);
    t.equal(lineOf(head, 'H').json[2], 3);
    let inCredit = initialCredit;
    let outCredit = initialCredit;
    let sent = 0;
    let got = 0;
    const total = 4 * 2 ** 20;
    const part = new Uint8Array(chunkBytes);
    const absorb = (lines: ReturnType<GuestHarness['take']>): void => {
      for (const line of lines) if (line.letter === 'G') inCredit += line.json[1] as number;
      const { length } = chunksOf(lines, 1);
      got += length;
      outCredit -= length;
      t.ok(outCredit >= 0);
    };
    while (sent < total && inCredit >= chunkBytes) {
      inCredit -= chunkBytes;
      sent += chunkBytes;
      absorb(guest.deliver([1, 1, 0, 0, chunkBytes], part));
      if (outCredit >= chunkBytes) continue;
      const more = initialCredit - outCredit;
      outCredit += more;
      absorb(guest.deliver([4, 1, 1, more]));
    }
    t.equal(sent, total);
    const last = guest.deliver([2, 1, 0]);
    absorb(last);
    t.equal(got, total);
    t.equal(letters(last), 'ED');
    guest.dispose();
  },
);

void t.test(
  'response body: a failing stream fails, wrong chunks fail, a cancelled one is cancelled',
  async (t) => {
    for (const body of [
      `new ReadableStream({ pull(c) { c.error(new Error('no more')) } })`,
      `new ReadableStream({ pull(c) { c.enqueue('text') } })`,
      `new ReadableStream({ pull() { throw new Error('no more') } })`,
    ]) {
      const guest = await open(`export default { fetch: () => new Response(${body}) }`);
      t.equal(letters(guest.request(1)), 'HFD', body);
      guest.dispose();
    }
    const guest = await open(
      `export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(70000)) }, cancel() { console.log('cancelled') } })) }`,
    );
    t.equal(chunksOf(guest.request(1), 1).length, initialCredit);
    const lines = guest.deliver([5, 1, 1]);
    t.ok(letters(lines).endsWith('D'));
    guest.dispose();
  },
);

void t.test('response body: what was enqueued is what is sent, whatever happens to the buffer', async (t) => {
  const guest = await open(
    `export default { fetch: () => { const b = new Uint8Array([1, 2, 3]); return new Response(new ReadableStream({ async start(c) { c.enqueue(b); await 0; await 0; await 0; await 0; b.fill(9); b.buffer.transfer(); c.close() } })) } }`,
  );
  const lines = guest.request(1);
  t.same([...chunksOf(lines, 1)].length, 3);
  t.ok(letters(lines).endsWith('ED'));
  guest.dispose();
});
