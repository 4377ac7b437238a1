import library from '@jspm/core/nodelibs/events';

/** `node:events`. https://nodejs.org/api/events.html */

export const EventEmitter = library;
export const { once } = library;
export const defaultMaxListeners = library.defaultMaxListeners;
export const captureRejectionSymbol = Symbol.for('nodejs.rejection');
export const errorMonitor = Symbol('events.errorMonitor');

/** Events as an async iterable of their arguments; ends by `error`, the signal, or whoever iterates. */
export function on(emitter, name, { signal } = {}) {
  const events = [];
  const readers = [];
  let failure;
  let done = false;
  const settle = () => {
    while (readers.length > 0 && (events.length > 0 || failure !== undefined || done)) {
      const { resolve, reject } = readers.shift();
      if (events.length > 0) resolve({ value: events.shift(), done: false });
      else if (failure === undefined) resolve({ value: undefined, done: true });
      else {
        reject(failure.error);
        failure = undefined;
        done = true;
      }
    }
  };
  const heard = (...args) => {
    events.push(args);
    settle();
  };
  const failed = (error) => {
    failure = { error };
    settle();
  };
  const aborted = () =>
    failed(
      Object.assign(new Error('The operation was aborted', { cause: signal.reason }), {
        name: 'AbortError',
        code: 'ABORT_ERR',
      }),
    );
  const leave = () => {
    emitter.off(name, heard);
    emitter.off('error', failed);
    signal?.removeEventListener('abort', aborted);
  };
  emitter.on(name, heard);
  if (name !== 'error') emitter.on('error', failed);
  if (signal?.aborted) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  return {
    next: () =>
      new Promise((resolve, reject) => {
        readers.push({ resolve, reject });
        settle();
      }),
    return() {
      leave();
      done = true;
      settle();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw(error) {
      leave();
      failed(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

export const listenerCount = (emitter, name) => emitter.listenerCount(name);
export const getEventListeners = (emitter, name) => emitter.listeners(name);
export const getMaxListeners = (emitter) => emitter.getMaxListeners();
export const setMaxListeners = (count, ...emitters) => {
  for (const emitter of emitters) emitter.setMaxListeners?.(count);
};
/** Calls `listener` once the signal is aborted, at once if it is. */
export function addAbortListener(signal, listener) {
  if (signal.aborted) queueMicrotask(() => listener(new Event('abort')));
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
}

Object.assign(EventEmitter, {
  EventEmitter,
  addAbortListener,
  captureRejectionSymbol,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  listenerCount,
  on,
  setMaxListeners,
});
export default EventEmitter;
