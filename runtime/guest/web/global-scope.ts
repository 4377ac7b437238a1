import { callOnScope, onErrorOf, setOnErrorOf } from './global-events.ts';

const { defineProperty } = Object;

/** `addEventListener` and its like, and `onerror`, on the global scope; global-events.ts does the work, when there is some. */
export function installGlobalEvents(): void {
  const methods = {
    addEventListener(_type: unknown, _callback: unknown) {
      return callOnScope('addEventListener', this, arguments);
    },
    removeEventListener(_type: unknown, _callback: unknown) {
      return callOnScope('removeEventListener', this, arguments);
    },
    dispatchEvent(_event: unknown) {
      return callOnScope('dispatchEvent', this, arguments);
    },
  };
  for (const [name, value] of Object.entries(methods))
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
  defineProperty(globalThis, 'onerror', {
    get(this: unknown) {
      return onErrorOf(this);
    },
    set(this: unknown, value: unknown) {
      setOnErrorOf(this, value);
    },
    configurable: true,
  });
}

/** [Replaceable] of Web IDL: an accessor that knows its global, until somebody puts a value in its place. */
export function defineReplaceable(name: string, valueOf: () => unknown): void {
  const check = (self: unknown): void => {
    if (self !== undefined && self !== null && self !== globalThis)
      throw new TypeError(`${name} is a property of the global scope alone`);
  };
  const accessor = {
    get(this: unknown): unknown {
      check(this);
      return valueOf();
    },
    set(this: unknown, value: unknown): void {
      check(this);
      defineProperty(globalThis, name, {
        __proto__: null,
        value,
        writable: true,
        configurable: true,
      } as never);
    },
  };
  defineProperty(globalThis, name, { ...accessor, configurable: true });
}
