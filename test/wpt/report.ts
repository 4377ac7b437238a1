import { rows, wholeBars } from './directories.ts';
import type { Result } from './result.ts';

interface Tally {
  readonly name: string;
  readonly files: number;
  readonly passed: number;
  readonly total: number;
}

/** What fewer subtests pass of than its bar asks. */
export interface Shortfall {
  /** A row, "all subtests" or "mean over directories". */
  readonly name: string;
  readonly percent: number;
  readonly bar: number;
}

/** Subtests by row, all of them, and the mean of the rows' shares, as a table. */
export function formatTable(results: readonly Result[]): string {
  const { tallies, all, mean } = count(results);
  return [
    '| directory | files | passed | subtests | percent | bar |',
    '|---|---|---|---|---|---|',
    ...tallies.map((each) => formatLine(each, barOf(each.name))),
    formatLine(all, wholeBars.all),
    `| mean over directories | | | | ${percent(mean)} | ${formatBar(wholeBars.mean)} |`,
  ].join('\n');
}

/** Rows under their bars, and the whole; of a run of every row. A row of which nothing ran has none of its bar. */
export function belowBars(results: readonly Result[]): readonly Shortfall[] {
  const { tallies, all, mean } = count(results);
  const of = (name: string): Tally =>
    tallies.find((each) => each.name === name) ?? { name, files: 0, passed: 0, total: 0 };
  const figures = [
    ...rows.flatMap(({ name, bar }) => (bar === undefined ? [] : [{ name, bar, part: partOf(of(name)) }])),
    { name: all.name, bar: wholeBars.all, part: partOf(all) },
    { name: 'mean over directories', bar: wholeBars.mean, part: mean },
  ];
  return figures
    .filter(({ part, bar }) => part * 100 < bar)
    .map(({ name, part, bar }) => ({ name, percent: part * 100, bar }));
}

function barOf(name: string): number | undefined {
  return rows.find((row) => row.name === name)?.bar;
}

function formatBar(bar: number | undefined): string {
  return bar === undefined ? '' : `${bar} %`;
}

function formatLine(each: Tally, bar: number | undefined): string {
  const { name, files, passed, total } = each;
  return `| ${name} | ${files} | ${passed} | ${total} | ${percent(share(each))} | ${formatBar(bar)} |`;
}

interface Count {
  readonly tallies: readonly Tally[];
  readonly all: Tally;
  /** Of 1. */
  readonly mean: number;
}

function count(results: readonly Result[]): Count {
  const order = rows.map(({ name }) => name);
  const names = [...new Set(results.map(({ variant }) => variant.row))];
  names.sort((a, b) => place(order, a) - place(order, b));
  const tallies = names.map((name) => tally(name, results));
  const all = {
    name: 'all subtests',
    files: sum(tallies, 'files'),
    passed: sum(tallies, 'passed'),
    total: sum(tallies, 'total'),
  };
  const mean = tallies.reduce((total, each) => total + share(each), 0) / Math.max(1, tallies.length);
  return { tallies, all, mean };
}

function tally(name: string, results: readonly Result[]): Tally {
  const own = results.filter(({ variant }) => variant.row === name);
  const subtests = own.flatMap((result) => result.subtests);
  return {
    name,
    files: new Set(own.map(({ variant }) => variant.path)).size,
    passed: subtests.filter(({ status }) => status === 'PASS').length,
    total: subtests.length,
  };
}

function place(order: readonly string[], name: string): number {
  const at = order.indexOf(name);
  return at < 0 ? order.length : at;
}

function sum(tallies: readonly Tally[], key: 'files' | 'passed' | 'total'): number {
  return tallies.reduce((total, each) => total + each[key], 0);
}

function share({ passed, total }: Tally): number {
  return total === 0 ? 1 : passed / total;
}

/** What a bar is held against: nothing of nothing is no pass. */
function partOf({ passed, total }: Tally): number {
  return total === 0 ? 0 : passed / total;
}

function percent(part: number): string {
  return `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`;
}
