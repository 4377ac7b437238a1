import { createHash } from 'node:crypto';
import t from 'tap';
import { inlineBytes } from '#runtime/guest/protocol.ts';
import { answerOf, letters, lineOf } from '#test/support/guest-harness.ts';
import { answer, open, operationOf } from '#test/support/guest-operations.ts';

void t.test('operations: an error of the host keeps its kind and its code', async (t) => {
  const errors: readonly (readonly [object, string])[] = [
    [{ name: 'TypeError', message: 'm' }, 'TypeError|m||true'],
    [{ name: 'Error', message: 'm', code: 'ERR_KV_KEY' }, 'Error|m|ERR_KV_KEY|true'],
    [{ name: 'OddError', message: 'm', code: 'ERR_GUEST_THREW' }, 'OddError|m|ERR_GUEST_THREW|true'],
    [{ name: 'AbortError', message: 'm' }, 'AbortError|m|20|true'],
  ];
  for (const [error, expected] of errors) {
    const guest = await open(
      `try { await env.KV.get('k') } catch (e) { return new Response([e.name, e.message, e.code, e instanceof Error].join('|')) }`,
    );
    guest.request(1);
    t.equal(answerOf(guest.deliver([6, 1, 2, 0, error])).text, expected);
    guest.dispose();
  }
});

void t.test('operations: a binding of an earlier invocation cannot be used', async (t) => {
  const guest = await open(
    `if (!kept) { kept = env.KV; return new Response('kept') } try { await kept.get('k') } catch (e) { return new Response(e.name) }`,
  );
  guest.request(1);
  const lines = guest.request(2);
  t.equal(letters(lines), 'A');
  t.equal(answerOf(lines).text, 'Error');
  guest.dispose();
});

void t.test(
  'operations: what waits is told when its invocation is dropped, so that others do not hang on it',
  async (t) => {
    const guest = await open(
      `kept ??= env.KV.get('k'); try { await kept } catch (e) { return new Response(e.name) }`,
    );
    t.equal(letters(guest.request(1)), 'O');
    t.equal(letters(guest.request(2)), '');
    const lines = guest.deliver([11, 1]);
    t.same(
      lines.map((line) => [line.letter, line.inv]),
      [['A', 2]],
    );
    t.equal(answerOf(lines).text, 'AbortError');
    guest.dispose();
  },
);

void t.test('facades: an unknown kind has call(method, args)', async (t) => {
  const guest = await open(`return Response.json(await env.ODD.call('do', { a: 1 }))`);
  t.match(operationOf(guest.request(1)), { binding: 'ODD', method: 'do', args: { a: 1 } });
  t.equal(answerOf(answer(guest, 2, [5])).text, '[5]');
  guest.dispose();
});

void t.test('fetch: the request goes out as an operation, the answer comes back as a Response', async (t) => {
  const guest = await open(
    `const r = await fetch('http://out.test/x', { method: 'POST', headers: { 'X-A': 'b' }, body: 'sent' });
     return Response.json([r.status, r.statusText, r.headers.get('x-b'), r.url, r.redirected, r.ok, await r.text()])`,
  );
  const { op, binding, method, args, bytes } = operationOf(guest.request(1));
  t.match({ op, binding, method, bytes }, { op: 2, binding: '', method: 'fetch', bytes: 'sent' });
  t.match(args, { method: 'POST', url: 'http://out.test/x', redirect: 'follow' });
  t.match((args as { headers: string[] }).headers.join(), /x-a,b/);
  const head = {
    status: 201,
    statusText: 'Made',
    headers: ['x-b', 'c'],
    url: 'http://out.test/y',
    redirected: true,
  };
  const [status, ...rest] = JSON.parse(answerOf(answer(guest, 2, head, 'got')).text) as unknown[];
  t.equal(status, 201);
  t.same(rest, ['Made', 'c', 'http://out.test/y', true, true, 'got']);
  guest.dispose();
});

void t.test('fetch: an aborted signal kills the operation, or breaks its body off', async (t) => {
  const waiting = await open(
    `const c = new AbortController(); setTimeout(() => c.abort(), 1); try { await fetch('http://a/', { signal: c.signal }) } catch (e) { return new Response(e.name) }`,
  );
  const first = waiting.request(1);
  t.equal(letters(first), 'TO');
  const lines = waiting.deliver([8, 1, first[0]?.json[0]]);
  t.equal(letters(lines), 'KA');
  t.equal(answerOf(lines).text, 'AbortError');
  waiting.dispose();
  const reading = await open(
    `const c = new AbortController(); const r = await fetch('http://a/', { signal: c.signal }); setTimeout(() => c.abort(), 1); try { await r.text() } catch (e) { return new Response(e.name) }`,
  );
  reading.request(1);
  const head = { status: 200, statusText: '', headers: [], url: 'http://a/', redirected: false };
  const [timer] = lineOf(reading.deliver([6, 1, 2, 1, head, 0, -1, 1]), 'T').json;
  const broken = reading.deliver([8, 1, timer]);
  t.equal(letters(broken), 'XA');
  t.equal(answerOf(broken).text, 'AbortError');
  reading.dispose();
});

void t.test('fetch: bad input is a TypeError and nothing is sent', async (t) => {
  for (const args of [
    ``,
    `'not a url'`,
    `'http://a/', { method: 'GET', body: 'x' }`,
    `'http://a/', { headers: { 'a b': 'c' } }`,
  ]) {
    const guest = await open(`try { await fetch(${args}) } catch (e) { return new Response(e.name) }`);
    const lines = guest.request(1);
    t.equal(letters(lines), 'A', args);
    t.equal(answerOf(lines).text, 'TypeError', args);
    guest.dispose();
  }
});

void t.test('crypto: digest runs in the cell; what it cannot do is refused by name', async (t) => {
  const guest = await open(
    `const d = await crypto.subtle.digest({ name: 'sha-256' }, new TextEncoder().encode('abc'));
     const hex = Array.from(new Uint8Array(d), (byte) => byte.toString(16).padStart(2, '0')).join('');
     return new Response(d instanceof ArrayBuffer && hex)`,
  );
  const { binding, method, args, bytes } = operationOf(guest.request(1));
  t.same([binding, method, args, bytes], ['', 'digest', ['SHA-256'], 'abc']);
  const digest = createHash('sha256').update('abc').digest();
  const lines = guest.deliver([6, 1, 2, 1, null, 0, 32, 0], digest);
  t.equal(answerOf(lines).text, digest.toString('hex'));
  guest.dispose();
  const large = await open(`await crypto.subtle.digest('SHA-512', new Uint8Array(${inlineBytes * 2}))`);
  const { json } = lineOf(large.request(1), 'O');
  t.same(json.slice(4), [0, inlineBytes * 2, 0]);
  large.dispose();
  for (const [call, name] of [
    [`digest('MD5', new Uint8Array())`, 'NotSupportedError'],
    [`sign('HMAC')`, 'TypeError'],
    [`importKey('raw', new Uint8Array(), { name: 'HMAC', hash: 'MD5' }, false, [])`, 'NotSupportedError'],
  ] as const) {
    const refusing = await open(
      `try { await crypto.subtle.${call} } catch (e) { return new Response(e.name) }`,
    );
    t.equal(answerOf(refusing.request(1)).text, name, call);
    refusing.dispose();
  }
});
