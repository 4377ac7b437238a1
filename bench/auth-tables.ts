import { table } from '#host/cli/table.ts';
import type { AuthReport } from './report.ts';

/** The auth part for a terminal. */
export function authText({ rows }: AuthReport): readonly (readonly string[])[] {
  return [
    [
      'auth: us of one request to a warm guest as a client sees it, medians; what checking the caller adds to it',
      ...table(
        ['the gateway checks', 'request', 'adds'],
        rows.map(({ what, p50, overOpen }) => [what, p50.toFixed(0), overOpen.toFixed(0)]),
      ),
    ],
  ];
}
