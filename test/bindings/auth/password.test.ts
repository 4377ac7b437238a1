import t from 'tap';
import { Passwords } from '#bindings/auth/password.ts';
import { ada, authCase, signUp, visitor } from './case.ts';

/** Of the reference implementation's own tests (phc-winner-argon2, src/test.c): "password", salt "somesalt". */
const known = [
  '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
];

void t.test(
  'passwords: what is stored is argon2id with the parameters of OWASP, and nothing else',
  async (t) => {
    const made = await authCase(t);
    await signUp(made, visitor(made));
    const entries = await made.store.list({ prefix: 'auth/' });
    const values = entries.map(({ value }) => Buffer.from(value).toString());
    const rows = entries
      .filter(({ key }) => key.includes('/r/account/'))
      .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as { readonly password: string });
    t.equal(rows.length, 1);
    t.match(rows[0]?.password, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    t.notOk(values.some((value) => value.includes(ada.password)));
  },
);

void t.test('passwords: hashes of the reference implementation verify, and others do not', async (t) => {
  const passwords = new Passwords();
  for (const hash of known) {
    t.equal(await passwords.verify(hash, 'password'), true);
    t.equal(await passwords.verify(hash, 'Password'), false);
    for (const other of ['argon2i', 'argon2d', 'sha256'])
      t.equal(await passwords.verify(hash.replace('argon2id', other), 'password'), false, other);
    t.equal(await passwords.verify(hash.replace('t=2', 't=3'), 'password'), false);
  }
  for (const text of ['', 'password', '$argon2id$', '$2b$10$abcdefghijklmnopqrstuv'])
    t.equal(await passwords.verify(text, 'password'), false);
});

void t.test('passwords: what is hashed verifies, and no two hashes are the same', async (t) => {
  const passwords = new Passwords();
  const [one, two] = [await passwords.hash('a'), await passwords.hash('a')];
  t.not(one, two);
  t.equal(await passwords.verify(one, 'a'), true);
  t.equal(await passwords.verify(one, 'b'), false);
  const ligature = await passwords.hash('\ufb01sh');
  t.equal(await passwords.verify(ligature, 'fish'), true, 'however it was typed');
});

void t.test('passwords: two are hashed at once and 256 wait; one more is refused', async (t) => {
  const passwords = new Passwords();
  const [cheap = ''] = known;
  const asked = Array.from({ length: 2 + 256 }, () => passwords.verify(cheap, 'password'));
  await t.rejects(passwords.verify(cheap, 'password'), { code: 'ERR_AUTH' });
  t.same(new Set(await Promise.all(asked)), new Set([true]));
  t.equal(await passwords.verify(cheap, 'password'), true, 'then there is room again');
});
