import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Store } from '#bindings/store/store.ts';

/** A folder that goes with the test. */
export function temporaryDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'islet-store-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a file of its own, closed and removed with the test. */
export function temporaryStore(t: Test, now: () => number = Date.now): Store {
  const store = openSqliteStore(join(temporaryDir(t), 'store.db'), { now });
  t.teardown(() => store.close());
  return store;
}
