import type { KvGranted } from '#host/host.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { table } from '../table.ts';
import { UsageError } from '../usage-error.ts';
import type { Arguments } from '../arguments.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

const to = { type: 'string', value: 'CORDON', help: 'The cordon whose functions may use it' } as const;

export const grant: Verb = {
  name: 'kv grant',
  summary: 'Let the functions of another cordon use a namespace',
  operands: 'NAMESPACE',
  count: { least: 1, most: 1 },
  flags: {
    to,
    read: { type: 'boolean', help: 'Only to read. Default: to read and write' },
    ...adminFlags,
  },
  details: [
    'Cordons share nothing unless you say so. NAMESPACE is one of the cordon "default", or CORDON:NAMESPACE. A function ' +
      'of the other cordon names it in its manifest: { "kind": "kv", "namespace": "default:prices" }.',
  ],
  examples: ['islet kv grant prices --to partner --read', 'islet kv grant partner:orders --to billing'],
  async run(args, context) {
    const client = await openClient(args, context);
    const access = args.is('read') ? 'read' : 'write';
    await client.json('PUT', path`/v1/kv/${args.operand(0)}/grants/${cordonOf(args)}`, { access });
    if (args.is('json')) context.terminal.json({ namespace: args.operand(0), to: cordonOf(args), access });
    return 0;
  },
};

export const grants: Verb = {
  name: 'kv grants',
  summary: 'Namespaces that other cordons may use',
  operands: '',
  count: { least: 0, most: 0 },
  flags: adminFlags,
  async run(args, context) {
    const client = await openClient(args, context);
    const { grants } = await client.json<{ grants: readonly KvGranted[] }>('GET', '/v1/kv-grants');
    if (args.is('json')) {
      context.terminal.json(grants);
      return 0;
    }
    const rows = grants.map(({ namespace, to, access }) => [namespace, to, access]);
    for (const line of table(['namespace', 'to', 'access'], rows)) context.terminal.line(line);
    return 0;
  },
};

export const revoke: Verb = {
  name: 'kv revoke',
  summary: 'Take a grant back; at once, also for what runs',
  operands: 'NAMESPACE',
  count: { least: 1, most: 1 },
  flags: { to, ...adminFlags },
  examples: ['islet kv revoke prices --to partner'],
  async run(args, context) {
    const client = await openClient(args, context);
    await client.bytes('DELETE', path`/v1/kv/${args.operand(0)}/grants/${cordonOf(args)}`);
    if (args.is('json')) context.terminal.json({ revoked: args.operand(0), to: cordonOf(args) });
    return 0;
  },
};

function cordonOf(args: Arguments): string {
  const cordon = args.text('to');
  if (cordon !== undefined) return cordon;
  throw new UsageError(`islet ${args.verb.name} needs --to CORDON`, args.verb.name);
}
