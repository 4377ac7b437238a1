import process from 'node:process';
import { createAuthBinding } from '#bindings/auth/auth.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { openVault } from '#host/deploy/vault.ts';
import { Mailbox, visitor } from './case.ts';

/** Signs users up until it is killed, and prints each one's address once it was told that it worked. */
const [path = '', keyFile = '', start = '0'] = process.argv.slice(2);
const store = openSqliteStore(path);
const mailbox = new Mailbox();
const binding = createAuthBinding({
  store,
  sealer: await openVault(keyFile, { inUse: false }),
  mailer: mailbox,
  egress: { fetchUnder: () => globalThis.fetch },
  secret: async () => undefined,
});
const who = visitor({ binding, store, mailbox, ahead: 0 }, { verifyEmail: false, perMinute: 100_000 });
for (let i = Number(start); ; i++) {
  const email = `user${i}@example.com`;
  const answer = await who.post(
    '/sign-up/email',
    { name: 'U', email, password: 'correct horse' },
    { cookie: '' },
  );
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  process.stdout.write(`${email}\n`);
}
