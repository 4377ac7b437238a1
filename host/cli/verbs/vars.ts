import type { VersionInfo } from '#host/host.ts';
import type { Arguments } from '../arguments.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseName, parsePairs } from '../reference.ts';
import { visible } from '../terminal.ts';
import type { Context, Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

const many = 1_000;

const list: Verb = {
  name: 'vars list',
  summary: 'Variables of the active version',
  operands: 'NAME',
  count: { least: 1, most: 1 },
  flags: adminFlags,
  async run(args, context) {
    const client = await openClient(args, context);
    const target = path`/v1/functions/${parseName(args.operand(0))}/vars`;
    const { vars } = await client.json<{ vars: Readonly<Record<string, string>> }>('GET', target);
    if (args.is('json')) context.terminal.json(vars);
    else for (const [key, value] of Object.entries(vars)) context.terminal.line(`${key}=${visible(value)}`);
    return 0;
  },
};

const set: Verb = {
  name: 'vars set',
  summary: 'Set variables; makes a new version and moves traffic to it',
  operands: 'NAME KEY=VALUE…',
  count: { least: 2, most: many },
  flags: adminFlags,
  examples: ['islet vars set shop MODE=live GREETING="hello there"'],
  run: (args, context) => change(args, context, parsePairs(args.operands.slice(1))),
};

const unset: Verb = {
  name: 'vars unset',
  summary: 'Remove variables; makes a new version and moves traffic to it',
  operands: 'NAME KEY…',
  count: { least: 2, most: many },
  flags: adminFlags,
  run: (args, context) =>
    change(args, context, Object.fromEntries(args.operands.slice(1).map((key) => [key, null] as const))),
};

export const vars: readonly Verb[] = [list, set, unset];

async function change(
  args: Arguments,
  context: Context,
  vars: Readonly<Record<string, string | null>>,
): Promise<number> {
  const name = parseName(args.operand(0));
  const client = await openClient(args, context);
  const info = await client.json<VersionInfo>('PATCH', path`/v1/functions/${name}/vars`, { vars });
  if (args.is('json')) context.terminal.json(info);
  else context.terminal.line(`${name} version ${info.version} answers`);
  return 0;
}
