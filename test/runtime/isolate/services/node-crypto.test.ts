import { createHash, scryptSync } from 'node:crypto';
import t from 'tap';
import { serveNow } from '#runtime/isolate/services/now.ts';
import { closeTab } from '#runtime/isolate/services/desk.ts';
import { createPayer, type TestPayer } from '#test/support/services.ts';

const KiB = 1024;

interface Told {
  readonly name?: string;
  readonly value?: unknown;
  readonly bytes?: string;
}

async function ask(payer: TestPayer, method: string, args: unknown, bytes = new Uint8Array()): Promise<Told> {
  const copy = Uint8Array.from(bytes).buffer;
  const [ok, json, out] = await serveNow(payer.desk, payer, {
    method,
    args: JSON.stringify(args),
    bytes: copy,
  });
  if (ok === 0) return { name: (JSON.parse(json) as { name: string }).name };
  return {
    value: JSON.parse(json) as unknown,
    bytes: out === undefined ? '' : Buffer.from(out).toString('hex'),
  };
}

void t.test('hash: in parts, copied, and whole are the same', async (t) => {
  const payer = createPayer(1e9);
  const part = new Uint8Array(200 * KiB).fill(5);
  const { value: state } = await ask(payer, 'hash', ['sha256', -1, 0, 'more', null], part);
  await ask(payer, 'hash', ['sha256', -1, state, 'more', null], part);
  const { value: copy } = await ask(payer, 'hash', ['sha256', -1, state, 'copy', null]);
  const ended = await ask(payer, 'hash', ['sha256', -1, state, 'end', null], part);
  const expected = createHash('sha256').update(part).update(part);
  t.equal((await ask(payer, 'hash', ['sha256', -1, copy, 'end', null])).bytes, expected.copy().digest('hex'));
  t.equal(ended.bytes, expected.update(part).digest('hex'));
  t.equal((await ask(payer, 'hash', ['sha256', -1, state, 'end', null])).name, 'Error', 'it is gone');
});

void t.test('hash: what is under way ends with its invocation', async (t) => {
  const payer = createPayer(1e9);
  const { value: state } = await ask(payer, 'hash', ['sha256', -1, 0, 'more', null]);
  closeTab(payer);
  t.equal((await ask(payer, 'hash', ['sha256', -1, state, 'end', null])).name, 'Error');
});

void t.test(
  'scrypt: memory is bounded by what was asked and by 64 MB, and one byte more is refused',
  async (t) => {
    const payer = createPayer(1e9);
    const scrypt = (N: number, maxmem: number): Promise<Told> =>
      ask(payer, 'scrypt', [N, 8, 1, maxmem, 8, 0]);
    t.equal((await scrypt(1024, 1024 * KiB)).bytes, scryptSync('', '', 8, { N: 1024 }).toString('hex'));
    t.equal((await scrypt(1024, 1024 * KiB - 1)).name, 'RangeError');
    t.equal((await scrypt(65_536, 2 ** 40)).name, undefined, '64 MB');
    t.equal((await scrypt(131_072, 2 ** 40)).name, 'RangeError', '128 MB');
  },
);

void t.test('derivations: nothing is begun that the budget does not cover', async (t) => {
  for (const [method, args] of [
    ['pbkdf2', ['sha256', 2 ** 31 - 1, 32, 0]],
    ['pbkdf2', ['sha512', 100_000, 2 ** 20, 0]],
    ['scrypt', [65_536, 8, 1000, 2 ** 40, 32, 0]],
  ] as const) {
    const payer = createPayer(1000);
    t.equal((await ask(payer, method, args)).name, 'OperationError');
    t.equal(payer.over, 'cpuMs');
  }
});

void t.test('keys: one that is encrypted is refused, however long it would take to open', async (t) => {
  const payer = createPayer(1e9);
  const pem =
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMFcwSQYJKoZIhvcNAQUNMDw=\n-----END ENCRYPTED PRIVATE KEY-----\n';
  const form = { kind: 'private', length: pem.length, format: 'pem', passphrase: 'x' };
  t.ok((await ask(payer, 'keys', [form], Buffer.from(pem))).name);
});

void t.test('services of node:crypto: a runtime that lies gets an error, never more', async (t) => {
  const payer = createPayer(1e9);
  const odd: unknown[] = [
    null,
    -1,
    0,
    1,
    1e300,
    '',
    'sha256',
    'open',
    'final',
    'aes-128-gcm',
    [],
    {},
    { kind: 'private', length: 3, format: 'der', type: 'pkcs8' },
    { length: 1e9 },
    true,
  ];
  const bytes = new Uint8Array(48).fill(1);
  let asked = 0;
  for (const method of ['hash', 'cipher', 'pbkdf2', 'scrypt', 'hkdf', 'keys', 'keys.export', 'signature'])
    for (const first of odd)
      for (const second of odd)
        for (const count of [0, 2, 4]) {
          const args = [first, second, ...Array<unknown>(count).fill(second)];
          const told = await ask(payer, method, args, bytes);
          if (told.name !== undefined && typeof told.name !== 'string')
            t.fail(`${method} ${JSON.stringify(args)}`);
          asked++;
        }
  t.ok(asked > 5000);
  t.equal((await ask(payer, 'hash', ['sha1', -1, 0, 'end', null])).bytes, createHash('sha1').digest('hex'));
});
