import type { LogEntry } from '#host/host.ts';
import { path, query } from '../client.ts';
import { openClient } from '../locate.ts';
import { formatEntry } from '../log-line.ts';
import { parseName } from '../reference.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const logs: Verb = {
  name: 'logs',
  summary: 'Log lines of a function, or of all',
  operands: '[NAME]',
  count: { least: 0, most: 1 },
  flags: {
    follow: { type: 'boolean', short: 'f', help: 'Stay and print lines as they come, until Ctrl-C' },
    tail: { type: 'string', value: 'N', help: 'Earlier lines to begin with. Default 100' },
    ...adminFlags,
  },
  examples: ['islet logs -f shop', 'islet logs --tail 10 --json'],
  async run(args, context) {
    const { terminal } = context;
    const name = args.operands[0] === undefined ? undefined : parseName(args.operands[0]);
    const tail = args.number('tail', 0, 1_000_000);
    const client = await openClient(args, context);
    const target = name === undefined ? '/v1/logs' : path`/v1/functions/${name}/logs`;
    for await (const { data } of client.events(target + query({ tail, follow: args.is('follow') }))) {
      if (args.is('json')) terminal.json(data);
      else terminal.line(formatEntry(data as LogEntry, terminal));
    }
    return 0;
  },
};
