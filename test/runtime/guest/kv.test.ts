import t from 'tap';
import { inlineBytes } from '#runtime/guest/protocol.ts';
import { answerOf, chunksOf, letters } from '#test/support/guest-harness.ts';
import { answer, open, operationOf } from '#test/support/guest-operations.ts';

void t.test('kv get: each type gives the value its own way; absent is null', async (t) => {
  const types: readonly (readonly [string, string])[] = [
    [`await env.KV.get('k')`, '{"a":1}'],
    [`(await env.KV.get('k', 'json')).a`, '1'],
    [`(await env.KV.get('k', { type: 'json' })).a`, '1'],
    [`new Uint8Array(await env.KV.get('k', 'arrayBuffer')).length`, '7'],
    [`await new Response(await env.KV.get('k', 'stream')).text()`, '{"a":1}'],
    [
      `JSON.stringify(await env.KV.getWithMetadata('k', 'json'))`,
      '{"value":{"a":1},"metadata":{"m":2},"version":"7","cacheStatus":null}',
    ],
  ];
  for (const [expression, expected] of types) {
    const guest = await open(`return new Response(String(${expression}))`);
    t.match(operationOf(guest.request(1)), { op: 2, binding: 'KV', method: 'get', args: { key: 'k' } });
    t.equal(
      answerOf(answer(guest, 2, { metadata: { m: 2 }, version: '7' }, '{"a":1}')).text,
      expected,
      expression,
    );
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
    '[null,null,{"value":null,"metadata":null,"version":null,"cacheStatus":null}]',
  );
  guest.dispose();
});

void t.test('kv get: text and json are asked for as text, and may come within the message', async (t) => {
  const calls: readonly (readonly [string, object, string])[] = [
    [`get('k')`, { key: 'k', text: true }, '"{\\"a\\":1}"'],
    [`get('k', 'json')`, { key: 'k', text: true }, '{"a":1}'],
  ];
  for (const [call, args, expected] of calls) {
    const guest = await open(`return Response.json(await env.KV.${call})`);
    t.strictSame(operationOf(guest.request(1)).args, args);
    t.equal(answerOf(answer(guest, 2, { metadata: null, version: '1', text: '{"a":1}' })).text, expected);
    guest.dispose();
  }
  for (const type of ['arrayBuffer', 'stream']) {
    const guest = await open(`return new Response(await env.KV.get('k', '${type}'))`);
    t.strictSame(operationOf(guest.request(1)).args, { key: 'k' }, type);
    guest.dispose();
  }
});

void t.test('kv get: several keys give a Map; a streamed value arrives whole', async (t) => {
  const many = await open(`return Response.json([...await env.KV.get(['a', 'b', 'c'])])`);
  t.match(operationOf(many.request(1)), { method: 'getMany', args: { keys: ['a', 'b', 'c'] } });
  const heads = [
    { metadata: null, version: '1', size: 2 },
    null,
    { metadata: { m: 1 }, version: '2', size: 1 },
  ];
  t.equal(answerOf(answer(many, 2, heads, 'aac')).text, '[["a","aa"],["b",null],["c","c"]]');
  many.dispose();
  const withMetadata = await open(
    `return Response.json([...await env.KV.getWithMetadata(['a', 'b', 'c'], 'json')])`,
  );
  withMetadata.request(1);
  t.strictSame(JSON.parse(answerOf(answer(withMetadata, 2, heads, '127')).text), [
    ['a', { value: 12, metadata: null, version: '1', cacheStatus: null }],
    ['b', { value: null, metadata: null, version: null, cacheStatus: null }],
    ['c', { value: 7, metadata: { m: 1 }, version: '2', cacheStatus: null }],
  ]);
  withMetadata.dispose();
  const streamed = await open(`return new Response(await env.KV.get('k'))`);
  streamed.request(1);
  t.same(streamed.deliver([6, 1, 2, 1, { metadata: null }, 0, -1, 1]), []);
  streamed.deliver([1, 1, 3, 0, 2], Buffer.from('he'));
  streamed.deliver([1, 1, 3, 0, 3], Buffer.from('llo'));
  t.equal(answerOf(streamed.deliver([2, 1, 3])).text, 'hello');
  streamed.dispose();
});

void t.test('kv put: strings, buffers, views and streams are sent with their options', async (t) => {
  const text = await open(
    `await env.KV.put('k', 'h\\ud800y', { metadata: 1 }); await env.KV.put('k', 'x'.repeat(4097)); return new Response('ok')`,
  );
  const short = operationOf(text.request(1));
  t.match(short, { method: 'put', args: { key: 'k', metadata: 1, text: 'h\ud800y' }, bytes: undefined });
  const long = operationOf(answer(text, 2, { ok: true, version: '1' }));
  t.strictSame([long.args, long.bytes?.length], [{ key: 'k' }, 4097], 'longer text goes as bytes');
  text.dispose();
  const values = [
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
  const calls = [
    `put('k', 5)`,
    `put('k', {})`,
    `get('k', 'yaml')`,
    `get(['a'], 'stream')`,
    `put('k', 'v', { ifVersion: 7 })`,
    `put('k', 'v', { ifVersion: () => '7' })`,
    `put('k', 'v', { ifAbsent: 1 })`,
    `increment('k', '1')`,
    `increment('k', 1n)`,
    `increment('k', 0.5)`,
    `increment('k', NaN)`,
  ];
  for (const call of calls) {
    const guest = await open(`try { await env.KV.${call} } catch (e) { return new Response(e.name) }`);
    const lines = guest.request(1);
    t.equal(letters(lines), 'A', call);
    t.equal(answerOf(lines).text, 'TypeError');
    guest.dispose();
  }
});

void t.test('kv put: with a condition it says whether it wrote, without one nothing', async (t) => {
  const cases: readonly (readonly [string, object, object | undefined])[] = [
    [`{ ifVersion: '7' }`, { key: 'k', ifVersion: '7' }, { ok: true, version: '8' }],
    [`{ ifVersion: null }`, { key: 'k', ifVersion: null }, { ok: false }],
    [
      `{ ifAbsent: true, metadata: 1 }`,
      { key: 'k', metadata: 1, ifAbsent: true },
      { ok: true, version: '8' },
    ],
    [`{ ifAbsent: false, ifVersion: undefined }`, { key: 'k' }, undefined],
    [`undefined`, { key: 'k' }, undefined],
  ];
  for (const [options, args, expected] of cases) {
    const guest = await open(
      `return Response.json([await env.KV.put('k', 'v', ${options})].map((r) => r ?? 'none'))`,
    );
    t.strictSame(operationOf(guest.request(1)).args, { ...args, text: 'v' }, options);
    const lines = answer(guest, 2, expected ?? { ok: true, version: '8' });
    t.strictSame(JSON.parse(answerOf(lines).text), [expected ?? 'none'], options);
    guest.dispose();
  }
});

void t.test('kv increment: adds 1 or what is given, and gives the sum', async (t) => {
  const guest = await open(
    `return Response.json([await env.KV.increment('k'), await env.KV.increment('k', -5)])`,
  );
  t.match(operationOf(guest.request(1)), { method: 'increment', args: { key: 'k', delta: 1 } });
  const second = operationOf(answer(guest, 2, { value: 3, version: '1' }));
  t.strictSame(second.args, { key: 'k', delta: -5 });
  t.equal(answerOf(answer(guest, second.op, { value: -2, version: '2' })).text, '[3,-2]');
  guest.dispose();
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
