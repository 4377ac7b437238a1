import t from 'tap';
import type { Reply } from '#runtime/isolate/services/desk.ts';
import { createPayer } from '#test/support/services.ts';

type Payer = ReturnType<typeof createPayer>;

const ask = async (payer: Payer, args: readonly unknown[], bytes: readonly number[]): Promise<unknown> => {
  const asked = { method: 'decode', args, bytes: new Uint8Array(bytes) };
  const reply = (await payer.desk.ask(payer, asked)) as Reply;
  return reply.ok ? reply.value : reply.error.name;
};

void t.test('decode: a text in one piece, and a piece that is malformed', async (t) => {
  const payer = createPayer(1e9);
  t.strictSame(await ask(payer, ['shift_jis', false, false, 0], [0x83, 0x65, 0x83, 0x58]), [0, 'テス']);
  t.strictSame(await ask(payer, ['shift_jis', true, false, 0], [0x83]), [0, null]);
  t.strictSame(await ask(payer, ['shift_jis', false, false, 0], [0x83]), [0, '\ufffd']);
});

void t.test('decode: what a piece leaves over waits for the next, in texts of their own', async (t) => {
  const payer = createPayer(1e9);
  t.strictSame(await ask(payer, ['euc-kr', false, true, 0], [0xb0]), [1, '']);
  t.strictSame(await ask(payer, ['gbk', false, true, 0], [0xc4]), [2, '']);
  t.strictSame(await ask(payer, ['euc-kr', false, true, 1], [0xa1, 0xb0]), [1, '가']);
  t.strictSame(await ask(payer, ['euc-kr', false, false, 1], [0xa1]), [0, '가']);
  t.strictSame(await ask(payer, ['gbk', false, false, 2], [0xe3]), [0, '你']);
  t.equal(await ask(payer, ['gbk', false, false, 2], [0xe3]), 'TypeError', 'a text that ended is over');
});

void t.test('decode: 16 KB at once, not a byte more', async (t) => {
  const payer = createPayer(1e9);
  const most = Array.from({ length: 16 * 1024 }, () => 0x61);
  t.strictSame(await ask(payer, ['big5', false, false, 0], most), [0, 'a'.repeat(most.length)]);
  t.equal(await ask(payer, ['big5', false, false, 0], [...most, 0x61]), 'RangeError');
});

void t.test('decode: 256 texts may be under way; one more gives up the oldest', async (t) => {
  const payer = createPayer(1e9);
  for (let text = 1; text <= 256; text++)
    t.strictSame(await ask(payer, ['gbk', false, true, 0], [0xc4]), [text, '']);
  t.strictSame(await ask(payer, ['gbk', false, true, 1], []), [1, '']);
  t.strictSame(await ask(payer, ['gbk', false, true, 0], [0xc4]), [257, '']);
  t.equal(await ask(payer, ['gbk', false, false, 1], [0xe3]), 'TypeError');
  t.strictSame(await ask(payer, ['gbk', false, false, 2], [0xe3]), [0, '你']);
});

void t.test('decode: arguments that make no sense are refused', async (t) => {
  const payer = createPayer(1e9);
  t.equal(await ask(payer, ['utf-8', false, false, 0], []), 'NotSupportedError');
  t.equal(await ask(payer, [['gbk'], false, false, 0], []), 'NotSupportedError');
  for (const text of [-1, 1.5, 'a', null, {}, 7])
    t.equal(await ask(payer, ['gbk', false, true, text], [0x61]), 'TypeError', JSON.stringify(text));
});
