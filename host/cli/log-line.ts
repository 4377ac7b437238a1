import type { LogEntry } from '#host/host.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './terminal.ts';

type Style = Parameters<Terminal['style']>[0];

const styles: Readonly<Record<LogEntry['level'], Style | undefined>> = {
  debug: 'dim',
  log: undefined,
  info: undefined,
  warn: 'yellow',
  error: 'red',
  system: 'cyan',
};

/** `21:32:00.123 shop@3 warn message`; further lines of the message are indented. */
export function formatEntry(entry: LogEntry, terminal: Terminal): string {
  const style = styles[entry.level];
  const message = visible(entry.message).replaceAll('\n', '\n    ');
  const head = `${new Date(entry.at).toISOString().slice(11, 23)} ${entry.function}@${entry.version}`;
  const level = entry.level.padEnd(5);
  const body = `${level} ${message}`;
  return `${terminal.style('dim', head)} ${style === undefined ? body : terminal.style(style, body)}`;
}
