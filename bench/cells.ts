import type { Spread } from './histogram.ts';
import type { WarmRow } from './report.ts';

/** Heads of the columns that `rateCells` fills. */
export const rateHeads: readonly string[] = [
  'requests/s',
  'p50 ms',
  'p99 ms',
  'CPU us host',
  'cell',
  'errors',
];

export function rateCells(row: Omit<WarmRow, 'what' | 'connections'>): readonly string[] {
  return [
    String(Math.round(row.requestsPerSecond)),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
    row.hostCpuMicros?.toFixed(1) ?? '-',
    row.cellCpuMicros?.toFixed(1) ?? '-',
    String(row.errors),
  ];
}

/** p50 and p99, in ms. */
export function millis({ p50, p99 }: Spread): string {
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}`;
}
