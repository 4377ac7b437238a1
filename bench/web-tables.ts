import { table } from '#host/cli/table.ts';
import { millis } from './cells.ts';
import type { WebReport } from './report.ts';

/** The web part for a terminal. */
export function webText(web: WebReport): readonly (readonly string[])[] {
  const kilobytes = (bytes: number): string => `${Math.round(bytes / 1024)} KB`;
  return [
    [
      "web: us for one, medians over the rounds; beside it Node's own",
      ...table(
        ['', 'guest', 'node', 'guest / node'],
        web.rows.map(({ what, guest, node }) => [
          what,
          guest.toFixed(3),
          node.toFixed(3),
          `x ${(guest / node).toFixed(2)}`,
        ]),
      ),
      `bundle ${kilobytes(web.bundleBytes)}, its code cache ${kilobytes(web.cacheBytes)}; bootstrap from it ${millis(web.bootstrap)} ms; ` +
        `RSS of a spare ${kilobytes(web.overBlankBytes)} over a blank isolate's ${kilobytes(web.blankBytes)}`,
    ],
  ];
}
