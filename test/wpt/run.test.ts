// oxlint-disable-next-line import/no-unassigned-import -- it acts by being loaded
import '#test/support/plain-spawn.ts';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDir } from '#test/support/host.ts';
import { variantName } from './checkout.ts';
import { readExpectations, unexplained, writeExpectations } from './expectations.ts';
import type { Expectations } from './expectations.ts';
import { formatTable } from './report.ts';
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
  t.match(formatTable(ran.results), /\| sample \| 9 \| 12 \| 19 \| 63\.15 % \|/);
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
