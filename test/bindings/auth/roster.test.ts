import t from 'tap';
import { Places } from '#bindings/auth/places.ts';
import type { Range, Store } from '#bindings/store/store.ts';
import { temporaryStore } from '#test/support/store-files.ts';
import { ada, authCase, operate, signUp, visitor } from './case.ts';

/** A store that tells how it is listed. */
function listened(store: Store): { readonly store: Store; readonly ranges: Range[] } {
  const ranges: Range[] = [];
  return {
    ranges,
    store: {
      get: (key) => store.get(key),
      write: (changes, checks) => store.write(changes, checks),
      watch: (prefix, signal) => store.watch(prefix, signal),
      close: () => store.close(),
      list: async (range) => {
        ranges.push(range);
        return await store.list(range);
      },
    },
  };
}

const places = new Places('default', 'main');
const many = 5000;

/** Users made in an order that is not that of their ids. */
async function fill(store: Store): Promise<void> {
  const changes = Array.from({ length: many }, (_, i) => {
    const id = `u${(i * 7919) % many}`;
    const at = new Date(1_700_000_000_000 + i).toISOString();
    const row = {
      id,
      email: `user${i}@example.com`,
      emailVerified: true,
      name: '',
      createdAt: at,
      updatedAt: at,
    };
    return { kind: 'put', key: places.row('user', id), value: Buffer.from(JSON.stringify(row)) } as const;
  });
  for (let i = 0; i < many; i += 500) await store.write(changes.slice(i, i + 500));
}

interface Listed {
  readonly users: readonly { readonly email: string }[];
  readonly total: number;
}

void t.test(
  'auth roster: thousands are listed in the order they were made, a page of rows at a time',
  async (t) => {
    const { store, ranges } = listened(temporaryStore(t));
    const made = await authCase(t, { store });
    const who = visitor(made, { pool: 'main', admin: true });
    await fill(store);
    const list = async (args: object): Promise<Listed> => (await operate(who, 'users.list', args)) as Listed;
    await list({ limit: 1 });
    ranges.length = 0;
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const page = await list({ limit: 1000, offset: 2500 });
    clearInterval(timer);
    t.equal(page.total, many);
    t.same(
      page.users.map(({ email }) => email),
      Array.from({ length: 1000 }, (_, i) => `user${2500 + i}@example.com`),
    );
    t.same(new Set(ranges.map(({ limit }) => limit)), new Set([500]));
    t.equal(ranges.length, many / 500 + 1, 'one pass');
    t.ok(turns > 0, 'and others had their turn');
    t.same(
      (await list({ search: 'USER499' })).users.map(({ email }) => email),
      ['user499@example.com', ...Array.from({ length: 10 }, (_, i) => `user499${i}@example.com`)],
    );
    t.same(await list({ search: 'nobody' }), { users: [], total: 0 });
    t.same((await list({ offset: many })).users, []);
    t.equal((await list({ offset: many - 1 })).users.length, 1);
  },
);

void t.test('auth roster: what strangers ask for reads no whole model', async (t) => {
  const { store, ranges } = listened(temporaryStore(t));
  const made = await authCase(t, { store });
  const who = visitor(made, { pool: 'main' });
  await signUp(made, who);
  ranges.length = 0;
  await who.post('/request-password-reset', { email: ada.email });
  await who.post('/request-password-reset', { email: 'nobody@example.com' });
  await who.post('/reset-password', { token: 'x', newPassword: 'a wholly new password' });
  t.same(
    ranges.filter(({ prefix }) => /\/r\/(?:user|verification|session|account)\/$/.test(prefix)),
    [],
  );
});
