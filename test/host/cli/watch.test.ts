import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { changes } from '#host/cli/watch.ts';

/** Counts what `changes` yields. */
function count(
  path: string,
  named?: string,
): { readonly seen: () => number; readonly stop: () => Promise<void> } {
  const stop = new AbortController();
  let seen = 0;
  const counting = (async (): Promise<void> => {
    for await (const _ of changes(path, stop.signal, () => named)) seen += 1;
  })();
  return {
    seen: () => seen,
    stop: () => {
      stop.abort();
      return counting;
    },
  };
}

/** Does `change` again and again until the watch has seen one more: it may not be listening yet. */
async function seenAfter(watch: ReturnType<typeof count>, change: () => Promise<unknown>): Promise<void> {
  const before = watch.seen();
  for (let turn = 0; watch.seen() === before; turn += 1) {
    if (turn % 20 === 0) await change();
    await sleep(20);
  }
}

void t.test('watch: a save deep in a folder is seen, and a burst of them is one', async (t) => {
  const folder = t.testdir({ src: { deep: { 'a.ts': '1' } } });
  const watch = count(folder);
  await seenAfter(watch, () => writeFile(join(folder, 'src', 'deep', 'a.ts'), '2'));
  await sleep(200);
  const before = watch.seen();
  for (let i = 0; i < 20; i += 1) await writeFile(join(folder, 'src', `f${i}.ts`), 'x');
  while (watch.seen() === before) await sleep(10);
  await sleep(200);
  t.ok(watch.seen() - before < 20);
  await watch.stop();
});

void t.test('watch: packages, builds and hidden folders are left out', async (t) => {
  const folder = t.testdir({ '.islet': {}, node_modules: {}, dist: {}, 'a.ts': '1' });
  const watch = count(folder);
  await seenAfter(watch, () => writeFile(join(folder, 'a.ts'), '2'));
  await sleep(200);
  const before = watch.seen();
  for (const name of ['.islet', 'node_modules', 'dist']) await writeFile(join(folder, name, 'x.ts'), 'x');
  await mkdir(join(folder, 'node_modules', 'pkg'));
  await sleep(300);
  t.equal(watch.seen(), before);
  await watch.stop();
});

void t.test(
  'watch: the folder of static files is seen wherever it lies, but what is hidden in it',
  async (t) => {
    const folder = t.testdir({ dist: { web: { '.git': {}, 'a.css': '1' }, 'b.css': '1' } });
    const watch = count(folder, 'dist/web');
    await seenAfter(watch, () => writeFile(join(folder, 'dist', 'web', 'a.css'), '2'));
    await sleep(200);
    const before = watch.seen();
    await writeFile(join(folder, 'dist', 'b.css'), '2');
    await writeFile(join(folder, 'dist', 'web', '.git', 'x'), '2');
    await sleep(300);
    t.equal(watch.seen(), before);
    await watch.stop();
  },
);

void t.test(
  'watch: one file is seen when an editor writes another in its place, its neighbours are not',
  async (t) => {
    const folder = t.testdir({ 'a.ts': '1', 'b.ts': '1' });
    const file = join(folder, 'a.ts');
    const watch = count(file);
    const replace = async (): Promise<void> => {
      await writeFile(`${file}.new`, '2');
      await rename(`${file}.new`, file);
    };
    await seenAfter(watch, replace);
    await seenAfter(watch, replace);
    await sleep(200);
    const before = watch.seen();
    await writeFile(join(folder, 'b.ts'), '2');
    await sleep(300);
    t.equal(watch.seen(), before);
    await rm(file);
    await watch.stop();
  },
);
