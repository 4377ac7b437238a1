import type { Terminal } from './terminal.ts';
import type { Flag, Verb } from './verb.ts';

/** The help of one verb. */
export function verbHelp(verb: Verb, terminal: Terminal): string {
  const bold = (text: string): string => terminal.style('bold', text);
  const lines = [
    verb.summary,
    '',
    `${bold('Usage')}  islet ${[verb.name, verb.operands, '[flags]'].filter((part) => part !== '').join(' ')}`,
  ];
  for (const detail of verb.details ?? []) lines.push('', detail);
  const flags = { ...verb.flags, help: { type: 'boolean', short: 'h', help: 'This help' } as Flag };
  lines.push('', bold('Flags'));
  const rows = Object.entries(flags).map(([name, flag]) => [flagWords(name, flag), flag.help] as const);
  lines.push(...columns(rows));
  if (verb.examples !== undefined) {
    lines.push('', bold('Examples'), ...verb.examples.map((example) => `  ${example}`));
  }
  return lines.join('\n');
}

/** What `islet --help` shows. */
export function overview(verbs: readonly Verb[], version: string, terminal: Terminal): string {
  const bold = (text: string): string => terminal.style('bold', text);
  const rows = verbs.map((verb) => [`${verb.name} ${verb.operands}`.trim(), verb.summary] as const);
  return [
    `islet ${version}: edge functions in one npm install`,
    '',
    `${bold('Usage')}  islet VERB [flags]`,
    '',
    bold('Verbs'),
    ...columns(rows),
    '',
    'islet VERB --help tells more. Exit codes: 0 done, 1 failed, 2 not usable as written.',
  ].join('\n');
}

function flagWords(name: string, flag: Flag): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  return `${short}--${name}${flag.type === 'string' ? ` ${flag.value ?? 'VALUE'}` : ''}`;
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
