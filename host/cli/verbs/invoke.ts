import { fstatSync } from 'node:fs';
import type { InvokeResult } from '#host/host.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import { path, query } from '../client.ts';
import { readAll } from '../input.ts';
import { openClient } from '../locate.ts';
import { formatEntry } from '../log-line.ts';
import { parseReference } from '../reference.ts';
import type { Terminal } from '../terminal.ts';
import { visible } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const invoke: Verb = {
  name: 'invoke',
  summary: 'Send an event to a handler and print what it returns',
  operands: 'NAME[@VERSION]',
  count: { least: 1, most: 1 },
  flags: {
    data: {
      type: 'string',
      value: 'JSON',
      help: 'The event; - reads stdin, and so does a pipe. Default: {}',
    },
    ...adminFlags,
  },
  details: [
    'The result goes to stdout, the log lines of the call to stderr. Exit code 1 when the handler fails.',
  ],
  examples: [`islet invoke hello --data '{"name":"Ada"}'`, 'islet invoke shop@3 < event.json'],
  async run(args, context) {
    const { terminal } = context;
    const { name, version } = parseReference(args.operand(0));
    const event = parseEvent(args.text('data'), await readEvent(args.text('data'), terminal));
    const client = await openClient(args, context);
    const calling = client.json<InvokeResult>(
      'POST',
      path`/v1/functions/${name}/invoke` + query({ version }),
      event,
    );
    const result = await terminal.during(`invoking ${name}`, calling);
    const done = result.outcome.kind === 'returned';
    if (args.is('json')) {
      terminal.json(result);
      return done ? 0 : 1;
    }
    for (const entry of result.logs) terminal.note(formatEntry(entry, terminal));
    if (done) terminal.line(JSON.stringify(result.value ?? null, null, 2));
    else terminal.note(`${terminal.noteStyle('red', 'islet:')} ${name} ${describe(result.outcome)}`);
    return done ? 0 : 1;
  },
};

async function readEvent(data: string | undefined, terminal: Terminal): Promise<string> {
  if (data !== undefined && data !== '-') return data;
  if (data === undefined && !isPiped()) return '';
  return (await readAll(terminal.stdin)).toString();
}

/** True for a pipe or a file: a terminal and /dev/null hold no event. */
function isPiped(): boolean {
  try {
    const stats = fstatSync(0);
    return stats.isFIFO() || stats.isFile() || stats.isSocket();
  } catch {
    return false;
  }
}

function parseEvent(data: string | undefined, text: string): unknown {
  if (text.trim() === '' && data === undefined) return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the event is not JSON: ${(error as Error).message}`, 'invoke');
  }
}

function describe(outcome: Outcome): string {
  const { code } = outcomeRow(outcome);
  if (outcome.kind === 'threw') {
    // Its stack is in the log lines, shown already.
    const { name, message } = outcome.error;
    return `threw ${visible(`${name}: ${message}`)} (${code})`;
  }
  if (outcome.kind === 'exceeded') return `went over its limit ${outcome.limit} (${code})`;
  if (outcome.kind === 'refused' && outcome.reason === 'no-handler') {
    return `has no handler for events; call it over HTTP, or export handler(event, context) (${code})`;
  }
  return `${outcome.kind} (${code})`;
}
