import { utimes, writeFile } from 'node:fs/promises';
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

    await deployExamples(host, dir, { folder });
    t.same(await answers(host), { one: 'one', two: 'two' });
    await deployExamples(host, dir, { folder });
    t.same(
      (await host.list()).map(({ versions }) => versions),
      [1, 1],
    );

    await writeFile(join(folder, 'one', 'index.js'), program('newer'));
    await deployExamples(host, dir, { folder });
    t.same(await answers(host), { one: 'newer', two: 'two' });

    await host.deploy({ files: { 'index.js': program('mine') } }, { name: 'two' });
    await writeFile(join(folder, 'two', 'index.js'), program('theirs'));
    await deployExamples(host, dir, { folder });
    t.same(await answers(host), { one: 'newer', two: 'mine' });

    await host.rollback('one', 1);
    await deployExamples(host, dir, { folder });
    t.same(await answers(host), { one: 'one', two: 'mine' });

    await host.delete('one');
    await deployExamples(host, dir, { folder });
    t.same(await answers(host), { one: 'newer', two: 'mine' });
  },
);

void t.test('examples: one with a build command is built, and again when its source changes', async (t) => {
  const root = t.testdir({
    examples: {
      built: {
        'source.txt': program('first'),
        'islet.json': '{ "main": "made.js" } // as made by scripts.build',
        'package.json': JSON.stringify({ scripts: { build: 'cp source.txt made.js' } }),
      },
      plain: { 'index.js': program('plain') },
      toolless: {
        'islet.json': '{ "main": "made.js" }',
        'package.json': JSON.stringify({ scripts: { build: 'no-such-compiler -o made.js' } }),
      },
      wrong: { 'islet.json': '{ "main": "absent.js" }' },
    },
    data: {},
  });
  const folder = join(root, 'examples');
  const dir = join(root, 'data');
  const host = await createHost({ dir, isolation: 'none' });
  t.teardown(() => host.close());
  const told: string[] = [];
  const done = (name: string, leftOut: string | undefined): void =>
    void told.push(leftOut === undefined ? name : `${name} is left out`);

  await deployExamples(host, dir, { folder, only: 'quick', done });
  t.same(told.splice(0), ['plain', 'wrong is left out'], 'what needs no building comes first');
  t.same(await answers(host), { plain: 'plain' });
  await deployExamples(host, dir, { folder, only: 'slow', done });
  t.same(told.splice(0), ['built', 'toolless is left out']);
  t.same(await answers(host), { built: 'first', plain: 'plain' });

  await writeFile(join(folder, 'built', 'source.txt'), program('second'));
  const later = new Date(Date.now() + 5000);
  await utimes(join(folder, 'built', 'source.txt'), later, later);
  await deployExamples(host, dir, { folder });
  t.same(await answers(host), { built: 'second', plain: 'plain' });
});

async function answers(host: Host): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { name } of await host.list()) {
    found[name] = await (await host.fetch(name, new Request(`http://${name}.localhost/`))).text();
  }
  return found;
}
