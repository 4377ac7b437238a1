import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, matchesGlob } from 'node:path';
import type { Variant } from './checkout.ts';
import { variantName } from './checkout.ts';
import type { Result } from './result.ts';

/** Names of subtests, or every one of the file. */
export type Listed = readonly string[] | 'all';

/** Known failures with one reason, by variant. */
export interface KnownFailure {
  readonly reason: string;
  readonly tests: Readonly<Record<string, Listed>>;
}

/** Tests that are not run, by glob. */
export interface Exclusion {
  readonly reason: string;
  readonly files: readonly string[];
}

/** One row's file: expectations/<row, "-" for "/">.json. */
export interface Expectations {
  readonly excluded: readonly Exclusion[];
  readonly failures: readonly KnownFailure[];
}

/** The reason `--update` gives to what nobody has explained yet. */
export const unexplained: string = 'new: to be explained';

const none: Expectations = { excluded: [], failures: [] };

export function expectationsFile(row: string): string {
  return `${row.replaceAll('/', '-')}.json`;
}

/** All rows' expectations in a folder, by file name; empty where there is no folder. */
export async function readExpectations(folder: string): Promise<ReadonlyMap<string, Expectations>> {
  const files = await readdir(folder).catch(() => []);
  const read = new Map<string, Expectations>();
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    const value = JSON.parse(await readFile(join(folder, file), 'utf8')) as Partial<Expectations>;
    read.set(file, { ...none, ...value });
  }
  return read;
}

/** A row that expects nothing has no file. */
export async function writeExpectations(folder: string, row: string, value: Expectations): Promise<void> {
  const { excluded, failures } = value;
  const file = join(folder, expectationsFile(row));
  if (excluded.length === 0 && failures.length === 0) return await rm(file, { force: true });
  await mkdir(folder, { recursive: true });
  const parts = {
    ...(excluded.length === 0 ? {} : { excluded }),
    ...(failures.length === 0 ? {} : { failures }),
  };
  await writeFile(file, `${JSON.stringify(parts, null, 2)}\n`);
}

/** Whether a variant is run; its path may match as a glob, its name with the query exactly. */
export function isExcluded({ excluded }: Expectations, variant: Pick<Variant, 'path' | 'query'>): boolean {
  const globs = excluded.flatMap(({ files }) => files);
  return globs.some((glob) => matchesGlob(variant.path, glob) || variantName(variant) === glob);
}

/** What is wrong with a run, in the words of its report. */
export interface Surprise {
  readonly kind: 'failed' | 'passed' | 'missing';
  readonly name: string;
  readonly subtest: string;
  readonly message: string;
}

/** Failures that are not listed, listed ones that passed, and listed ones that are not there. */
export function compare({ failures }: Expectations, { variant, subtests }: Result): readonly Surprise[] {
  const name = variantName(variant);
  const lists = failures.map(({ tests }) => tests[name]).filter((list) => list !== undefined);
  const failed = new Map(
    subtests.filter(({ status }) => status !== 'PASS').map((each) => [each.name, each.message]),
  );
  const ran = new Set(subtests.map((each) => each.name));
  // Listed whole it has to fail whole: a subtest of it that passes is a surprise.
  const listed = new Set(lists.includes('all') ? ran : lists.flat());
  if (lists.includes('all') && subtests.length === 0)
    return [{ kind: 'missing', name, subtest: 'all', message: '' }];
  const unlisted = [...failed].filter(([subtest]) => !listed.has(subtest));
  const cured = [...listed].filter((subtest) => !failed.has(subtest));
  return [
    ...unlisted.map(([subtest, message]) => ({ kind: 'failed' as const, name, subtest, message })),
    ...cured.map((subtest) => ({
      kind: ran.has(subtest) || subtest === '(file)' ? ('passed' as const) : ('missing' as const),
      name,
      subtest,
      message: '',
    })),
  ];
}

/** Whether a path names this test, or a folder it lies in. */
function liesIn(name: string, paths: readonly string[]): boolean {
  return paths.some((path) => name === path || name.startsWith(`${trimmed(path)}/`));
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '');
}

/** Listed and excluded names under `paths` that no variant of the checkout has any more. */
export function stale(
  { excluded, failures }: Expectations,
  variants: readonly Pick<Variant, 'path' | 'query'>[],
  paths: readonly string[],
): readonly Surprise[] {
  const names = new Set(variants.map(variantName));
  const gone = [
    ...failures
      .flatMap(({ tests }) => Object.keys(tests))
      .filter((name) => !names.has(name))
      .map((name) => ({ name, subtest: '(file)', message: 'is listed and not there' })),
    ...excluded
      .flatMap(({ files }) => files)
      .filter((glob) => !names.has(glob) && !variants.some(({ path }) => matchesGlob(path, glob)))
      .map((name) => ({ name, subtest: '(file)', message: 'is excluded and not there' })),
  ];
  return gone.filter(({ name }) => liesIn(name, paths)).map((each) => ({ kind: 'missing', ...each }));
}

/** The expectations after these runs of a row: reasons are kept, what is new is `unexplained`, what was not run stays. */
export function update(before: Expectations, results: readonly Result[]): Expectations {
  const ran = new Set(results.map(({ variant }) => variantName(variant)));
  const after = new Map<string, Record<string, Listed>>(before.failures.map(({ reason }) => [reason, {}]));
  const add = (reason: string, name: string, list: Listed): void => {
    const tests = after.get(reason) ?? {};
    after.set(reason, tests);
    const earlier = tests[name];
    tests[name] = list === 'all' || earlier === undefined || earlier === 'all' ? list : [...earlier, ...list];
  };
  for (const { reason, tests } of before.failures)
    for (const [name, list] of Object.entries(tests)) if (!ran.has(name)) add(reason, name, list);
  for (const { variant, subtests } of results) {
    const name = variantName(variant);
    const failed = [...new Set(subtests.filter(({ status }) => status !== 'PASS').map((each) => each.name))];
    const whole = before.failures.find(({ tests }) => tests[name] === 'all');
    if (failed.length === subtests.length && whole !== undefined) add(whole.reason, name, 'all');
    else if (whole !== undefined && failed.length > 0) add(whole.reason, name, failed);
    else if (failed.length > 1 && failed.length === subtests.length && !isListed(before, name))
      add(unexplained, name, 'all');
    else for (const subtest of failed) add(reasonOf(before, name, subtest), name, [subtest]);
  }
  const failures = [...after].filter(([, tests]) => Object.keys(tests).length > 0);
  return { ...before, failures: failures.map(([reason, tests]) => ({ reason, tests: sorted(tests) })) };
}

function isListed({ failures }: Expectations, name: string): boolean {
  return failures.some(({ tests }) => tests[name] !== undefined);
}

function reasonOf({ failures }: Expectations, name: string, subtest: string): string {
  const found = failures.find(({ tests }) => tests[name] !== 'all' && tests[name]?.includes(subtest));
  return found?.reason ?? unexplained;
}

function sorted(tests: Readonly<Record<string, Listed>>): Record<string, Listed> {
  return Object.fromEntries(Object.entries(tests).sort(([a], [b]) => (a < b ? -1 : 1)));
}
