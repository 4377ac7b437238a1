import { abortError } from './errors.js';

/** `node:timers/promises`. https://nodejs.org/api/timers.html#timers-promises-api */

export function setTimeout(ms, value, { signal } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortError(signal));
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve(value);
    }, ms);
    const stop = () => {
      globalThis.clearTimeout(timer);
      reject(abortError(signal));
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

export const setImmediate = (value, options) => setTimeout(0, value, options);

export async function* setInterval(ms, value, options) {
  for (;;) yield await setTimeout(ms, value, options);
}

export const scheduler = {
  wait: (ms, options) => setTimeout(ms, undefined, options),
  yield: () => setTimeout(0),
};

export default { setTimeout, setImmediate, setInterval, scheduler };
