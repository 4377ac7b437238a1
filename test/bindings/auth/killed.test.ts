import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createAuthBinding } from '#bindings/auth/auth.ts';
import { Places } from '#bindings/auth/places.ts';
import { compare } from '#bindings/auth/where.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { openVault } from '#host/deploy/vault.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { Mailbox, visitor } from './case.ts';

const program = fileURLToPath(new URL('signing-up.ts', import.meta.url));

/** Lets the program sign `many` users up, then kills it; gives the addresses it printed. */
async function killAfter(args: readonly string[], many: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > many) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .trimEnd()
    .split('\n');
}

void t.test(
  'auth: after kill -9 every user that was told so can sign in, and none is there by half',
  async (t) => {
    const dir = temporaryDir(t);
    const [path, keyFile] = [join(dir, 'store.db'), join(dir, 'key')];
    const told: string[] = [];
    for (let round = 0; round < 2; round++)
      told.push(...(await killAfter([path, keyFile, String(round * 1000)], 5 + round * 4)));
    t.ok(told.length >= 14);
    const store = openSqliteStore(path);
    const binding = createAuthBinding({
      store,
      sealer: await openVault(keyFile, { inUse: true }),
      mailer: new Mailbox(),
      egress: { fetchUnder: () => globalThis.fetch },
      secret: async () => undefined,
    });
    t.teardown(async () => {
      await binding.close();
      await store.close();
    });
    const who = visitor(
      { binding, store, mailbox: new Mailbox(), ahead: 0 },
      { verifyEmail: false, perMinute: 100_000 },
    );
    for (const email of told) {
      const answer = await who.post('/sign-in/email', { email, password: 'correct horse' }, { cookie: '' });
      t.equal(answer.status, 200, email);
    }
    const places = new Places('default', 'shop/BOUND');
    const rows = async (model: string): Promise<Record<string, unknown>[]> =>
      (await store.list({ prefix: places.rows(model) })).map(
        ({ value }) => JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>,
      );
    const [users, accounts] = [await rows('user'), await rows('account')];
    t.same(
      users.map(({ id }) => String(id)).sort(compare),
      accounts.map(({ userId }) => String(userId)).sort(compare),
      'a user and its password are one write',
    );
    const found = await Promise.all(
      users.map(async ({ email }) => store.get(places.unique('user', 'email', email))),
    );
    t.ok(
      found.every((entry) => entry !== undefined),
      'each is found by address',
    );
    t.ok(users.length <= told.length + 2, 'no more than were under way');
  },
);
