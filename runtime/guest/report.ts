import { log } from './invocation.ts';
import { describe } from './thrown.ts';

/** `reportError` (HTML): an exception nobody catches becomes a log line of the current invocation. */
export function report(thrown: unknown): void {
  const { name, message, stack } = describe(thrown);
  log('error', `Uncaught ${stack === '' ? `${name}: ${message}` : stack}`);
}
