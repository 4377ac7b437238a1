import { table } from '#host/cli/table.ts';
import type { KvReport } from './report.ts';

/** The KV part for a terminal. */
export function kvText(report: KvReport): readonly (readonly string[])[] {
  const { rows, syncMicros, hopMicros, hopAfterSyncMicros, miniflare } = report;
  const peer = miniflare === undefined ? [] : [`miniflare ${miniflare}`, 'its time'];
  const put = rows.find(({ what }) => what === 'put, one after the other');
  const get = rows.find(({ what }) => what === 'get, one after the other');
  return [
    [
      'kv: us for one operation from a warm guest, medians; beside it the same in bare node:sqlite',
      ...table(
        ['', 'islet', 'per second', 'node:sqlite', ...peer],
        rows.map((row) => [
          row.what,
          row.islet.toFixed(1),
          String(Math.round(1e6 / row.islet)),
          row.sqlite.toFixed(1),
          ...(row.miniflare === undefined
            ? []
            : [row.miniflare.toFixed(1), `x ${(row.miniflare / row.islet).toFixed(1)}`]),
        ]),
      ),
      `one fsync of this disk: ${syncMicros.toFixed(0)} us; a put takes ${((put?.islet ?? 0) - syncMicros).toFixed(0)} us more`,
      `the way to a bare node process and back: ${hopMicros.toFixed(0)} us; a get takes ${((get?.islet ?? 0) - hopMicros).toFixed(0)} us more`,
      `the same right after an fsync: ${hopAfterSyncMicros.toFixed(0)} us`,
      ...(miniflare === undefined
        ? ['miniflare is not here: npm install it in a folder, and name that with ISLET_BENCH_MINIFLARE']
        : []),
    ],
  ];
}
