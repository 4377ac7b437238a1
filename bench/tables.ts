import { table } from '#host/cli/table.ts';
import { authText } from './auth-tables.ts';
import { millis, rateCells, rateHeads } from './cells.ts';
import { kvText } from './kv-tables.ts';
import type {
  BenchReport,
  ColdReport,
  DensityReport,
  EchoFigures,
  SocketsReport,
  StreamingReport,
  Ratio,
  WarmReport,
} from './report.ts';
import { wasmText } from './wasm-tables.ts';
import { cryptoText, webText } from './web-tables.ts';

const MB = 2 ** 20;

/** The report for a terminal. */
export function toText(report: BenchReport): string {
  const { machine, versions } = report;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const blocks = [
    [
      `islet bench, ${report.date.slice(0, 16).replace('T', ' ')} UTC, ${report.size}`,
      `${machine.cores} x ${machine.cpu}, ${Math.round(machine.memoryBytes / 2 ** 30)} GB, ${machine.platform} ${machine.release}`,
      names.join(', '),
      `load ${machine.loadBefore.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after; ${report.pinned ? 'servers on one core, load generator on another' : 'not pinned to cores'}`,
    ],
    ...(report.cold === undefined ? [] : coldText(report.cold)),
    ...(report.warm === undefined ? [] : warmText(report.warm)),
    ...(report.density === undefined ? [] : densityText(report.density)),
    ...(report.kv === undefined ? [] : kvText(report.kv)),
    ...(report.auth === undefined ? [] : authText(report.auth)),
    ...(report.streaming === undefined ? [] : streamingText(report.streaming)),
    ...(report.sockets === undefined ? [] : socketsText(report.sockets)),
    ...(report.web === undefined ? [] : webText(report.web)),
    ...(report.crypto === undefined ? [] : cryptoText(report.crypto)),
    ...(report.wasm === undefined ? [] : wasmText(report.wasm)),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function coldText({ phases, http, nodeProcess }: ColdReport): readonly (readonly string[])[] {
  return [
    [
      'cold: starts of the engine, p50 / p99 in ms',
      ...table(
        ['code', 'spare', 'code cache', 'create', 'bootstrap', 'load', 'top level', 'total', 'starts'],
        phases.map((row) => [
          `${row.code} (${Math.ceil(row.sourceBytes / 1024)} KB)`,
          row.spare ? 'yes' : 'no',
          row.cached ? 'yes' : 'no',
          row.spare ? '-' : millis(row.create),
          row.spare ? '-' : millis(row.bootstrap),
          millis(row.load),
          millis(row.topLevel),
          millis(row.total),
          String(row.total.count),
        ]),
      ),
    ],
    [
      'cold: first request of a function over HTTP, p50 / p99 in ms',
      ...table(
        [
          'first request',
          'cold',
          'warm',
          'right after',
          'cold - warm',
          'cold - right after',
          'on a spare',
          'cached',
        ],
        http.map((row) => [
          row.what,
          millis(row.cold),
          millis(row.warm),
          millis(row.hot),
          row.overWarm.toFixed(2),
          row.overHot.toFixed(2),
          `${row.spares} of ${row.cold.count}`,
          `${row.cached} of ${row.cold.count}`,
        ]),
      ),
      `beside it: a bare node process, ${millis(nodeProcess)}`,
    ],
  ];
}

function warmText({ rows, ratio, differentRatio, browserRatio }: WarmReport): readonly (readonly string[])[] {
  return [
    [
      'warm: medians over the rounds',
      ...table(
        ['', 'connections', ...rateHeads],
        rows.map((row) => [row.what, String(row.connections), ...rateCells(row)]),
      ),
      `hello, islet over node:http: ${ratioText(ratio)}`,
      `each request different, islet over node:http: ${ratioText(differentRatio)}`,
      `a browser’s headers, islet over node:http: ${ratioText(browserRatio)}`,
    ],
  ];
}

/** Medians over pairs of turns, with the quarter below and the quarter above. */
function ratioText({ throughput, throughputMedian, cpu, cpuMedian }: Ratio): string {
  const spread = (values: readonly number[]): string => {
    const sorted = values.toSorted((one, other) => one - other);
    const at = (part: number): string =>
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2);
    return `${at(0.25)} to ${at(0.75)}`;
  };
  return (
    `${throughputMedian.toFixed(2)} of its requests/s (half of ${throughput.length} pairs of turns: ${spread(throughput)}), ` +
    `${cpuMedian.toFixed(2)} by CPU per request (${spread(cpu)})`
  );
}

function densityText(density: DensityReport): readonly (readonly string[])[] {
  return [
    [
      'density: RSS of a cell by warm instances',
      ...table(
        ['instances', 'RSS MB'],
        density.steps.map(({ instances, rssBytes }) => [String(instances), (rssBytes / MB).toFixed(0)]),
      ),
      `${(density.bytesPerInstance / MB).toFixed(2)} MB an instance, ${density.instancesPerGb} per GB; ` +
        `beside it: a bare node:http process, ${(density.nodeBytes / MB).toFixed(0)} MB, ${density.nodesPerGb} per GB`,
    ],
  ];
}

function streamingText(streaming: StreamingReport): readonly (readonly string[])[] {
  const { bytes, isletMbPerSecond, nodeMbPerSecond } = streaming;
  return [
    [
      `streaming: ${Math.round(bytes / MB)} MB in and out again`,
      `islet ${isletMbPerSecond.toFixed(0)} MB/s, node:http ${nodeMbPerSecond.toFixed(0)} MB/s`,
    ],
  ];
}

function socketsText({ rows }: SocketsReport): readonly (readonly string[])[] {
  const figures = ({ perSecond, p50, p99 }: EchoFigures): readonly string[] => [
    perSecond.toFixed(0),
    p50.toFixed(2),
    p99.toFixed(2),
  ];
  return [
    [
      'sockets: messages that come back',
      ...table(
        ['sockets', 'islet /s', 'p50 ms', 'p99 ms', 'ws /s', 'p50 ms', 'p99 ms'],
        rows.map(({ connections, islet, ws }) => [String(connections), ...figures(islet), ...figures(ws)]),
      ),
    ],
  ];
}
