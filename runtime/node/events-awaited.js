import { abortError, invalidType } from './errors.js';

/** Events that are waited for: `once` and `on` of `node:events`, of emitters and of the web's event targets. */

/** Adds a listener; gives what removes it. */
function listen(emitter, name, listener) {
  if (typeof emitter?.on === 'function') {
    emitter.on(name, listener);
    return () => emitter.removeListener(name, listener);
  }
  if (typeof emitter?.addEventListener !== 'function')
    throw invalidType('emitter', 'an instance of EventEmitter or EventTarget');
  emitter.addEventListener(name, listener);
  return () => emitter.removeEventListener(name, listener);
}

/** Listens to an event, to the end by error, which event targets have not, and to the end by a signal. */
function attend(emitter, name, { heard, failed, signal }) {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw invalidType('options.signal', 'an instance of AbortSignal');
  if (signal?.aborted === true) throw abortError(signal);
  const leave = [listen(emitter, name, heard)];
  if (name !== 'error' && typeof emitter.on === 'function') leave.push(listen(emitter, 'error', failed));
  if (signal !== undefined) leave.push(listen(signal, 'abort', () => failed(abortError(signal))));
  return () => leave.splice(0).forEach((remove) => remove());
}

/** The arguments of the event's next emission; rejects by `error` and by the signal. */
export async function once(emitter, name, { signal } = {}) {
  let leave;
  try {
    return await new Promise((resolve, reject) => {
      leave = attend(emitter, name, { heard: (...args) => resolve(args), failed: reject, signal });
    });
  } finally {
    leave?.();
  }
}

/** Events as an async iterable of their arguments; ends by `error`, the signal, an event of `close`, or whoever iterates. */
export function on(emitter, name, { signal, close = [] } = {}) {
  const events = [];
  const readers = [];
  let failure;
  let isDone = false;
  const settle = () => {
    while (readers.length > 0) {
      if (events.length === 0 && failure === undefined && !isDone) return;
      const { resolve, reject } = readers.shift();
      if (events.length > 0) resolve({ value: events.shift(), done: false });
      else if (failure === undefined) resolve({ value: undefined, done: true });
      else {
        reject(failure.error);
        failure = undefined;
      }
    }
  };
  const end = (ending) => {
    for (const remove of leave) remove();
    isDone = true;
    failure ??= ending;
    settle();
  };
  const heard = (...args) => {
    events.push(args);
    settle();
  };
  const failed = (error) => end({ error });
  const leave = [attend(emitter, name, { heard, failed, signal })];
  for (const closing of close) leave.push(listen(emitter, closing, () => end()));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        readers.push({ resolve, reject });
        settle();
      }),
    return() {
      end();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw(error) {
      if (!(error instanceof Error)) throw invalidType('EventEmitter.AsyncIterator', 'an instance of Error');
      failed(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
