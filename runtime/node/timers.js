import promises from './timers-promises.js';

/**
 * `node:timers` and the globals `setImmediate` and `clearImmediate`: the web's timers, whose handles are objects as in
 * Node. https://nodejs.org/api/timers.html
 */

const web = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clear: globalThis.clearTimeout,
};

/** What Node gives for a timer. Nothing keeps an invocation alive but its own promises, so `ref` changes nothing. */
class Timeout {
  #id;
  #start;
  #isRef = true;

  constructor(start) {
    this.#start = start;
    this.#id = start();
  }

  ref() {
    this.#isRef = true;
    return this;
  }

  unref() {
    this.#isRef = false;
    return this;
  }

  hasRef() {
    return this.#isRef;
  }

  refresh() {
    web.clear(this.#id);
    this.#id = this.#start();
    return this;
  }

  close() {
    web.clear(this.#id);
    return this;
  }

  [Symbol.toPrimitive]() {
    return this.#id;
  }

  [Symbol.dispose]() {
    web.clear(this.#id);
  }
}

export const setTimeout = (callback, ms, ...args) => new Timeout(() => web.setTimeout(callback, ms, ...args));
export const setInterval = (callback, ms, ...args) =>
  new Timeout(() => web.setInterval(callback, ms, ...args));
export const setImmediate = (callback, ...args) => new Timeout(() => web.setTimeout(callback, 0, ...args));
export const clearTimeout = (timer) => web.clear(timer instanceof Timeout ? Number(timer) : timer);
export const clearInterval = clearTimeout;
export const clearImmediate = clearTimeout;

export { promises };

export default {
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval,
  clearImmediate,
  promises,
};
