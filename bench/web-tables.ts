import { table } from '#host/cli/table.ts';
import { millis } from './cells.ts';
import type { WebCaseRow, WebReport } from './report.ts';

/** The web part for a terminal. */
export function webText(web: WebReport): readonly (readonly string[])[] {
  const kilobytes = (bytes: number): string => `${Math.round(bytes / 1024)} KB`;
  return [
    [
      "web: us for one, medians over the rounds; beside it Node's own",
      ...caseTable(web.rows, 3),
      `bundle ${kilobytes(web.bundleBytes)}, its code cache ${kilobytes(web.cacheBytes)}; bootstrap from it ${millis(web.bootstrap)} ms; ` +
        `RSS of a spare ${kilobytes(web.overBlankBytes)} over a blank isolate's ${kilobytes(web.blankBytes)}`,
    ],
  ];
}

/** The crypto part for a terminal. */
export function cryptoText(rows: readonly WebCaseRow[]): readonly (readonly string[])[] {
  return [
    [
      "crypto: us for one call of crypto.subtle, medians over the rounds; beside it Node's own",
      ...caseTable(rows, 1),
    ],
  ];
}

function caseTable(rows: readonly WebCaseRow[], digits: number): readonly string[] {
  return table(
    ['', 'guest', 'node', 'guest / node'],
    rows.map(({ what, guest, node }) => [
      what,
      guest.toFixed(digits),
      node.toFixed(digits),
      `x ${(guest / node).toFixed(2)}`,
    ]),
  );
}
