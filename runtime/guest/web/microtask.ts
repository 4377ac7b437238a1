import { reportException } from './io.ts';
import { methodOf, requireArguments } from './webidl.ts';

const done = Promise.resolve();
const then = methodOf<(self: Promise<void>, run: () => void) => Promise<void>>(Promise.prototype, 'then');

/** HTML, 8.7. What the callback throws is reported, not passed on. */
export function queueMicrotask(callback: unknown): void {
  requireArguments(arguments.length, 1, 'queueMicrotask');
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask needs a function');
  void then(done, () => {
    try {
      callback();
    } catch (error) {
      reportException(error);
    }
  });
}
