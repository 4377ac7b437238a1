import library from '@jspm/core/nodelibs/events';
import { invalidType, fault } from './errors.js';
import { on, once } from './events-awaited.js';

/**
 * `node:events`: npm's `events`, with what newer Nodes have beside it. Not here: `captureRejections`, of which nothing that
 * a function may import makes use. https://nodejs.org/api/events.html
 */

export const EventEmitter = library;
// The bundler renames what would collide.
Object.defineProperty(EventEmitter, 'name', { value: 'EventEmitter' });
export const { defaultMaxListeners, init } = library;
export const captureRejectionSymbol = Symbol.for('nodejs.rejection');
export const errorMonitor = Symbol('events.errorMonitor');
export { on, once };

const { emit } = EventEmitter.prototype;
EventEmitter.prototype.emit = function (name, ...args) {
  if (name !== 'error') return emit.call(this, name, ...args);
  // Whoever monitors hears of errors first, and handles none.
  if (this._events?.[errorMonitor] !== undefined) emit.call(this, errorMonitor, ...args);
  const [error] = args;
  if (this._events?.error !== undefined || error instanceof Error) return emit.call(this, name, ...args);
  const shown = typeof error === 'string' ? `'${error}'` : String(error);
  const unhandled = fault(Error, 'ERR_UNHANDLED_ERROR', `Unhandled error. (${shown})`);
  throw Object.assign(unhandled, { context: error });
};

export const listenerCount = (emitter, name) => emitter.listenerCount(name);
export const getEventListeners = (emitter, name) => emitter.listeners(name);
/** An EventTarget has no number of its own here. */
export const getMaxListeners = (emitter) => emitter.getMaxListeners?.() ?? EventEmitter.defaultMaxListeners;
export const setMaxListeners = (count = 10, ...emitters) => {
  if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
  for (const emitter of emitters) emitter.setMaxListeners?.(count);
};
/** Calls `listener` once the signal is aborted, at once if it is. */
export function addAbortListener(signal, listener) {
  if (typeof signal?.addEventListener !== 'function')
    throw invalidType('signal', 'an instance of AbortSignal');
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
  once,
  setMaxListeners,
});
export default EventEmitter;
