import t from 'tap';
import { answerOf, letters } from '#test/support/guest-harness.ts';
import { answer, open, operationOf } from '#test/support/guest-operations.ts';

void t.test('kv list: with values each key gets its part of the answer in the type asked for', async (t) => {
  const keys = [
    { name: 'a', version: '1', size: 2 },
    { name: 'b', version: '2', size: 0, metadata: 1 },
    { name: 'c', version: '3', size: 1 },
  ];
  const cases: readonly (readonly [string, string, readonly unknown[]])[] = [
    [`{ values: true, reverse: true, start: 'a', end: 'z' }`, '12x', ['12', '', 'x']],
    [`{ values: 'arrayBuffer' }`, '12x', [2, 0, 1]],
  ];
  for (const [options, bytes, expected] of cases) {
    const guest = await open(
      `const { keys } = await env.KV.list(${options});
       return Response.json(keys.map(({ value, size }) => size === undefined ? value.byteLength ?? value : 'size'))`,
    );
    t.match(operationOf(guest.request(1)), { method: 'list', args: { values: true } });
    t.strictSame(JSON.parse(answerOf(answer(guest, 2, { keys, list_complete: true }, bytes)).text), expected);
    guest.dispose();
  }
  const json = await open(`return Response.json((await env.KV.list({ values: 'json' })).keys[0].value)`);
  json.request(1);
  const one = { keys: [{ name: 'a', version: '1', size: 7 }], list_complete: true };
  t.equal(answerOf(answer(json, 2, one, '{"a":1}')).text, '{"a":1}');
  json.dispose();
});

void t.test('kv commit: checks and writes go as one operation, values as one body', async (t) => {
  const guest = await open(
    `return Response.json(await env.KV.commit(
      [{ key: 'a', version: '7' }, { key: 'b', version: null }],
      [{ key: 'a', value: 'text', metadata: { m: 1 }, expirationTtl: 60 },
       { key: 'b', value: new Uint8Array([33, 34, 35]).subarray(1) },
       { key: 'c', delete: true }, { key: 'd', increment: -2 }]))`,
  );
  const operation = operationOf(guest.request(1));
  t.match(operation, { method: 'commit', bytes: 'text"#', streamed: false });
  t.strictSame(operation.args, {
    checks: [
      { key: 'a', version: '7' },
      { key: 'b', version: null },
    ],
    writes: [
      { key: 'a', size: 4, expirationTtl: 60, metadata: { m: 1 } },
      { key: 'b', size: 2 },
      { key: 'c', delete: true },
      { key: 'd', increment: -2 },
    ],
  });
  t.equal(answerOf(answer(guest, 2, { ok: false, failed: 'b' })).text, '{"ok":false,"failed":"b"}');
  guest.dispose();
  const calls = [
    `commit(5, [])`,
    `commit([], 'x')`,
    `commit([{ key: 'a' }], [])`,
    `commit([{ key: 'a', version: 7 }], [])`,
    `commit([5], [])`,
    `commit([], [null])`,
    `commit([], [{ key: 'a', value: 5 }])`,
    `commit([], [{ key: 'a', increment: 0.5 }])`,
    `commit([], [{ key: 'a', value: new Blob(['x']).stream() }])`,
    `list({ values: 'stream' })`,
    `list({ values: 'yaml' })`,
    `watch('a', { signal: {} })`,
  ];
  for (const call of calls) {
    const refused = await open(`try { await env.KV.${call} } catch (e) { return new Response(e.name) }`);
    const lines = refused.request(1);
    t.equal(letters(lines), 'A', call);
    t.equal(answerOf(lines).text, 'TypeError');
    refused.dispose();
  }
});

const line = (key: string): string => `${JSON.stringify({ key, kind: 'put', version: '1' })}\n`;

void t.test('kv watch: it is asked for at once, and gives a change for each line', async (t) => {
  const guest = await open(
    `const seen = []; const changes = env.KV.watch('a/', { limit: 3 });
     const second = changes.next().then(() => changes.next());
     await env.KV.list();
     for await (const { key } of changes) seen.push(key);
     return Response.json([...seen, (await second).value.key])`,
  );
  const lines = guest.request(1);
  t.equal(letters(lines), 'OO', 'the watch goes out before what follows it');
  t.match(lines[0]?.json, [2, 'KV', 'watch', { prefix: 'a/', limit: 3 }]);
  answer(guest, 4, { keys: [], list_complete: true });
  guest.deliver([6, 1, 2, 1, null, 0, -1, 1]);
  const first = Buffer.from(line('a/1') + line('a/ü'));
  guest.deliver([1, 1, 3, 0, first.length], first);
  const last = Buffer.from(line('a/3'));
  guest.deliver([1, 1, 3, 0, last.length], last);
  t.equal(answerOf(guest.deliver([2, 1, 3])).text.includes('a/3'), true);
  guest.dispose();
});

void t.test('kv watch: a break, a signal and an error of the host end it as they should', async (t) => {
  const left = await open(`for await (const { key } of env.KV.watch()) break; return new Response('left')`);
  left.request(1);
  left.deliver([6, 1, 2, 1, null, 0, -1, 1]);
  const bytes = Buffer.from(line('a'));
  t.equal(letters(left.deliver([1, 1, 3, 0, bytes.length], bytes)), 'XA', 'the host is told to stop');
  left.dispose();

  const aborted = await open(
    `const stop = new AbortController(); const changes = env.KV.watch('', { signal: stop.signal });
     const next = changes.next(); await env.KV.list(); stop.abort(new Error('enough'));
     return new Response(await next.catch((e) => e.message) + (await changes.next().catch((e) => e.message)))`,
  );
  aborted.request(1);
  aborted.deliver([6, 1, 2, 1, null, 0, -1, 1]);
  const lines = answer(aborted, 4, { keys: [], list_complete: true });
  t.equal(letters(lines), 'XA');
  t.equal(answerOf(lines).text, 'enoughenough');
  aborted.dispose();

  const refused = await open(
    `const changes = env.KV.watch(); await env.KV.list();
     return new Response(await changes.next().catch((e) => e.code))`,
  );
  refused.request(1);
  refused.deliver([6, 1, 2, 0, { name: 'Error', message: 'no', code: 'ERR_NOT_GRANTED' }, 0, -1, 0]);
  const answered = answer(refused, 4, { keys: [], list_complete: true });
  t.equal(answerOf(answered).text, 'ERR_NOT_GRANTED');
  refused.dispose();

  const returned = await open(
    `const changes = env.KV.watch(); await changes.return();
     return new Response(String((await changes.next()).done))`,
  );
  const sent = returned.request(1);
  t.equal(letters(sent), 'OKA', 'one that was not answered yet is given up');
  t.equal(answerOf(sent).text, 'true');
  returned.dispose();

  const over = await open(`env.KV.watch('', { signal: AbortSignal.abort(new Error('before')) })`);
  t.match(over.request(1)[0]?.json, ['Error', 'before'], 'nothing is asked for');
  over.dispose();
});
