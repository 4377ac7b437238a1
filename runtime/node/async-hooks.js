/**
 * `node:async_hooks`: AsyncLocalStorage and AsyncResource. https://nodejs.org/api/async_context.html
 *
 * An isolate tells nobody when it continues an async function. Bundles that import this file are therefore compiled with
 * their async functions as generators (host/deploy/node-modules.ts), so that every continuation is a callback of `then`;
 * here `then` and the timers carry the context to their callbacks. Functions that do not import it pay nothing.
 */

let context;

function inContext(wanted, callback) {
  const before = context;
  context = wanted;
  try {
    return callback();
  } finally {
    context = before;
  }
}

/** `callback` as it is now; what is no function is left as it is. */
function carry(callback) {
  if (typeof callback !== 'function') return callback;
  const captured = context;
  return function (...args) {
    return inContext(captured, () => Reflect.apply(callback, this, args));
  };
}

// Before it is replaced: cleaning up must not be carried anywhere.
const nativeThen = Promise.prototype.then;

function replace(target, name, value) {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

replace(Promise.prototype, 'then', function then(...handlers) {
  return Reflect.apply(nativeThen, this, [carry(handlers[0]), carry(handlers[1])]);
});
for (const name of ['setTimeout', 'setInterval', 'queueMicrotask']) {
  const native = globalThis[name];
  replace(globalThis, name, (callback, ...rest) =>
    Reflect.apply(native, globalThis, [carry(callback), ...rest]),
  );
}

export class AsyncLocalStorage {
  #fallback;
  name;

  constructor(options = {}) {
    this.#fallback = options.defaultValue;
    this.name = options.name ?? '';
  }

  static bind(callback) {
    return carry(callback);
  }

  static snapshot() {
    const captured = context;
    return (callback, ...args) => inContext(captured, () => Reflect.apply(callback, undefined, args));
  }

  getStore() {
    const key = this;
    return context?.has(key) === true ? context.get(key) : this.#fallback;
  }

  run(store, callback, ...args) {
    return inContext(this.#with(store), () => Reflect.apply(callback, undefined, args));
  }

  exit(callback, ...args) {
    return inContext(this.#with(undefined), () => Reflect.apply(callback, undefined, args));
  }

  /** For the rest of the turn and all that follows from it. */
  enterWith(store) {
    context = this.#with(store);
    // The turn's own code ends before its first microtask: what comes then without a context of its own has none.
    void Reflect.apply(nativeThen, Promise.resolve(), [
      () => {
        context = undefined;
      },
    ]);
  }

  disable() {
    if (context?.has(this) === true) context = this.#with(undefined);
  }

  #with(store) {
    return new Map(context).set(this, store);
  }
}

export class AsyncResource {
  type;
  #context = context;

  constructor(type) {
    this.type = type;
  }

  static bind(callback) {
    return carry(callback);
  }

  runInAsyncScope(callback, self, ...args) {
    return inContext(this.#context, () => Reflect.apply(callback, self, args));
  }

  bind(callback) {
    return (...args) => inContext(this.#context, () => Reflect.apply(callback, undefined, args));
  }

  emitDestroy() {
    return this;
  }

  asyncId() {
    return 1;
  }

  triggerAsyncId() {
    return 0;
  }
}

export const executionAsyncId = () => 1;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});
/** Hooks are accepted and never called: nothing tells of the lives of promises. */
export const createHook = () => {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
};

export default {
  AsyncLocalStorage,
  AsyncResource,
  createHook,
  executionAsyncId,
  executionAsyncResource,
  triggerAsyncId,
};
