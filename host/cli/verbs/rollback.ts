import type { VersionInfo } from '#host/host.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseReference } from '../reference.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const rollback: Verb = {
  name: 'rollback',
  summary: 'Move traffic to a version, by default the one that had it before',
  operands: 'NAME[@VERSION]',
  count: { least: 1, most: 1 },
  flags: adminFlags,
  examples: ['islet rollback shop', 'islet rollback shop@3'],
  async run(args, context) {
    const { terminal } = context;
    const { name, version } = parseReference(args.operand(0));
    const client = await openClient(args, context);
    const body = version === undefined ? {} : { version };
    const info = await client.json<VersionInfo>('POST', path`/v1/functions/${name}/rollback`, body);
    if (args.is('json')) terminal.json(info);
    else terminal.line(`${name} version ${info.version} answers`);
    return 0;
  },
};
