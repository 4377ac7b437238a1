import { copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { makeLogRoom } from '#bindings/store/log-room.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Store } from '#bindings/store/store.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const roomBytes = 4.5 * 1024 * 1024;

async function writeEach(store: Store, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index += 1) {
    await store.write([{ kind: 'put', key: `k${index}`, value: Buffer.from(`${index}`) }]);
  }
}

/** What a crash at this moment would leave, opened. */
async function afterCrash(t: Test, path: string): Promise<Store> {
  const copy = join(temporaryDir(t), 'store.db');
  copyFileSync(path, copy);
  copyFileSync(`${path}-wal`, `${copy}-wal`);
  const store = openSqliteStore(copy);
  t.teardown(() => store.close());
  return store;
}

void t.test('sqlite: what is written while the log gets its room, and after, survives a crash', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  const store = openSqliteStore(path);
  t.teardown(() => store.close());
  let count = 0;
  do {
    await writeEach(store, count, count + 10);
    count += 10;
    await sleep(1);
  } while (statSync(`${path}-wal`).size < roomBytes && count < 4000);
  t.equal(statSync(`${path}-wal`).size, roomBytes);
  await writeEach(store, count, count + 10);
  t.equal(statSync(`${path}-wal`).size, roomBytes, 'and is written in place from then on');
  const crashed = await afterCrash(t, path);
  const found = await crashed.list({ prefix: 'k' });
  t.same(
    found.map(({ value }) => Number(Buffer.from(value).toString())).sort((a, b) => a - b),
    Array.from({ length: count + 10 }, (_, index) => index),
  );
});

void t.test(
  'sqlite: a log that begins again at the front keeps its room and what is acknowledged',
  async (t) => {
    const path = join(temporaryDir(t), 'store.db');
    const store = openSqliteStore(path);
    t.teardown(() => store.close());
    // More than a thousand pages: SQLite has moved them to the database and begun again.
    await writeEach(store, 0, 1500);
    await writeEach(store, 0, 1500);
    const crashed = await afterCrash(t, path);
    t.equal((await crashed.list({ prefix: 'k', keysOnly: true })).length, 1500);
    await store.close();
    t.notOk(existsSync(`${path}-wal`), 'and goes with a store that is closed');
  },
);

void t.test('log room: files that are long enough, or not there, are left', async (t) => {
  const dir = temporaryDir(t);
  const path = join(dir, 'log');
  writeFileSync(path, Buffer.alloc(roomBytes, 1));
  await makeLogRoom(path, new AbortController().signal);
  t.equal(statSync(path).size, roomBytes);
  await makeLogRoom(join(dir, 'other'), new AbortController().signal);
  t.notOk(existsSync(join(dir, 'other')));
  writeFileSync(path, '');
  await makeLogRoom(path, AbortSignal.abort());
  t.equal(statSync(path).size, 0, 'nor is one of a store that is closed');
});
