import type { FunctionInfo } from '#host/host.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseName, parsePairs, parseVersion } from '../reference.ts';
import { UsageError } from '../usage-error.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';
import { weightsText } from './list.ts';

export const weights: Verb = {
  name: 'weights',
  summary: 'Share traffic between two versions, in percent',
  operands: 'NAME VERSION=PERCENT…',
  count: { least: 2, most: 3 },
  flags: adminFlags,
  examples: ['islet weights shop 3=90 4=10'],
  async run(args, context) {
    const { terminal } = context;
    const name = parseName(args.operand(0));
    const pairs = Object.entries(parsePairs(args.operands.slice(1)));
    const shares = pairs.map(
      ([version, percent]) => [String(parseVersion(version)), parsePercent(percent)] as const,
    );
    const client = await openClient(args, context);
    const body = { weights: Object.fromEntries(shares) };
    const info = await client.json<FunctionInfo>('PUT', path`/v1/functions/${name}/weights`, body);
    if (args.is('json')) terminal.json(info);
    else terminal.line(`${name} ${weightsText(info.weights)}`);
    return 0;
  },
};

function parsePercent(text: string): number {
  const percent = Number(text.replace(/%$/, ''));
  if (/^[0-9.]+%?$/.test(text) && percent <= 100) return percent;
  throw new UsageError(`${JSON.stringify(text)} is not a percentage from 0 to 100`, 'weights');
}
