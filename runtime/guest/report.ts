import { log } from './invocation.ts';
import { describe } from './thrown.ts';
import { fireError } from './web/index.ts';

/**
 * `reportError` (HTML): an exception nobody catches becomes an `error` event of the global scope, and a log line of the
 * current invocation unless a listener prevents it.
 */
export function report(thrown: unknown): void {
  const { name, message, stack } = describe(thrown);
  if (fireError(thrown, `Uncaught ${name}: ${message}`)) return;
  log('error', `Uncaught ${stack === '' ? `${name}: ${message}` : stack}`);
}
