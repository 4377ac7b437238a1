import type { FunctionInfo } from '#host/host.ts';
import { openClient } from '../locate.ts';
import { table, timeText } from '../table.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const list: Verb = {
  name: 'list',
  summary: 'Every function and where its traffic goes',
  operands: '',
  count: { least: 0, most: 0 },
  flags: adminFlags,
  async run(args, context) {
    const { terminal } = context;
    const client = await openClient(args, context);
    const { functions } = await client.json<{ functions: readonly FunctionInfo[] }>('GET', '/v1/functions');
    if (args.is('json')) {
      terminal.json(functions);
      return 0;
    }
    if (functions.length === 0) terminal.note('No function yet; islet deploy adds one');
    else
      for (const line of table(['NAME', 'TRAFFIC', 'VERSIONS', 'UPDATED', 'ROUTES'], functions.map(toRow)))
        terminal.line(line);
    return 0;
  },
};

function toRow(info: FunctionInfo): readonly string[] {
  return [
    info.name,
    weightsText(info.weights),
    String(info.versions),
    timeText(info.updatedAt),
    info.routes.join(' '),
  ];
}

/** `@3`, or `@3 90 %, @4 10 %`. */
export function weightsText(weights: Readonly<Record<string, number>>): string {
  const live = Object.entries(weights).filter(([, percent]) => percent > 0);
  if (live.length === 1) return `@${live[0]?.[0]}`;
  return live.map(([version, percent]) => `@${version} ${percent} %`).join(', ');
}
