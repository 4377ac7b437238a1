import { didYouMean } from '#host/deploy/nearest.ts';
import { HostError } from '#runtime/errors.ts';
import { parseArguments } from './arguments.ts';
import { RemoteError } from './client.ts';
import { overview, verbHelp } from './help.ts';
import { UsageError } from './usage-error.ts';
import type { Context, Verb } from './verb.ts';
import { verbs } from './verbs.ts';

/** Runs one command line; resolves to the exit code: 0 done, 1 failed, 2 not usable, 130 interrupted. Never rejects. */
export async function runCli(argv: readonly string[], context: Context): Promise<number> {
  try {
    return await dispatch(argv, context);
  } catch (error) {
    if (context.signal.aborted && !(error instanceof UsageError)) return 130;
    return report(error, argv, context);
  }
}

async function dispatch(argv: readonly string[], context: Context): Promise<number> {
  const { terminal, version } = context;
  const [first, ...rest] = argv;
  if (first === '--version' || first === '-v') {
    terminal.line(version);
    return 0;
  }
  if (first === '--help' || first === '-h' || first === 'help') {
    terminal.line(helpFor(first === 'help' ? rest : [], context));
    return 0;
  }
  if (first === undefined) {
    terminal.note(overview(verbs, version, terminal));
    return 2;
  }
  if (first.startsWith('-')) throw new UsageError(`${first} comes before a verb; write islet VERB ${first}`);
  if (isGroup(first) && (rest[0] === '--help' || rest[0] === '-h')) {
    terminal.line(helpFor([first], context));
    return 0;
  }
  const verb = findVerb(argv);
  const args = parseArguments(verb, argv.slice(verb.name.split(' ').length));
  if (args.is('help')) {
    terminal.line(verbHelp(verb, terminal));
    return 0;
  }
  return verb.run(args, context);
}

/** By its one or two words. Throws UsageError with the nearest name. */
function findVerb(words: readonly string[]): Verb {
  const [first = '', second = ''] = words;
  const found =
    verbs.find(({ name }) => name === `${first} ${second}`) ?? verbs.find(({ name }) => name === first);
  if (found !== undefined) return found;
  const names = [...new Set(verbs.map(({ name }) => name.split(' ')[0] ?? name))];
  if (!isGroup(first)) throw new UsageError(`there is no verb "${first}"${didYouMean(first, names)}`);
  const members = verbs
    .filter(({ name }) => name.startsWith(`${first} `))
    .map(({ name }) => name.split(' ')[1] ?? '');
  const what = second === '' || second.startsWith('-') ? 'needs one of' : `has no "${second}", it has`;
  throw new UsageError(`islet ${first} ${what} ${members.join(', ')}`, first);
}

function isGroup(word: string): boolean {
  return verbs.some(({ name }) => name.startsWith(`${word} `));
}

function helpFor(words: readonly string[], { terminal, version }: Context): string {
  const [first = '', second] = words;
  if (first === '') return overview(verbs, version, terminal);
  if (isGroup(first) && second === undefined) {
    const members = verbs.filter(({ name }) => name.startsWith(`${first} `));
    return members.map((verb) => verbHelp(verb, terminal)).join('\n\n\n');
  }
  return verbHelp(findVerb(words), terminal);
}

/** One line for the person, or one JSON object where --json was given. */
function report(error: unknown, argv: readonly string[], { terminal }: Context): number {
  const { code, message } = describe(error);
  const usage = error instanceof UsageError;
  if (argv.includes('--json')) terminal.note(JSON.stringify({ error: { code, message } }));
  else terminal.note(`${terminal.noteStyle('red', 'islet:')} ${message}${usage ? '' : ` (${code})`}`);
  if (!usage) return 1;
  if (!argv.includes('--json'))
    terminal.note(`islet ${[error.verb, '--help'].filter(Boolean).join(' ')} tells more`);
  return 2;
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof UsageError) return { code: 'ERR_USAGE', message: error.message };
  if (error instanceof HostError || error instanceof RemoteError)
    return { code: error.code, message: error.message };
  const { code } = error as NodeJS.ErrnoException;
  const plain = error instanceof Error && typeof code === 'string';
  // Conditions of the system, such as ENOENT, have words of their own; anything else is islet's mistake.
  if (plain) return { code, message: error.message };
  return {
    code: 'ERR_INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
