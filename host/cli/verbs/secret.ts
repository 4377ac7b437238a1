import { HostError } from '#runtime/errors.ts';
import { path } from '../client.ts';
import { readSecret } from '../input.ts';
import { openClient } from '../locate.ts';
import { parseName } from '../reference.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

const put: Verb = {
  name: 'secret put',
  summary: 'Set a secret of a function, from stdin or typed unseen',
  operands: 'NAME KEY',
  count: { least: 2, most: 2 },
  flags: adminFlags,
  details: ['The guest sees it as env.KEY. It is encrypted at rest and never shown again.'],
  examples: ['islet secret put shop API_KEY', 'islet secret put shop API_KEY < key.txt'],
  async run(args, context) {
    const { terminal } = context;
    const [name, key] = [parseName(args.operand(0)), args.operand(1)];
    const client = await openClient(args, context);
    const value = await readSecret(terminal, `${key} of ${name}`);
    if (value === '') {
      throw new HostError(
        'ERR_BAD_INPUT',
        `Cannot put ${key} of ${name}: the value is empty; type it, or send it on stdin: islet secret put ${name} ${key} < FILE`,
      );
    }
    await client.json('PUT', path`/v1/functions/${name}/secrets/${key}`, { value });
    if (args.is('json')) terminal.json({ put: key });
    else terminal.line(`${key} of ${name} is set`);
    return 0;
  },
};

const list: Verb = {
  name: 'secret list',
  summary: 'Names of the secrets of a function',
  operands: 'NAME',
  count: { least: 1, most: 1 },
  flags: adminFlags,
  async run(args, context) {
    const client = await openClient(args, context);
    const target = path`/v1/functions/${parseName(args.operand(0))}/secrets`;
    const { secrets } = await client.json<{ secrets: readonly string[] }>('GET', target);
    if (args.is('json')) context.terminal.json(secrets);
    else for (const key of secrets) context.terminal.line(key);
    return 0;
  },
};

const remove: Verb = {
  name: 'secret delete',
  summary: 'Remove a secret of a function',
  operands: 'NAME KEY',
  count: { least: 2, most: 2 },
  flags: adminFlags,
  async run(args, context) {
    const [name, key] = [parseName(args.operand(0)), args.operand(1)];
    const client = await openClient(args, context);
    await client.json('DELETE', path`/v1/functions/${name}/secrets/${key}`);
    if (args.is('json')) context.terminal.json({ deleted: key });
    else context.terminal.line(`${key} of ${name} is gone`);
    return 0;
  },
};

export const secret: readonly Verb[] = [put, list, remove];
