import { createHash } from 'node:crypto';
import t from 'tap';
import { answerOf, letters, lineOf } from '#test/support/guest-harness.ts';
import type { GuestHarness, Line } from '#test/support/guest-harness.ts';
import { answer, open, operationOf } from '#test/support/guest-operations.ts';

const head = { status: 200, statusText: 'OK', headers: [], url: 'http://a.test/', redirected: false };
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Answers the digest the guest asks for, which it does with the bytes it got. */
function digest(guest: GuestHarness, lines: readonly Line[]): Line[] {
  const { op, method, args, bytes } = operationOf(lines);
  if (method !== 'digest' || !Array.isArray(args) || args[0] !== 'SHA-256')
    throw new Error('no SHA-256 digest');
  const hash = sha256(bytes ?? '');
  return guest.deliver([6, 1, op, 1, null, 0, hash.length, 0], hash);
}

for (const [what, given, expected] of [
  ['that is what its integrity says is given', 'hello', 'hello'],
  ['that is something else is a network error', 'hullo', 'TypeError'],
] as const) {
  void t.test(`fetch: a body ${what}`, async (t) => {
    const integrity = `sha256-${sha256('hello').toString('base64')}`;
    const guest = await open(
      `try { return new Response(await (await fetch('http://a.test/', { integrity: '${integrity}' })).text()) }
       catch (e) { return new Response(e.name) }`,
    );
    guest.request(1);
    t.equal(answerOf(digest(guest, answer(guest, 2, head, given))).text, expected);
    guest.dispose();
  });
}

void t.test('fetch: of several hashes the strongest counts, and padding and alphabet do not', async (t) => {
  const strong = createHash('sha512').update('hello').digest('base64url');
  const guest = await open(
    `const r = await fetch('data:,hello', { integrity: 'sha256-AAAA md5-x sha512-${strong}' }); return new Response(await r.text())`,
  );
  const lines = guest.request(1);
  t.strictSame(operationOf(lines).args, ['SHA-512']);
  const hash = createHash('sha512').update('hello').digest();
  const { text } = answerOf(guest.deliver([6, 1, operationOf(lines).op, 1, null, 0, hash.length, 0], hash));
  t.equal(text, 'hello');
  guest.dispose();
});

void t.test('fetch: what is wrong with its arguments rejects before the next microtask', async (t) => {
  const guest = await open(
    `const order = []; const note = (name) => () => order.push(name);
     const all = [fetch('http://a b/').catch(note('address')), fetch().catch(note('none')),
       fetch('http://a.test/', { signal: AbortSignal.abort() }).catch(note('aborted')),
       Promise.resolve().then(note('microtask'))];
     await Promise.all(all); return new Response(order.join())`,
  );
  t.equal(answerOf(guest.request(1)).text, 'address,none,aborted,microtask');
  guest.dispose();
});

void t.test(
  'fetch: an aborted signal fails the body of an answer that is there, at every read',
  async (t) => {
    const guest = await open(
      `const c = new AbortController(); const r = await fetch('http://a.test/', { signal: c.signal });
     const copy = r.clone(); c.abort(new RangeError('enough'));
     const names = []; for (const x of [r, r, copy]) await x.text().catch((e) => names.push(e.name));
     return new Response(names.join())`,
    );
    guest.request(1);
    t.equal(answerOf(answer(guest, 2, head, 'hello')).text, 'RangeError,RangeError,RangeError');
    guest.dispose();
  },
);

void t.test('fetch: aborting cancels the stream that is being sent, with the reason', async (t) => {
  const guest = await open(
    `const c = new AbortController(); let why;
     const body = new ReadableStream({ pull(s) { s.enqueue(new Uint8Array(1)); return new Promise(() => {}) }, cancel(r) { why = r } });
     const sent = fetch('http://a.test/', { method: 'POST', duplex: 'half', body, signal: c.signal }).catch((e) => e);
     await Promise.resolve(); await Promise.resolve(); c.abort('enough');
     return new Response([await sent, why].join())`,
  );
  const lines = guest.request(1);
  t.match(letters(lines), /K/);
  t.equal(answerOf(lines).text, 'enough,enough');
  t.equal(lineOf(lines, 'O').inv, 1);
  guest.dispose();
});

void t.test('fetch: data: and blob: addresses ask nobody', async (t) => {
  const guest = await open(
    `const url = URL.createObjectURL(new Blob(['b'])); const texts = [];
     for (const address of ['data:,a', url]) texts.push(await (await fetch(address)).text());
     return new Response(texts.join())`,
  );
  const lines = guest.request(1);
  t.equal(letters(lines), 'A');
  t.equal(answerOf(lines).text, 'a,b');
  guest.dispose();
});

void t.test('fetch: what the network does is a TypeError with the code of the host', async (t) => {
  const guest = await open(
    `try { await fetch('http://a.test/') } catch (e) { return new Response([e.name, e.code, e.message].join()) }`,
  );
  guest.request(1);
  const error = { name: 'Error', message: 'refused', code: 'ERR_FETCH_FAILED' };
  t.equal(answerOf(guest.deliver([6, 1, 2, 0, error])).text, 'TypeError,ERR_FETCH_FAILED,refused');
  guest.dispose();
});

void t.test('fetch: a body that fails is told at once, whether somebody reads or not', async (t) => {
  const guest = await open(
    `const r = await fetch('http://a.test/'); const reader = r.body.getReader();
     try { await reader.closed } catch (e) { const again = await reader.read().catch((e) => e.name); return new Response([e.name, e.code, again].join()) }`,
  );
  guest.request(1);
  guest.deliver([6, 1, 2, 1, head, 0, -1, 1]);
  const lines = guest.deliver([3, 1, 3, 'broken off', 'ERR_FETCH_FAILED']);
  t.equal(answerOf(lines).text, 'TypeError,ERR_FETCH_FAILED,TypeError');
  guest.dispose();
});
