import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Change } from '#bindings/store/store.ts';
import { mountSmallDisk } from '#test/support/small-disk.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const put = (key: string, bytes: number): Change => ({
  kind: 'put',
  key,
  value: new Uint8Array(bytes).fill(7),
});

const dir = temporaryDir(t);
const refused = mountSmallDisk(dir, '2m');
const options = refused === undefined ? {} : { skip: `no small disk can be mounted here: ${refused}` };

void t.test(
  'sqlite: on a full disk a write is ERR_STORE_FULL, reads go on, nothing is lost',
  options,
  async (t) => {
    t.teardown(() => spawnSync('umount', ['-l', dir]));
    const path = join(dir, 'store.db');
    const store = openSqliteStore(path);
    const kept: string[] = [];
    const codes = new Set<unknown>();
    for (let index = 0; index < 200; index += 1) {
      try {
        await store.write([put(`k${index}`, 30_000)]);
        kept.push(`k${index}`);
      } catch (error) {
        codes.add((error as { code?: unknown }).code);
      }
    }
    t.same([...codes], ['ERR_STORE_FULL']);
    t.ok(kept.length > 0);
    for (const key of kept) t.equal((await store.get(key))?.value.length, 30_000);
    await store.close();
    const again = openSqliteStore(path);
    t.same(
      (await again.list({ prefix: 'k', keysOnly: true })).map((entry) => entry.key).sort(),
      [...kept].sort(),
    );
    await again.close();
  },
);
