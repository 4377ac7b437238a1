import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { Test } from 'tap';
import { lockDataDir } from '#bindings/store/lock.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Change, Store } from '#bindings/store/store.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const put = (key: string, bytes = 100): Change => ({
  kind: 'put',
  key,
  value: new Uint8Array(bytes).fill(7),
});

async function filled(path: string, entries: number): Promise<void> {
  const store = openSqliteStore(path);
  await store.write(Array.from({ length: entries }, (_, index) => put(`k${index}`, 2000)));
  await store.close();
}

void t.test('sqlite: a file that is no store is refused and left byte for byte', async (t) => {
  const dir = temporaryDir(t);
  const foreign = join(dir, 'foreign.db');
  const other = new DatabaseSync(foreign);
  other.exec('CREATE TABLE theirs (x)');
  other.close();
  const truncated = join(dir, 'truncated.db');
  const scribbled = join(dir, 'scribbled.db');
  await filled(truncated, 50);
  await filled(scribbled, 50);
  writeFileSync(truncated, readFileSync(truncated).subarray(0, 20_000));
  const bytes = readFileSync(scribbled);
  bytes.fill(0xa5, 4096 * 3, 4096 * 9);
  writeFileSync(scribbled, bytes);
  writeFileSync(join(dir, 'short.db'), 'h');
  writeFileSync(join(dir, 'text.db'), 'this is no database\n'.repeat(500));
  writeFileSync(
    join(dir, 'header.db'),
    Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(9000, 0xff)]),
  );
  for (const name of ['foreign', 'truncated', 'scribbled', 'short', 'text', 'header']) {
    const path = join(dir, `${name}.db`);
    const before = readFileSync(path);
    t.throws(() => openSqliteStore(path), { code: 'ERR_STORE_CORRUPT' }, name);
    t.equal(Buffer.compare(readFileSync(path), before), 0, `${name} is as it was`);
  }
});

void t.test('sqlite: a store of a newer islet is refused and left byte for byte', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  await filled(path, 1);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 2');
  database.close();
  const before = readFileSync(path);
  t.throws(() => openSqliteStore(path), { code: 'ERR_STORE_VERSION' });
  t.equal(Buffer.compare(readFileSync(path), before), 0);
});

void t.test('sqlite: an empty file, and one left by a creation cut short, become stores', async (t) => {
  const dir = temporaryDir(t);
  writeFileSync(join(dir, 'empty.db'), '');
  const started = new DatabaseSync(join(dir, 'started.db'));
  started.exec('PRAGMA journal_mode = WAL');
  started.close();
  for (const name of ['empty.db', 'started.db']) {
    const store = openSqliteStore(join(dir, name));
    t.equal((await store.write([put('a')])).ok, true);
    await store.close();
  }
});

void t.test('sqlite: only the owner may read the file and its log', async (t) => {
  const dir = temporaryDir(t);
  const store = openSqliteStore(join(dir, 'store.db'));
  await store.write([put('a')]);
  for (const name of readdirSync(dir)) t.equal(statSync(join(dir, name)).mode & 0o077, 0, name);
  await store.close();
});

void t.test('sqlite: a missing folder is ERR_STORE', async (t) => {
  t.throws(() => openSqliteStore(join(temporaryDir(t), 'none', 'store.db')), { code: 'ERR_STORE' });
});

void t.test('sqlite: a second opener is refused, in this process and in another', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  const store = openSqliteStore(path);
  t.throws(() => openSqliteStore(path), { code: 'ERR_STORE_LOCKED' });
  const program = `import { openSqliteStore } from '#bindings/store/sqlite.ts';
    try { openSqliteStore(process.argv[1]); } catch (error) { console.log(error.code); }`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program, path], {
    encoding: 'utf8',
  });
  t.equal(child.stdout.trim(), 'ERR_STORE_LOCKED', child.stderr);
  await store.write([put('a')]);
  await store.close();
  const next = openSqliteStore(path);
  t.ok(await next.get('a'));
  await next.close();
});

void t.test('lock: one host on a data directory; the next is told who has it', async (t) => {
  const dir = temporaryDir(t);
  const lock = lockDataDir(dir);
  t.throws(() => lockDataDir(dir), {
    code: 'ERR_STORE_LOCKED',
    message: new RegExp(`${dir}.*${process.pid}`),
  });
  t.throws(() => lockDataDir(dir), { code: 'ERR_STORE_LOCKED' });
  lock.release();
  lock.release();
  t.notOk(existsSync(join(dir, 'host.pid')));
  lockDataDir(dir).release();
  t.throws(() => lockDataDir(join(dir, 'none')), { code: 'ERR_DATA_DIR' });
});

void t.test('lock: a host that was killed leaves no lock behind', async (t) => {
  const dir = temporaryDir(t);
  const program = `import { lockDataDir } from '#bindings/store/lock.ts';
    lockDataDir(process.argv[1]); process.kill(process.pid, 'SIGKILL');`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program, dir], {
    encoding: 'utf8',
  });
  t.equal(child.signal, 'SIGKILL', child.stderr);
  t.ok(existsSync(join(dir, 'host.pid')), 'it had the lock');
  lockDataDir(dir).release();
});

void t.test('lock: garbage in the way of the lock is refused by code', async (t) => {
  const dir = temporaryDir(t);
  appendFileSync(join(dir, 'host.lock'), 'garbage '.repeat(1000));
  t.throws(() => lockDataDir(dir), { code: 'ERR_STORE_CORRUPT' });
});

async function fillUp(store: Store): Promise<readonly string[]> {
  const kept: string[] = [];
  for (let index = 0; ; index += 1) {
    const key = `fill${index}`;
    try {
      await store.write([put(key, 20_000)]);
      kept.push(key);
    } catch {
      return kept;
    }
  }
}

/** The law of a full store, over whatever makes it full. */
async function holdsWhenFull(t: Test, store: Store, reopen: () => Store): Promise<void> {
  await store.write([put('before')]);
  const kept = await fillUp(store);
  t.ok(kept.length > 0);
  await t.rejects(store.write([put('large', 5_000_000)]), { code: 'ERR_STORE_FULL' });
  const results = await Promise.allSettled([
    store.write([put('before', 50)]),
    store.write([put('large', 5_000_000)]),
    store.write([], [{ key: 'absent', revision: 0 }]),
  ]);
  t.equal(results[1].status, 'rejected');
  t.equal(results[0].status, 'fulfilled', 'a write that fits is not failed by its neighbour');
  for (const key of kept) t.equal((await store.get(key))?.value.length, 20_000);
  t.equal(await store.get('large'), undefined);
  await store.close();
  const again = reopen();
  t.equal((await again.get('before'))?.value.length, 50);
  t.same(
    (await again.list({ prefix: 'fill', keysOnly: true })).map((entry) => entry.key).sort(),
    [...kept].sort(),
  );
  await again.write(kept.map((key) => ({ kind: 'delete', key })));
  t.equal((await again.write([put('after', 20_000)])).ok, true, 'what is freed can be used');
  await again.close();
}

void t.test('sqlite: at maxBytes a write is ERR_STORE_FULL, reads go on, nothing is lost', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  const open = (): Store => openSqliteStore(path, { maxBytes: 500_000 });
  await holdsWhenFull(t, open(), open);
});
