import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { valueBytes } from '#host/admin/bounds.ts';
import type { KvListResult } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import type { Arguments } from '../arguments.ts';
import { path, query } from '../client.ts';
import { readAll } from '../input.ts';
import { openClient } from '../locate.ts';
import { visible } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import type { Context, Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';
import { grant, grants, revoke } from './kv-grants.ts';
import { exportVerb, importVerb } from './kv-transfer.ts';

/** Seconds; the host knows the real bounds. */
const mostSeconds = 10 ** 12;

const namespaces: Verb = {
  name: 'kv namespaces',
  summary: 'KV namespaces that hold something',
  operands: '',
  count: { least: 0, most: 0 },
  flags: adminFlags,
  async run(args, context) {
    const client = await openClient(args, context);
    const { namespaces } = await client.json<{ namespaces: readonly string[] }>('GET', '/v1/kv');
    if (args.is('json')) context.terminal.json(namespaces);
    else for (const name of namespaces) context.terminal.line(visible(name));
    return 0;
  },
};

const list: Verb = {
  name: 'kv list',
  summary: 'Keys of a namespace',
  operands: 'NAMESPACE',
  count: { least: 1, most: 1 },
  flags: {
    prefix: { type: 'string', value: 'TEXT', help: 'Only keys that begin with it' },
    start: { type: 'string', value: 'KEY', help: 'The first key of the range' },
    end: { type: 'string', value: 'KEY', help: 'The key before which the range ends' },
    reverse: { type: 'boolean', help: 'From the last key to the first' },
    limit: { type: 'string', value: 'N', help: 'At most so many, 1 to 1000. Default: all' },
    cursor: { type: 'string', value: 'CURSOR', help: 'Where an earlier list ended' },
    ...adminFlags,
  },
  async run(args, context) {
    const { terminal } = context;
    const client = await openClient(args, context);
    const target = path`/v1/kv/${args.operand(0)}/keys`;
    const limit = args.number('limit', 1, 1000);
    const range = {
      prefix: args.text('prefix'),
      start: args.text('start'),
      end: args.text('end'),
      reverse: args.is('reverse') ? true : undefined,
    };
    let cursor = args.text('cursor');
    const keys: KvListResult['keys'][number][] = [];
    for (;;) {
      const page = await client.json<KvListResult>('GET', target + query({ ...range, limit, cursor }));
      if (args.is('json')) keys.push(...page.keys);
      else for (const { name } of page.keys) terminal.line(visible(name));
      cursor = page.cursor;
      if (page.listComplete || limit !== undefined || cursor === undefined) break;
    }
    if (args.is('json')) terminal.json({ keys, ...(cursor === undefined ? {} : { cursor }) });
    else if (cursor !== undefined) terminal.note(`more with --cursor=${cursor}`);
    return 0;
  },
};

const get: Verb = {
  name: 'kv get',
  summary: 'A value as it is, to stdout',
  operands: 'NAMESPACE KEY',
  count: { least: 2, most: 2 },
  flags: adminFlags,
  examples: ['islet kv get pictures logo.png > logo.png'],
  async run(args, context) {
    const client = await openClient(args, context);
    const { bytes, headers } = await client.bytes(
      'GET',
      path`/v1/kv/${args.operand(0)}/values/${args.operand(1)}`,
    );
    if (!args.is('json')) {
      context.terminal.bytes(bytes);
      return 0;
    }
    const metadata: unknown = JSON.parse(String(headers['x-islet-kv-metadata'] ?? 'null'));
    context.terminal.json({ base64: bytes.toString('base64'), metadata });
    return 0;
  },
};

const put: Verb = {
  name: 'kv put',
  summary: 'Store a value: given, from a file, or from stdin',
  operands: 'NAMESPACE KEY [VALUE]',
  count: { least: 2, most: 3 },
  flags: {
    file: { type: 'string', value: 'PATH', help: 'The value is in this file' },
    ttl: { type: 'string', value: 'SECONDS', help: 'It expires so long from now, 60 or more' },
    expiration: { type: 'string', value: 'SECONDS', help: 'It expires then, seconds since the epoch' },
    metadata: { type: 'string', value: 'JSON', help: 'Kept beside it, 1024 bytes at the most' },
    ...adminFlags,
  },
  examples: ['islet kv put shop/KV greeting hello', 'islet kv put pictures logo.png --file logo.png'],
  async run(args, context) {
    const [namespace, key] = [args.operand(0), args.operand(1)];
    const options = {
      expirationTtl: args.number('ttl', 1, mostSeconds),
      expiration: args.number('expiration', 1, mostSeconds),
      metadata: args.text('metadata'),
    };
    const client = await openClient(args, context);
    const value = await readValue(args, context);
    // The host would end the connection in the middle of it.
    if (value.byteLength > valueBytes) {
      throw new HostError(
        'ERR_KV_VALUE',
        `Cannot put ${JSON.stringify(key)}: it has ${value.byteLength} bytes; a value has at most ${valueBytes}`,
      );
    }
    await client.bytes('PUT', path`/v1/kv/${namespace}/values/${key}` + query(options), value);
    if (args.is('json')) context.terminal.json({ put: key, bytes: value.byteLength });
    return 0;
  },
};

const remove: Verb = {
  name: 'kv delete',
  summary: 'Remove a value',
  operands: 'NAMESPACE KEY',
  count: { least: 2, most: 2 },
  flags: adminFlags,
  async run(args, context) {
    const client = await openClient(args, context);
    await client.bytes('DELETE', path`/v1/kv/${args.operand(0)}/values/${args.operand(1)}`);
    if (args.is('json')) context.terminal.json({ deleted: args.operand(1) });
    return 0;
  },
};

export const kv: readonly Verb[] = [
  namespaces,
  list,
  get,
  put,
  remove,
  exportVerb,
  importVerb,
  grant,
  grants,
  revoke,
];

async function readValue(args: Arguments, context: Context): Promise<Buffer> {
  const given = args.operands[2];
  const file = args.text('file');
  if (given !== undefined && file !== undefined)
    throw new UsageError('give a value or --file, not both', 'kv put');
  if (given !== undefined) return Buffer.from(given);
  if (file !== undefined) return readFile(resolve(context.cwd, file));
  return readAll(context.terminal.stdin);
}
