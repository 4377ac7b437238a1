import { path } from '../client.ts';
import { confirm } from '../input.ts';
import { openClient } from '../locate.ts';
import { parseReference } from '../reference.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const deleteVerb: Verb = {
  name: 'delete',
  summary: 'Delete a function, or one version that has no traffic',
  operands: 'NAME[@VERSION]',
  count: { least: 1, most: 1 },
  flags: { yes: { type: 'boolean', short: 'y', help: 'Do not ask' }, ...adminFlags },
  details: ['Its code, versions and secrets go; what it stored in KV stays. Asks first on a terminal.'],
  async run(args, context) {
    const { terminal } = context;
    const { name, version } = parseReference(args.operand(0));
    const what = version === undefined ? `the function ${name}` : `version ${version} of ${name}`;
    const client = await openClient(args, context);
    const sure = args.is('yes') || (await confirm(terminal, `Delete ${what}?`));
    if (!sure) {
      terminal.note('Nothing was deleted');
      return 1;
    }
    const target = path`/v1/functions/${name}`;
    await client.json('DELETE', version === undefined ? target : `${target}/versions/${version}`);
    if (args.is('json')) terminal.json({ deleted: { name, ...(version === undefined ? {} : { version }) } });
    else terminal.line(`Deleted ${what}`);
    return 0;
  },
};
