import { createHash } from 'node:crypto';
import t from 'tap';
import { inlineBytes } from '#runtime/guest/protocol.ts';
import { GuestHarness, answerOf, chunksOf, letters, lineOf } from '#test/support/guest-harness.ts';
import type { Line } from '#test/support/guest-harness.ts';

const open = async (body: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(
    `let kept; export default { async fetch(request, env, ctx) { ${body} } }`,
    {
      bindings: [
        { name: 'KV', kind: 'kv' },
        { name: 'ODD', kind: 'odd' },
      ],
    },
  );
  guest.take();
  return guest;
};

interface Operation {
  readonly op: number;
  readonly binding: string;
  readonly method: string;
  readonly args: unknown;
  readonly bytes: string | undefined;
  readonly streamed: boolean;
}

function operationOf(lines: readonly Line[]): Operation {
  const line = lineOf(lines, 'O');
  const [op, binding, method, args, offset, length, streamed] = line.json as [
    number,
    string,
    string,
    unknown,
    number,
    number,
    number,
  ];
  const bytes =
    length < 0 ? undefined : Buffer.from(line.all ?? []).toString('utf8', offset, offset + length);
  return { op, binding, method, args, bytes, streamed: streamed === 1 };
}

const answer = (guest: GuestHarness, op: number, value: unknown, bytes?: string): Line[] =>
  guest.deliver(
    [6, 1, op, 1, value, 0, bytes === undefined ? -1 : Buffer.byteLength(bytes), 0],
    bytes === undefined ? undefined : Buffer.from(bytes),
  );

void t.test('kv get: each type gives the value its own way; absent is null', async (t) => {
  const types: readonly (readonly [string, string])[] = [
    [`await env.KV.get('k')`, '{"a":1}'],
    [`(await env.KV.get('k', 'json')).a`, '1'],
    [`(await env.KV.get('k', { type: 'json' })).a`, '1'],
    [`new Uint8Array(await env.KV.get('k', 'arrayBuffer')).length`, '7'],
    [`await new Response(await env.KV.get('k', 'stream')).text()`, '{"a":1}'],
    [
      `JSON.stringify(await env.KV.getWithMetadata('k', 'json'))`,
      '{"value":{"a":1},"metadata":{"m":2},"cacheStatus":null}',
    ],
  ];
  for (const [expression, expected] of types) {
    const guest = await open(`return new Response(String(${expression}))`);
    t.match(operationOf(guest.request(1)), { op: 2, binding: 'KV', method: 'get', args: { key: 'k' } });
    t.equal(answerOf(answer(guest, 2, { metadata: { m: 2 } }, '{"a":1}')).text, expected, expression);
    guest.dispose();
  }
  const guest = await open(
    `return Response.json([await env.KV.get('k'), await env.KV.get('k', 'stream'), await env.KV.getWithMetadata('k')])`,
  );
  guest.request(1);
  answer(guest, 2, null);
  answer(guest, 4, null);
  t.equal(
    answerOf(answer(guest, 6, null)).text,
    '[null,null,{"value":null,"metadata":null,"cacheStatus":null}]',
  );
  guest.dispose();
});

void t.test('kv get: several keys give a Map; a streamed value arrives whole', async (t) => {
  const many = await open(`return Response.json([...await env.KV.get(['a', 'b'])])`);
  t.equal(letters(many.request(1)), 'OO');
  answer(many, 4, { metadata: null }, 'B');
  t.equal(answerOf(answer(many, 2, null)).text, '[["a",null],["b","B"]]');
  many.dispose();
  const streamed = await open(`return new Response(await env.KV.get('k'))`);
  streamed.request(1);
  t.same(streamed.deliver([6, 1, 2, 1, { metadata: null }, 0, -1, 1]), []);
  streamed.deliver([1, 1, 3, 0, 2], Buffer.from('he'));
  streamed.deliver([1, 1, 3, 0, 3], Buffer.from('llo'));
  t.equal(answerOf(streamed.deliver([2, 1, 3])).text, 'hello');
  streamed.dispose();
});

void t.test('kv put: strings, buffers, views and streams are sent with their options', async (t) => {
  const values = [
    `'hey'`,
    `new TextEncoder().encode('hey').buffer`,
    `new TextEncoder().encode('_hey_').subarray(1, 4)`,
  ];
  for (const value of values) {
    const guest = await open(
      `await env.KV.put('k', ${value}, { expirationTtl: 60, metadata: { a: [1] } }); return new Response('ok')`,
    );
    t.match(operationOf(guest.request(1)), {
      method: 'put',
      args: { key: 'k', expirationTtl: 60, metadata: { a: [1] } },
      bytes: 'hey',
      streamed: false,
    });
    t.equal(answerOf(answer(guest, 2, null)).text, 'ok');
    guest.dispose();
  }
  const guest = await open(
    `await env.KV.put('k', new Blob(['streamed']).stream()); return new Response('ok')`,
  );
  const lines = guest.request(1);
  t.match(operationOf(lines), { bytes: undefined, streamed: true });
  t.equal(Buffer.from(chunksOf(lines, 2)).toString(), 'streamed');
  t.ok(letters(lines).endsWith('E'));
  guest.dispose();
  const large = await open(
    `await env.KV.put('k', new Uint8Array(${inlineBytes + 1})); return new Response('ok')`,
  );
  const first = large.request(1);
  t.equal(operationOf(first).streamed, true);
  t.equal(chunksOf(first, 2).length, inlineBytes);
  t.equal(letters(large.deliver([4, 1, 2, 10])), 'CE');
  large.dispose();
});

void t.test('kv: wrong values and types are refused before anything is sent', async (t) => {
  for (const call of [`put('k', 5)`, `put('k', {})`, `get('k', 'yaml')`, `get(['a'], 'stream')`]) {
    const guest = await open(`try { await env.KV.${call} } catch (e) { return new Response(e.name) }`);
    const lines = guest.request(1);
    t.equal(letters(lines), 'A', call);
    t.equal(answerOf(lines).text, 'TypeError');
    guest.dispose();
  }
});

void t.test('kv delete and list: arguments and answers pass as they are', async (t) => {
  const guest = await open(
    `await env.KV.delete('k'); return Response.json(await env.KV.list({ prefix: 'p', limit: 5, cursor: 'c', more: 1 }))`,
  );
  t.match(operationOf(guest.request(1)), { method: 'delete', args: { key: 'k' } });
  t.strictSame(operationOf(answer(guest, 2, null)).args, { prefix: 'p', limit: 5, cursor: 'c' });
  const value = { keys: [{ name: 'p1', metadata: { a: 1 } }], list_complete: true };
  t.strictSame(JSON.parse(answerOf(answer(guest, 4, value)).text), value);
  guest.dispose();
});

void t.test('operations: an error of the host keeps its kind and its code', async (t) => {
  const errors: readonly (readonly [object, string])[] = [
    [{ name: 'TypeError', message: 'm' }, 'TypeError|m||true'],
    [{ name: 'HostError', message: 'm', code: 'ERR_KV_KEY' }, 'Error|m|ERR_KV_KEY|true'],
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

void t.test('crypto: digest runs in the host; what it cannot do is refused by name', async (t) => {
  const guest = await open(
    `const d = await crypto.subtle.digest({ name: 'sha-256' }, new TextEncoder().encode('abc'));
     return new Response(d instanceof ArrayBuffer && new Uint8Array(d).toHex())`,
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
  for (const call of [`digest('MD5', new Uint8Array())`, `sign('HMAC')`, `importKey('raw')`]) {
    const refusing = await open(
      `try { await crypto.subtle.${call} } catch (e) { return new Response(e.name) }`,
    );
    t.equal(answerOf(refusing.request(1)).text, 'NotSupportedError', call);
    refusing.dispose();
  }
});
