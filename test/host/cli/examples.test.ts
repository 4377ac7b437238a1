import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { deployExamples } from '#host/cli/examples.ts';
import { createHost } from '#host/index.ts';
import type { Host } from '#host/host.ts';

const program = (word: string): string => `export default { fetch: () => new Response('${word}') };`;

void t.test(
  'examples: deployed once, again when they change, and left alone once traffic was moved',
  async (t) => {
    const root = t.testdir({
      examples: {
        one: { 'index.js': program('one') },
        two: { 'index.js': program('two') },
        '.hidden': { 'index.js': program('no') },
        'README.md': '',
      },
      data: {},
    });
    const folder = join(root, 'examples');
    const dir = join(root, 'data');
    const host = await createHost({ dir, isolation: 'none' });
    t.teardown(() => host.close());

    await deployExamples(host, dir, folder);
    t.same(await answers(host), { one: 'one', two: 'two' });
    await deployExamples(host, dir, folder);
    t.same(
      (await host.list()).map(({ versions }) => versions),
      [1, 1],
    );

    await writeFile(join(folder, 'one', 'index.js'), program('newer'));
    await deployExamples(host, dir, folder);
    t.same(await answers(host), { one: 'newer', two: 'two' });

    await host.deploy({ files: { 'index.js': program('mine') } }, { name: 'two' });
    await writeFile(join(folder, 'two', 'index.js'), program('theirs'));
    await deployExamples(host, dir, folder);
    t.same(await answers(host), { one: 'newer', two: 'mine' });

    await host.rollback('one', 1);
    await deployExamples(host, dir, folder);
    t.same(await answers(host), { one: 'one', two: 'mine' });

    await host.delete('one');
    await deployExamples(host, dir, folder);
    t.same(await answers(host), { one: 'newer', two: 'mine' });
  },
);

async function answers(host: Host): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { name } of await host.list()) {
    found[name] = await (await host.fetch(name, new Request(`http://${name}.localhost/`))).text();
  }
  return found;
}
