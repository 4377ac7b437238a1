import type { Listening, LogEntry } from '#host/host.ts';
import type { HostError } from '#runtime/errors.ts';
import { formatEntry } from '../log-line.ts';
import type { Terminal } from '../terminal.ts';
import { functionUrl } from './host.ts';

/** What `islet dev` tells while it runs. */
export interface DevReport {
  listening(name: string, listening: Listening, dir: string): void;
  deployed(version: number, ms: number): void;
  /** The source neither built nor started; what ran before goes on. */
  failed(error: HostError): void;
  log(entry: LogEntry): void;
}

/** For a person: events and logs on stdout, failures on stderr. */
export function toPerson(terminal: Terminal): DevReport {
  return {
    listening(name, { url }) {
      terminal.line(`${terminal.style('bold', name)} at ${functionUrl(url, name)}`);
    },
    deployed(version, ms) {
      terminal.line(`${terminal.style('green', '●')} version ${version} answers (${Math.round(ms)} ms)`);
    },
    failed(error) {
      terminal.note(`${terminal.noteStyle('red', '●')} ${error.message} (${error.code})`);
    },
    log(entry) {
      terminal.line(formatEntry(entry, terminal));
    },
  };
}

/**
 * For a program: every event one JSON object a line on stdout, in the order they came; `kind` says which. A failure is
 * an event like the others, since the command goes on.
 */
export function toProgram(terminal: Terminal): DevReport {
  return {
    listening(name, listening, dir) {
      const { url, adminUrl } = listening;
      const address = functionUrl(url, name);
      terminal.json({ kind: 'listening', name, address, url, adminUrl, dir, pid: process.pid });
    },
    deployed(version, ms) {
      terminal.json({ kind: 'deployed', version, ms });
    },
    failed({ code, message }) {
      terminal.json({ kind: 'failed', error: { code, message } });
    },
    log(entry) {
      terminal.json({ kind: 'log', ...entry });
    },
  };
}
