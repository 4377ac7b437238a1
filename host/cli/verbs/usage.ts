import type { UsageReport } from '#host/host.ts';
import { query } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseName } from '../reference.ts';
import { bytesText, table } from '../table.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const usage: Verb = {
  name: 'usage',
  summary: 'What functions used, by version',
  operands: '[NAME]',
  count: { least: 0, most: 1 },
  flags: adminFlags,
  async run(args, context) {
    const { terminal } = context;
    const name = args.operands[0] === undefined ? undefined : parseName(args.operands[0]);
    const client = await openClient(args, context);
    const target = `/v1/usage${query({ function: name })}`;
    const { usage } = await client.json<{ usage: readonly UsageReport[] }>('GET', target);
    if (args.is('json')) {
      terminal.json(usage);
      return 0;
    }
    const head = [
      'FUNCTION',
      'CALLS',
      'COLD',
      'FAILED',
      'CPU MS',
      'WALL MS',
      'GB-S',
      'PEAK',
      'IN',
      'OUT',
      'OPS',
    ];
    for (const line of table(head, usage.map(toRow))) terminal.line(line);
    return 0;
  },
};

function toRow(report: UsageReport): readonly string[] {
  const { responded = 0, returned = 0 } = report.outcomes;
  return [
    `${report.function}@${report.version}`,
    String(report.invocations),
    String(report.cold),
    failures(report, responded + returned),
    report.cpuMs.toFixed(1),
    report.wallMs.toFixed(1),
    report.gbSeconds.toFixed(3),
    bytesText(report.peakMemoryBytes),
    bytesText(report.bytesIn),
    bytesText(report.bytesOut),
    String(report.operations),
  ];
}

/** `0`, or `3 (threw 2, exceeded:cpuMs 1)`. */
function failures(report: UsageReport, fine: number): string {
  const failed = Object.entries(report.outcomes).filter(
    ([label, count]) => count > 0 && label !== 'responded' && label !== 'returned',
  );
  if (failed.length === 0) return '0';
  return `${report.invocations - fine} (${failed.map(([label, count]) => `${label} ${count}`).join(', ')})`;
}
