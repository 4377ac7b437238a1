import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Store } from '#bindings/store/store.ts';
import { storeContract } from '#test/contract/store.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const paths = new WeakMap<Store, string>();
const openAt = (path: string, now: () => number): Store => {
  const store = openSqliteStore(path, { now });
  paths.set(store, path);
  return store;
};

storeContract(t, {
  open: async (t, now) => openAt(join(temporaryDir(t), 'store.db'), now),
  reopen: async (store, now) => openAt(paths.get(store) ?? '', now),
});

void t.test('sqlite: expired entries leave the file, in batches, without a write to make them', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  let clock = 1000;
  const store = openSqliteStore(path, { now: () => clock, purgeEveryMs: 5 });
  const value = new Uint8Array(1000);
  const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
  await store.write([
    { kind: 'put', key: 'kept', value },
    { kind: 'put', key: 'later', value, expiresAt: 10_000 },
    ...keys.map((key) => ({ kind: 'put', key, value, expiresAt: 2000 }) as const),
  ]);
  clock = 2000;
  // The clock turned back shows what is still in the file.
  const left = async (): Promise<number> => {
    clock = 1000;
    const entries = await store.list({ prefix: '', keysOnly: true });
    clock = 2000;
    return entries.length;
  };
  while ((await left()) > 2) await new Promise((resolve) => setTimeout(resolve, 5));
  clock = 1000;
  t.same(
    (await store.list({ prefix: '' })).map((entry) => entry.key),
    ['kept', 'later'],
  );
  await store.close();
});

void t.test(
  'sqlite: reads of a turn see none of its writes, those after an acknowledgement all',
  async (t) => {
    const store = openSqliteStore(join(temporaryDir(t), 'store.db'));
    const writing = store.write([{ kind: 'put', key: 'a', value: new Uint8Array(1) }]);
    const early = await store.get('a');
    t.equal(early, undefined);
    await writing;
    t.ok(await store.get('a'));
    await store.close();
  },
);
