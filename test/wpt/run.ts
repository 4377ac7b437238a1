import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { HostOptions } from '#host/index.ts';
import { findVariants, variantName } from './checkout.ts';
import { compare, expectationsFile, isExcluded, readExpectations, stale } from './expectations.ts';
import { update, writeExpectations } from './expectations.ts';
import type { Expectations, Surprise } from './expectations.ts';
import { rows } from './directories.ts';
import { belowBars, formatTable } from './report.ts';
import type { Shortfall } from './report.ts';
import type { Result } from './result.ts';
import { runSuite } from './suite.ts';

const usage = `npm run wpt -- <checkout> [directories or files…] [options]

  --update          write what failed into the expectations; reasons are kept
  --lanes N         tests at once (default 2)
  --wait MS         time for a test that is not long (default 10000)
  --json FILE       write every subtest that failed, with its message
  --verbose         print each file as it ends`;

export interface RunOptions {
  readonly root: string;
  readonly paths: readonly string[];
  /** Folder of the expectations. */
  readonly expectations: string;
  readonly update?: boolean;
  readonly lanes?: number;
  readonly waitMs?: number;
  readonly done?: (result: Result) => void;
  readonly log?: HostOptions['log'];
}

export interface Run {
  readonly results: readonly Result[];
  readonly surprises: readonly Surprise[];
  /** Of a run of every row: what is under its bar. */
  readonly short: readonly Shortfall[];
}

/** Runs tests and holds them against what is expected of them; with `update` the expectations follow. */
export async function run(options: RunOptions): Promise<Run> {
  const known = await readExpectations(options.expectations);
  const of = (row: string): Expectations =>
    known.get(expectationsFile(row)) ?? { excluded: [], failures: [] };
  const { root, paths, lanes, waitMs, done, log } = options;
  const results = await runSuite({
    root,
    paths,
    wanted: (variant) => !isExcluded(of(variant.row), variant),
    ...(lanes === undefined ? {} : { lanes }),
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(done === undefined ? {} : { done }),
    ...(log === undefined ? {} : { log }),
  });
  const variants = await findVariants(root, paths);
  const within = paths.length === 0 ? rows.flatMap(({ folders }) => folders) : paths;
  const surprises = [
    ...results.flatMap((result) => compare(of(result.variant.row), result)),
    ...[...known.values()].flatMap((expected) => stale(expected, variants, within)),
  ];
  if (options.update === true) {
    for (const row of new Set(results.map(({ variant }) => variant.row))) {
      const own = results.filter(({ variant }) => variant.row === row);
      await writeExpectations(options.expectations, row, update(of(row), own));
    }
  }
  return { results, surprises, short: paths.length === 0 ? belowBars(results) : [] };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      update: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      lanes: { type: 'string' },
      wait: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const [root, ...paths] = positionals;
  if (root === undefined) {
    console.error(usage);
    return 2;
  }
  const { results, surprises, short } = await run({
    root,
    paths,
    expectations: join(import.meta.dirname, 'expectations'),
    update: values.update,
    ...(values.lanes === undefined ? {} : { lanes: Number(values.lanes) }),
    ...(values.wait === undefined ? {} : { waitMs: Number(values.wait) }),
    ...(values.verbose ? { done: printResult, log: ({ message }) => console.log(message) } : {}),
  });
  if (values.json !== undefined) await writeFailures(values.json, results);
  for (const { kind, name, subtest, message } of surprises)
    console.log(`${kind}: ${name}: ${JSON.stringify(subtest)} ${message}`);
  console.log(`\n${formatTable(results)}\n`);
  for (const { name, percent, bar } of short)
    console.log(`under its bar: ${name}: ${percent.toFixed(2)} %, the bar is ${bar} %`);
  const unexpected = values.update ? 0 : surprises.length;
  if (unexpected > 0) console.log(`${unexpected} surprises; see test/wpt/README.md`);
  return unexpected + short.length === 0 ? 0 : 1;
}

function printResult({ variant, subtests, wallMs }: Result): void {
  const passed = subtests.filter(({ status }) => status === 'PASS').length;
  console.log(`${variantName(variant)}: ${passed} of ${subtests.length}, ${Math.round(wallMs)} ms`);
}

async function writeFailures(file: string, results: readonly Result[]): Promise<void> {
  const failures = results
    .map(({ variant, subtests }) => [
      variantName(variant),
      subtests.filter(({ status }) => status !== 'PASS'),
    ])
    .filter(([, failed]) => failed?.length !== 0);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(Object.fromEntries(failures), null, 1)}\n`);
}

if (import.meta.main) process.exitCode = await main();
