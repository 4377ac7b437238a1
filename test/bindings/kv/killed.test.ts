import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { openKv } from '#test/support/attach-kv.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const counter = fileURLToPath(new URL('../../support/kv-counter.ts', import.meta.url));
/** Increments that the process has under way at any time. */
const underWay = 8;

/** Runs the counter until it has acknowledged about `many` increments, then kills it; gives the sums it printed. */
async function killAfter(path: string, many: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [counter, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > many) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may have been cut by the kill.
  const whole = output.slice(0, output.lastIndexOf('\n') + 1).trimEnd();
  return whole.split('\n').map(Number);
}

void t.test('kv: after kill -9 a counter holds every acknowledged increment, none twice', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  let stored = 0;
  for (let round = 0; round < 3; round++) {
    const sums = await killAfter(path, 50 + round * 40);
    const most = Math.max(...sums);
    t.equal(new Set(sums).size, sums.length, 'each sum was given once');
    t.ok(Math.min(...sums) > stored, 'and goes on from what was stored before');
    const store = openSqliteStore(path);
    const found = await (await openKv(store)).get('shared', 'n');
    await store.close();
    stored = Number(Buffer.from(found?.value ?? []).toString());
    t.ok(stored >= most, `${stored} are stored, ${most} were acknowledged`);
    t.ok(stored <= most + underWay, 'no more than were under way beside them');
  }
});
