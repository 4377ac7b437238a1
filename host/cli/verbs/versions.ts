import type { VersionInfo } from '#host/host.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseName } from '../reference.ts';
import { bytesText, table, timeText } from '../table.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const versions: Verb = {
  name: 'versions',
  summary: 'Versions of a function, their traffic and their preview addresses',
  operands: 'NAME',
  count: { least: 1, most: 1 },
  flags: adminFlags,
  async run(args, context) {
    const { terminal } = context;
    const name = parseName(args.operand(0));
    const client = await openClient(args, context);
    const answer = await client.json<{ versions: readonly VersionInfo[] }>(
      'GET',
      path`/v1/functions/${name}/versions`,
    );
    if (args.is('json')) {
      terminal.json(answer.versions);
      return 0;
    }
    const rows = answer.versions.map((info) => [
      String(info.version),
      `${info.weight} %`,
      bytesText(info.sourceBytes),
      timeText(info.createdAt),
      info.preview.path,
      info.id,
    ]);
    for (const line of table(['VERSION', 'TRAFFIC', 'SIZE', 'CREATED', 'PREVIEW', 'ID'], rows))
      terminal.line(line);
    return 0;
  },
};
