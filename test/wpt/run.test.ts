// oxlint-disable-next-line import/no-unassigned-import -- it acts by being loaded
import '#test/support/plain-spawn.ts';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import t from 'tap';
import { temporaryDir } from '#test/support/host.ts';
import { variantName } from './checkout.ts';
import type { Variant } from './checkout.ts';
import { readExpectations, unexplained, writeExpectations } from './expectations.ts';
import type { Expectations } from './expectations.ts';
import { rows } from './directories.ts';
import { parseMetadata } from './metadata.ts';
import { belowBars, formatTable } from './report.ts';
import type { Result } from './result.ts';
import { run } from './run.ts';
import type { Run } from './run.ts';

const root = join(import.meta.dirname, '../guests/wpt/checkout');
const waitMs = 3000;

/** "PASS" and so on by file and subtest. */
function statuses({ results }: Run): Record<string, Record<string, string>> {
  return Object.fromEntries(
    results.map(({ variant, subtests }) => [
      variantName(variant).replace('sample/', ''),
      Object.fromEntries(subtests.map(({ name, status }) => [name, status])),
    ]),
  );
}

await t.test('wpt: every file ends, whatever it does, and takes no other with it', async (t) => {
  const expectations = await temporaryDir(t);
  const ran = await run({ root, paths: ['sample'], expectations, waitMs });
  const found = statuses(ran);
  t.match(found, {
    'fails.any.js': { 'one is two': 'FAIL', 'one is one': 'PASS' },
    'throws.any.js': { before: 'PASS', '(file)': 'ERROR' },
    'waits.any.js': { 'never settles': 'TIMEOUT', '(file)': 'TIMEOUT' },
    'loops.any.js': { '(file)': 'ENDED' },
    'crashes.any.js': { '(file)': 'ENDED' },
    'variants.any.js?one': { 'only the first variant passes': 'PASS' },
    'variants.any.js?two': { 'only the first variant passes': 'FAIL' },
    'leaves-a-trace.any.js': { 'no file sees another': 'PASS' },
    'leaves-a-trace-too.any.js': { 'no file sees another': 'PASS' },
  });
  t.equal(Object.keys(found['passes.any.js'] ?? {}).length, 7);
  t.ok(Object.values(found['passes.any.js'] ?? {}).every((status) => status === 'PASS'));
  t.notOk('window-only.any.js' in found, 'what needs a window is not run');
  const failed = ran.surprises.filter(({ kind }) => kind === 'failed').map(({ name }) => name);
  t.same(
    [...new Set(failed)].sort(),
    ['crashes', 'fails', 'loops', 'throws', 'variants', 'waits'].map(
      (name) => `sample/${name}.any.js${name === 'variants' ? '?two' : ''}`,
    ),
    'a failure that is not listed is a surprise',
  );
  t.match(formatTable(ran.results), /\| sample \| 9 \| 12 \| 19 \| 63\.15 % \| {2}\|/);
});

await t.test(
  'wpt: a listed failure is none, one that passes is a surprise, and --update keeps reasons',
  async (t) => {
    const folder = await temporaryDir(t);
    const paths = ['sample/fails.any.js', 'sample/variants.any.js', 'sample/passes.any.js'];
    const before: Expectations = {
      excluded: [{ reason: 'not for us', files: ['sample/pas*.any.js'] }],
      failures: [
        { reason: 'numbers', tests: { 'sample/fails.any.js': ['one is two', 'one is one', 'gone'] } },
        { reason: 'elsewhere', tests: { 'sample/waits.any.js': 'all' } },
      ],
    };
    await writeExpectations(folder, 'sample', before);
    const first = await run({ root, paths, expectations: folder, waitMs, update: true });
    t.same(
      first.surprises.map(({ kind, name, subtest }) => [kind, name, subtest]),
      [
        ['passed', 'sample/fails.any.js', 'one is one'],
        ['missing', 'sample/fails.any.js', 'gone'],
        ['failed', 'sample/variants.any.js?two', 'only the first variant passes'],
      ],
    );
    const second = await run({ root, paths, expectations: folder, waitMs });
    t.same(second.surprises, [], 'what was written holds');
    t.same((await readExpectations(folder)).get('sample.json'), {
      excluded: before.excluded,
      failures: [
        { reason: 'numbers', tests: { 'sample/fails.any.js': ['one is two'] } },
        { reason: 'elsewhere', tests: { 'sample/waits.any.js': 'all' } },
        { reason: unexplained, tests: { 'sample/variants.any.js?two': ['only the first variant passes'] } },
      ],
    });
  },
);

await t.test('wpt: a file listed whole has to fail whole, and names that are gone are told', async (t) => {
  const folder = await temporaryDir(t);
  const before: Expectations = {
    excluded: [
      { reason: 'one that is there', files: ['sample/[lctvw]*.any.js', 'sample/leaves*.any.js'] },
      { reason: 'none of them is', files: ['sample/renamed.any.js', 'sample/old/**'] },
    ],
    failures: [
      { reason: 'partly cured', tests: { 'sample/fails.any.js': 'all' } },
      { reason: 'removed', tests: { 'sample/removed.any.js': 'all', 'other/removed.any.js': ['x'] } },
    ],
  };
  await writeExpectations(folder, 'sample', before);
  const ran = await run({ root, paths: ['sample/'], expectations: folder, waitMs });
  t.same(
    ran.surprises.map(({ kind, name, subtest }) => [kind, name, subtest]),
    [
      ['passed', 'sample/fails.any.js', 'one is one'],
      ['missing', 'sample/removed.any.js', '(file)'],
      ['missing', 'sample/renamed.any.js', '(file)'],
      ['missing', 'sample/old/**', '(file)'],
    ],
  );
  await run({ root, paths: ['sample/fails.any.js'], expectations: folder, waitMs, update: true });
  t.same((await readExpectations(folder)).get('sample.json')?.failures[0], {
    reason: 'partly cured',
    tests: { 'sample/fails.any.js': ['one is two'] },
  });
});

await t.test('wpt: rows, the total and the mean are held to their bars', (t) => {
  const variant = (row: string): Variant => ({
    path: `${row}/x.any.js`,
    query: '',
    row,
    source: '',
    metadata: parseMetadata(''),
  });
  const result = (row: string, passed: number, total: number): Result => ({
    variant: variant(row),
    subtests: Array.from({ length: total }, (_, i) => ({
      name: `${i}`,
      status: i < passed ? 'PASS' : 'FAIL',
      message: '',
    })),
    wallMs: 1,
  });
  const all = (own: Readonly<Record<string, number>>): readonly Result[] =>
    rows.map(({ name }) => result(name, own[name] ?? 1000, 1000));
  t.same(belowBars(all({})), []);
  for (const { name, bar = 0 } of rows) {
    if (bar === 0) continue;
    t.same(belowBars(all({ [name]: bar * 10 })), [], `${name}: at its bar`);
    const under = belowBars(all({ [name]: bar * 10 - 1 }));
    t.same(
      under.map((each) => [each.name, each.bar]),
      [[name, bar]],
      `${name}: under`,
    );
  }
  const without = all({}).filter(({ variant }) => variant.row !== 'url');
  t.match(belowBars(without), [{ name: 'url', percent: 0 }], 'a row of which nothing ran');
  // Every row at its bar, the large ones at 96 %.
  const low = rows.map(({ name, bar = 96 }) => result(name, bar * 10, 1000));
  t.same(
    belowBars(low).map(({ name }) => name),
    ['all subtests', 'mean over directories'],
  );
  t.end();
});

await t.test('wpt: the command ends with 1 for a surprise, 0 without, 2 without a checkout', async (t) => {
  const command = async (...args: readonly string[]): Promise<number> => {
    const ended = promisify(execFile)(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args]);
    return await ended.then(
      () => 0,
      (error: { readonly code: number }) => error.code,
    );
  };
  t.equal(await command(root, 'sample/passes.any.js'), 0);
  t.equal(await command(root, 'sample/fails.any.js'), 1);
  t.equal(await command(), 2);
});

await t.test('wpt: a folder that is no checkout, and a path that is not in it, are refused', async (t) => {
  const expectations = await temporaryDir(t);
  await t.rejects(run({ root: expectations, paths: [], expectations }), TypeError);
  await t.rejects(run({ root, paths: ['nowhere'], expectations }), TypeError);
});

await t.test('wpt: every known failure and exclusion has a reason', async (t) => {
  const all = await readExpectations(join(import.meta.dirname, 'expectations'));
  for (const [file, { excluded, failures }] of all)
    for (const { reason } of [...excluded, ...failures])
      t.ok(reason.length > 10 && reason !== unexplained, file);
});
