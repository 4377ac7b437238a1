import { Buffer } from 'node:buffer';
import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call, get } from '#test/support/kv-calls.ts';
import { temporaryStore } from '#test/support/store-files.ts';

void t.test(
  'kv text: a short value that is UTF-8 comes within the message, any other as bytes',
  async (t) => {
    const grant = grantOf(createKvBinding(temporaryStore(t)));
    const cases: readonly (readonly [string, Buffer, boolean])[] = [
      ['empty', Buffer.from(''), true],
      ['text', Buffer.from('grüß\0\u{10000}'), true],
      ['most', Buffer.alloc(4096, 'x'), true],
      ['more', Buffer.alloc(4097, 'x'), false],
      ['binary', Buffer.from([0xff, 0xfe]), false],
      ['cut', Buffer.from('ü').subarray(0, 1), false],
      ['marked', Buffer.from('\u{feff}x'), false],
    ];
    for (const [key, bytes, within] of cases) {
      await grant.call({ method: 'put', args: { key, metadata: 1 }, bytes: new Uint8Array(bytes) });
      const answer = await grant.call({ method: 'get', args: { key, text: true } });
      t.match(
        answer.value,
        { metadata: 1, version: String, text: within ? bytes.toString() : undefined },
        key,
      );
      t.same(
        answer.bytes === undefined ? undefined : Buffer.from(answer.bytes),
        within ? undefined : bytes,
        key,
      );
      t.notOk(
        'text' in ((await grant.call({ method: 'get', args: { key } })).value as object),
        'unasked it is bytes',
      );
    }
    t.equal((await grant.call({ method: 'get', args: { key: 'none', text: true } })).value, null);
  },
);

void t.test('kv text: a put may bring its value as text', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await call(grant, 'put', { key: 'k', text: 'grüß' });
  t.equal(await get(grant, 'k'), 'grüß');
  await call(grant, 'put', { key: 'k', text: 'text' }, 'body');
  t.equal(await get(grant, 'k'), 'body', 'a body is what counts');
  await t.rejects(call(grant, 'put', { key: 'k', text: 7 }), TypeError);
  await t.rejects(call(grant, 'put', { key: 'k', text: 'x'.repeat(26_214_401) }), { code: 'ERR_KV_VALUE' });
});
