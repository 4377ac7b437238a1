import type { BenchReport } from './report.ts';

/** One bar of a panel; `known` are the figures ours are held against. */
interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  readonly known: boolean;
}

interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const width = 860;
const labelWidth = 250;
const barWidth = 380;
const rowHeight = 24;
const panelGap = 34;
const ours = '#2f6f9f';
const theirs = '#b9bfc6';

/** The report as one SVG picture: a panel of bars for each part that was measured. */
export function toSvg(report: BenchReport): string {
  const panels = [
    ...coldPanels(report),
    ...warmPanels(report),
    ...otherPanels(report),
    ...wasmPanels(report),
  ];
  const lines: string[] = [];
  let y = 92;
  for (const panel of panels) {
    lines.push(text(24, y, panel.title, 'class="title"'));
    y += 14;
    const most = Math.max(...panel.bars.map(({ value }) => value), Number.MIN_VALUE);
    for (const bar of panel.bars) {
      lines.push(...drawBar(bar, y, most));
      y += rowHeight;
    }
    y += panelGap;
  }
  const { machine, versions } = report;
  const about = `${machine.cores} x ${machine.cpu}, node ${versions['node']}, V8 ${versions['v8']}, islet ${versions['islet']}, ${report.date.slice(0, 10)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img" aria-labelledby="name">`,
    '<title id="name">islet bench</title>',
    '<style>text{font:13px system-ui,sans-serif;fill:#24292f}.head{font-size:20px;font-weight:600}.title{font-weight:600}.small{font-size:12px;fill:#57606a}</style>',
    `<rect width="${width}" height="${y}" fill="#ffffff"/>`,
    text(24, 34, 'islet bench', 'class="head"'),
    text(24, 55, about, 'class="small"'),
    `<rect x="${width - 208}" y="22" width="12" height="12" fill="${ours}"/>`,
    text(width - 190, 33, 'islet', 'class="small"'),
    `<rect x="${width - 140}" y="22" width="12" height="12" fill="${theirs}"/>`,
    text(width - 122, 33, 'beside it, same run', 'class="small"'),
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}

function drawBar(bar: Bar, y: number, most: number): readonly string[] {
  const length = Math.max(1, Math.round((bar.value / most) * barWidth));
  return [
    text(labelWidth - 10, y + 15, bar.label, 'text-anchor="end"'),
    `<rect x="${labelWidth}" y="${y + 3}" width="${length}" height="${rowHeight - 8}" rx="2" fill="${bar.known ? theirs : ours}"/>`,
    text(labelWidth + length + 8, y + 15, bar.text, 'class="small"'),
  ];
}

function coldPanels({ cold }: BenchReport): readonly Panel[] {
  if (cold === undefined) return [];
  const bar = (label: string, ms: number, known = false): Bar => ({
    label,
    value: ms,
    text: `${ms.toFixed(2)} ms`,
    known,
  });
  const first = cold.http.flatMap((row) => [
    bar(`first request ${row.what === 'no spare' ? 'without a spare' : row.what}`, row.cold.p50),
    bar('next request', row.warm.p50, true),
  ]);
  const phases = cold.phases
    .filter(({ code }) => code === 'hello')
    .map((row) =>
      bar(
        `${row.spare ? 'spare' : 'no spare'}, ${row.cached ? 'code cache' : 'no code cache'}`,
        row.total.p50,
      ),
    );
  return [
    { title: 'Cold start over HTTP, p50 (shorter is better)', bars: first },
    { title: 'Start of the engine by itself, hello, p50 (shorter is better)', bars: phases },
  ];
}

function warmPanels({ warm, pinned }: BenchReport): readonly Panel[] {
  if (warm === undefined) return [];
  const isNode = (what: string): boolean => what.startsWith('node:http');
  return [
    {
      title: `Warm requests per second${pinned ? ' on one core' : ''} (longer is better)`,
      bars: warm.rows
        .filter(({ connections }) => connections > 1)
        .map((row) => ({
          label: row.what,
          value: row.requestsPerSecond,
          text: `${Math.round(row.requestsPerSecond)}/s, p50 ${row.p50.toFixed(2)} ms, p99 ${row.p99.toFixed(2)} ms`,
          known: isNode(row.what),
        })),
    },
    {
      title: 'Latency of one connection, p50 (shorter is better)',
      bars: warm.rows
        .filter(({ connections }) => connections === 1)
        .map((row) => ({
          label: row.what,
          value: row.p50,
          text: `${row.p50.toFixed(3)} ms`,
          known: isNode(row.what),
        })),
    },
  ];
}

function otherPanels({ density, kv, streaming }: BenchReport): readonly Panel[] {
  const panels: Panel[] = [];
  const rate = (label: string, value: number, unit: string, known: boolean): Bar => ({
    label,
    value,
    text: `${Math.round(value)} ${unit}`,
    known,
  });
  if (density !== undefined)
    panels.push({
      title: 'Density: per GB of memory (longer is better)',
      bars: [
        rate('warm islet instances', density.instancesPerGb, 'per GB', false),
        rate('bare node:http processes', density.nodesPerGb, 'per GB', true),
      ],
    });
  if (kv !== undefined)
    panels.push({
      title: 'KV puts per second (longer is better)',
      bars: kv.rows
        .filter(({ what }) => what.startsWith('put'))
        .flatMap((row) => [
          rate(row.what, 1e6 / row.islet, '/s', false),
          rate('node:sqlite', 1e6 / row.sqlite, '/s', true),
        ]),
    });
  if (streaming !== undefined)
    panels.push({
      title: 'A body piped through (longer is better)',
      bars: [
        rate('islet', streaming.isletMbPerSecond, 'MB/s', false),
        rate('node:http', streaming.nodeMbPerSecond, 'MB/s', true),
      ],
    });
  return panels;
}

function wasmPanels({ wasm, pinned }: BenchReport): readonly Panel[] {
  if (wasm === undefined) return [];
  const first = wasm.first.flatMap(({ what, cold, warm }) => [
    { label: `${what}, first request`, value: cold.p50, text: `${cold.p50.toFixed(2)} ms`, known: false },
    { label: 'next request', value: warm.p50, text: `${warm.p50.toFixed(2)} ms`, known: true },
  ]);
  return [
    { title: 'WebAssembly: first request, p50 (shorter is better)', bars: first },
    {
      title: `WebAssembly: warm requests per second${pinned ? ' on one core' : ''} (longer is better)`,
      bars: wasm.warm.map((row) => ({
        label: row.what.replace(/, .*| \(.*/, ''),
        value: row.requestsPerSecond,
        text: `${Math.round(row.requestsPerSecond)}/s, p50 ${row.p50.toFixed(2)} ms`,
        known: !row.what.startsWith('islet'),
      })),
    },
  ];
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}
