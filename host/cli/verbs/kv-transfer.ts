import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KvImported } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import type { AdminClient } from '../client.ts';
import { path, query, RemoteError } from '../client.ts';
import { openClient } from '../locate.ts';
import type { Context, Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

/** Lines go to the host in requests of about this size: one that fails leaves little to do again. */
const batchBytes: number = 2 * 2 ** 20;
/** No line is longer: a value of 25 MiB in base64, its key and metadata. */
const longestLine: number = 36 * 2 ** 20;
const mostLines = 10 ** 15;

export const exportVerb: Verb = {
  name: 'kv export',
  summary: 'A namespace as JSON Lines, to a file or stdout',
  operands: 'NAMESPACE [FILE]',
  count: { least: 1, most: 2 },
  flags: {
    prefix: { type: 'string', value: 'TEXT', help: 'Only keys that begin with it' },
    ...adminFlags,
  },
  details: [
    'One line an entry, in order of keys: { "key", "value", "base64"?, "expiration"?, "metadata"? }. Bytes that are no ' +
      'text are base64. `islet kv import` takes the lines back, and the objects of a Workers KV bulk file as well.',
  ],
  examples: ['islet kv export sessions sessions.jsonl', 'islet kv export shop/KV | gzip > shop.jsonl.gz'],
  async run(args, context) {
    const client = await openClient(args, context);
    const target = path`/v1/kv/${args.operand(0)}/export` + query({ prefix: args.text('prefix') });
    const file = args.operands[1];
    const count = await (file === undefined
      ? toTerminal(client.pieces(target), context)
      : toFile(client.pieces(target), resolve(context.cwd, file)));
    if (file !== undefined && args.is('json')) context.terminal.json({ exported: count });
    else context.terminal.note(`${count} entries`);
    return 0;
  },
};

export const importVerb: Verb = {
  name: 'kv import',
  summary: 'Put every line of a file, or of stdin, into a namespace',
  operands: 'NAMESPACE [FILE]',
  count: { least: 1, most: 2 },
  flags: {
    'if-absent': { type: 'boolean', help: 'Leave keys that are there alone' },
    'from-line': { type: 'string', value: 'N', help: 'Begin there. Default: 1' },
    ...adminFlags,
  },
  details: [
    'Lines as `islet kv export` writes them. A line that cannot go in ends it, with its number; all before it are in. ' +
      'The same lines may go in again: mend the line and repeat, or go on with --from-line.',
  ],
  examples: ['islet kv import sessions sessions.jsonl', 'gunzip -c shop.jsonl.gz | islet kv import shop/KV'],
  async run(args, context) {
    const from = args.number('from-line', 1, mostLines) ?? 1;
    const client = await openClient(args, context);
    const target =
      path`/v1/kv/${args.operand(0)}/import` + query({ ifAbsent: args.is('if-absent') ? true : undefined });
    const file = args.operands[1];
    const source = file === undefined ? context.terminal.stdin : createReadStream(resolve(context.cwd, file));
    const sum = await send(source as AsyncIterable<Buffer>, { client, target, from, context });
    report(sum, args.is('json'), context);
    const { failed } = sum;
    if (failed === undefined) return 0;
    throw new RemoteError(
      failed.code,
      200,
      `Cannot import line ${failed.line}: ${failed.message}; all before it are in, mend it and go on with --from-line=${failed.line}`,
    );
  },
};

interface Sending {
  readonly client: AdminClient;
  readonly target: string;
  readonly from: number;
  readonly context: Context;
}

/** Batch after batch, each acknowledged before the next; says how far it came when it is broken off. */
async function send(
  source: AsyncIterable<Buffer>,
  { client, target, from, context }: Sending,
): Promise<KvImported> {
  let sum: KvImported = { lines: from - 1, written: 0, present: 0, expired: 0 };
  try {
    for await (const batch of toBatches(skipLines(source, from - 1))) {
      const { bytes } = await client.bytes('POST', target, batch);
      sum = add(sum, JSON.parse(bytes.toString()) as KvImported);
      if (sum.failed !== undefined) break;
    }
  } catch (error) {
    if (sum.lines >= from) {
      context.terminal.note(`${sum.lines} lines are in; go on with --from-line=${sum.lines + 1}`);
    }
    throw error;
  }
  return sum;
}

function add(sum: KvImported, { failed, ...more }: KvImported): KvImported {
  return {
    lines: sum.lines + more.lines,
    written: sum.written + more.written,
    present: sum.present + more.present,
    expired: sum.expired + more.expired,
    ...(failed === undefined ? {} : { failed: { ...failed, line: sum.lines + failed.line } }),
  };
}

function report(sum: KvImported, json: boolean, { terminal }: Context): void {
  if (json) return terminal.json(sum);
  const counts = [`${sum.written} written`];
  if (sum.present > 0) counts.push(`${sum.present} left alone`);
  if (sum.expired > 0) counts.push(`${sum.expired} expired`);
  terminal.line(counts.join(', '));
}

async function* skipLines(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer, void> {
  let left = count;
  for await (const piece of source) {
    let from = 0;
    while (left > 0 && from < piece.length) {
      const end = piece.indexOf(10, from);
      if (end === -1) break;
      from = end + 1;
      left--;
    }
    if (left === 0 && from < piece.length) yield piece.subarray(from);
  }
}

/** Whole lines, a batch's bytes or one line at a time. Throws HostError ERR_BAD_INPUT when a line does not end. */
async function* toBatches(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let kept: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    const cut = piece.lastIndexOf(10) + 1;
    if (cut > 0 && length + cut >= batchBytes) {
      yield Buffer.concat([...kept, piece.subarray(0, cut)]);
      kept = [piece.subarray(cut)];
      length = piece.length - cut;
      continue;
    }
    kept.push(piece);
    length += piece.length;
    if (length > longestLine + batchBytes) {
      throw new HostError(
        'ERR_BAD_INPUT',
        `Cannot import: a line has over ${longestLine} bytes; end lines with \\n`,
      );
    }
  }
  if (length > 0) yield Buffer.concat(kept);
}

/** No faster than stdout takes it. */
async function toTerminal(pieces: AsyncIterable<Buffer>, { terminal }: Context): Promise<number> {
  let count = 0;
  for await (const piece of pieces) {
    count += countLines(piece);
    terminal.bytes(piece);
    await terminal.flush();
  }
  return count;
}

/** Under another name until it is whole: what has the name of an export is one. */
async function toFile(pieces: AsyncIterable<Buffer>, file: string): Promise<number> {
  const part = `${file}.part`;
  const handle = await open(part, 'w');
  let count = 0;
  try {
    for await (const piece of pieces) {
      count += countLines(piece);
      await handle.writeFile(piece);
    }
    await handle.sync();
    await handle.close();
    await rename(part, file);
    return count;
  } catch (error) {
    await handle.close();
    await rm(part, { force: true });
    throw error;
  }
}

function countLines(piece: Buffer): number {
  let count = 0;
  for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) count++;
  return count;
}
