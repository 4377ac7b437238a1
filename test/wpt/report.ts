import { rows } from './directories.ts';
import type { Result } from './result.ts';

interface Tally {
  readonly name: string;
  readonly files: number;
  readonly passed: number;
  readonly total: number;
}

/** Subtests by row, all of them, and the mean of the rows' shares, as a table. */
export function formatTable(results: readonly Result[]): string {
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
  return [
    '| directory | files | passed | subtests | percent |',
    '|---|---|---|---|---|',
    ...[...tallies, all].map(
      (each) => `| ${each.name} | ${each.files} | ${each.passed} | ${each.total} | ${percent(share(each))} |`,
    ),
    `| mean over directories | | | | ${percent(mean)} |`,
  ].join('\n');
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

function percent(part: number): string {
  return `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`;
}
