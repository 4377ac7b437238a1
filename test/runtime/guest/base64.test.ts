import { randomBytes } from 'node:crypto';
import t from 'tap';
import { decodeSlow, encodeSlow, fromBase64, toBase64, toHex } from '#runtime/guest/base64.ts';

const samples = [...Array.from({ length: 20 }, (_, length) => randomBytes(length)), randomBytes(4097)];

void t.test('base64: V8 and the code for those without it write what Node writes', async (t) => {
  for (const sample of samples) {
    const text = sample.toString('base64');
    for (const encode of [toBase64, encodeSlow]) t.equal(encode(sample), text);
    t.equal(toHex(sample), sample.toString('hex'));
    for (const decode of [fromBase64, decodeSlow]) {
      t.same([...decode(text)], [...sample]);
      t.same([...decode(text.replace(/=+$/, ''))], [...sample], 'without padding');
      t.same([...decode(` ${text.slice(0, 2)}\n${text.slice(2)}\t`)], [...sample], 'with white space');
    }
  }
});

void t.test('base64: both refuse the same texts', async (t) => {
  for (const text of ['a', 'ab-d', 'ab_d', 'abc=d', 'ab=', 'abcd=', 'a===', '====', 'ä', 'abc\u0141', '\0'])
    for (const decode of [fromBase64, decodeSlow]) t.throws(() => decode(text), JSON.stringify(text));
});
