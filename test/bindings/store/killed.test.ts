import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const writer = fileURLToPath(new URL('../../support/store-writer.ts', import.meta.url));

/** Runs the writer until it has acknowledged about `acknowledgements` writes, then kills it. */
async function killAfter(path: string, acknowledgements: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let lines = 0;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (lines >= acknowledgements) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may have been cut by the kill.
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .trimEnd()
    .split('\n')
    .map(Number);
}

void t.test('sqlite: every acknowledged write is there after kill -9, whole', async (t) => {
  const path = join(temporaryDir(t), 'store.db');
  let last = 0;
  for (let round = 0; round < 4; round += 1) {
    const acknowledged = await killAfter(path, 20 + Math.floor(Math.random() * 500));
    t.ok(acknowledged.length >= 20);
    const store = openSqliteStore(path);
    const lost = [];
    for (const number of acknowledged) {
      const entry = await store.get(`k${number}`);
      const whole =
        entry?.value.length === number % 5000 && entry.value.every((byte) => byte === number % 256);
      if (!whole) lost.push(number);
      last = Math.max(last, entry?.revision ?? 0);
    }
    t.same(lost, [], `round ${round}: ${acknowledged.length} acknowledged`);
    const result = await store.write([]);
    t.ok(result.ok && result.revision > last, 'revisions go on above all that were seen');
    await store.close();
  }
});
