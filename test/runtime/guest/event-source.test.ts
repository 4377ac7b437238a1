import t from 'tap';
import { answerOf, letters, lineOf } from '#test/support/guest-harness.ts';
import type { GuestHarness, Line } from '#test/support/guest-harness.ts';
import { open, operationOf } from '#test/support/guest-operations.ts';

const head = {
  status: 200,
  statusText: 'OK',
  headers: ['content-type', 'text/event-stream;charset=utf-8'],
  url: 'http://events.test/stream',
  redirected: false,
};

/** Answers the connection on operation `op` and streams `chunks`; the stream stays open unless `end`. */
function stream(guest: GuestHarness, op: number, chunks: readonly Uint8Array[], end = false): Line[] {
  const lines = [...guest.deliver([6, 1, op, 1, head, 0, -1, 1])];
  for (const chunk of chunks) lines.push(...guest.deliver([1, 1, op + 1, 0, chunk.length], chunk));
  if (end) lines.push(...guest.deliver([2, 1, op + 1]));
  return lines;
}

/** Listens until a message named `stop`, and answers with everything that came. */
const listens = `const seen = []; const source = new EventSource('http://events.test/stream#part');
  return new Promise((done) => {
    const note = (e) => seen.push([e.type, e.data, e.lastEventId]);
    source.onmessage = note; source.addEventListener('other', note);
    source.addEventListener('stop', (e) => { seen.push(source.readyState, e.origin, source.url); source.close(); done(Response.json([...seen, source.readyState])) });
  });`;

const streams: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['data: a\n\n', [['message', 'a', '']]],
  [
    '\ufeffdata:a\r\rdata:b\r\n\r\n',
    [
      ['message', 'a', ''],
      ['message', 'b', ''],
    ],
  ],
  ['data\ndata: \ndata:  x\n\n', [['message', '\n\n x', '']]],
  [': comment\ndata:a\nunknown: b\nevent: other\n\n', [['other', 'a', '']]],
  [
    'id: 1\ndata:a\n\ndata:b\n\nid\ndata:c\n\n',
    [
      ['message', 'a', '1'],
      ['message', 'b', '1'],
      ['message', 'c', ''],
    ],
  ],
  ['id: 1\0\ndata:a\n\n', [['message', 'a', '']]],
  ['event: other\n\ndata: ä\n\n', [['message', 'ä', '']]],
  ['data: lost', []],
];
for (const [text, expected] of streams) {
  for (const size of [1, 1000]) {
    void t.test(`event-source: ${JSON.stringify(text)} in chunks of ${size}`, async (t) => {
      const guest = await open(listens);
      const request = operationOf(guest.request(1));
      t.match(request.args, { method: 'GET', url: 'http://events.test/stream#part' });
      const bytes = Buffer.from(
        `${text}\n\nevent: stop\ndata:\n\n`.replace('data: lost\n\n', 'data: lost\n\0\n\n'),
      );
      const chunks = Array.from(
        { length: Math.ceil(bytes.length / size) },
        (_, index) => new Uint8Array(bytes.subarray(index * size, (index + 1) * size)),
      );
      const lines = stream(guest, request.op, chunks);
      const answer = JSON.parse(answerOf(lines).text ?? '') as unknown[];
      const lost = text === 'data: lost' ? [['message', 'lost', '']] : expected;
      t.strictSame(answer, [...lost, 1, 'http://events.test', 'http://events.test/stream#part', 2]);
      guest.dispose();
    });
  }
}

void t.test(
  'event-source: it asks for an event stream, past every cache, and goes on from the last id',
  async (t) => {
    const guest = await open(
      `const s = new EventSource('http://events.test/'); s.onmessage = (e) => { if (e.data === 'end') answer(new Response('done')) };
     let answer; return new Promise((done) => { answer = done });`,
    );
    const first = operationOf(guest.request(1));
    t.match(first.args, {
      headers: ['accept', 'text/event-stream', 'pragma', 'no-cache', 'cache-control', 'no-cache'],
    });
    const lines = stream(
      guest,
      first.op,
      [new Uint8Array(Buffer.from('retry: 50\nid: é7\ndata: x\n\n'))],
      true,
    );
    const timer = lineOf(lines, 'T');
    t.equal(timer.json[1], 50);
    const second = operationOf(guest.deliver([8, 1, timer.json[0]]));
    t.match(second.args, { headers: ['accept', 'text/event-stream', 'last-event-id', '\xc3\xa97'] });
    const end = stream(guest, second.op, [new Uint8Array(Buffer.from('data: end\n\n'))]);
    t.equal(answerOf(end).text, 'done');
    guest.dispose();
  },
);

const endings: readonly (readonly [string, readonly unknown[], string])[] = [
  ['another status', [1, { ...head, status: 204 }, 0, -1, 0], 'error 2'],
  ['another type', [1, { ...head, headers: ['content-type', 'text/plain'] }, 0, -1, 0], 'error 2'],
  [
    'an address that is refused',
    [0, { name: 'Error', message: 'no', code: 'ERR_EGRESS_REFUSED' }, 0, -1, 0],
    'error 2',
  ],
  [
    'a network that fails',
    [0, { name: 'Error', message: 'no', code: 'ERR_FETCH_FAILED' }, 0, -1, 0],
    'error 0',
  ],
];
for (const [what, answer, expected] of endings) {
  void t.test(`event-source: ${what} is ${expected === 'error 2' ? 'the end' : 'tried again'}`, async (t) => {
    const guest = await open(
      `const s = new EventSource('http://events.test/'); return new Promise((done) => { s.onerror = (e) => done(new Response(e.type + ' ' + s.readyState)) })`,
    );
    const { op } = operationOf(guest.request(1));
    const lines = guest.deliver([6, 1, op, ...answer]);
    t.equal(answerOf(lines).text, expected);
    t.equal(letters(lines).includes('T'), expected === 'error 0');
    guest.dispose();
  });
}

void t.test('event-source: no URL, no EventSource', async (t) => {
  const guest = await open(
    `const names = []; for (const u of ['http://a b', '']) try { new EventSource(u) } catch (e) { names.push(e.name) }
     try { EventSource('http://a.test/') } catch (e) { names.push(e.name) }
     return new Response([...names, EventSource.CLOSED, EventSource.length].join())`,
  );
  t.equal(answerOf(guest.request(1)).text, 'SyntaxError,SyntaxError,TypeError,2,1');
  guest.dispose();
});
