import { isLateClass, original } from '../late.ts';

/**
 * The few pieces of Web IDL the classes share. Everything here is captured when the bundle loads, before any guest code.
 */
const captured = (holder: object, name: PropertyKey): unknown =>
  (holder as Record<PropertyKey, unknown>)[name];
// oxlint-disable-next-line typescript/unbound-method -- `f.call` of any f
const { call, bind } = Function.prototype;
const uncurry: (method: unknown) => unknown = bind.bind(call as never);
const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;
const { ownKeys } = Reflect;
const { iterator, toStringTag } = Symbol;

// oxlint-disable typescript/no-unnecessary-type-parameters -- only the caller knows the type of an intrinsic

/** `f.call` as a plain function, safe from later changes to Function.prototype. */
export function uncurryThis<F>(method: unknown): F {
  return uncurry(method) as F;
}

/** The method of a prototype as a plain function that takes `this` first, safe from later changes. */
export function methodOf<F>(prototype: object, name: PropertyKey): F {
  return uncurryThis<F>(original(prototype, name));
}

/** The same for an accessor. */
export function getterOf<F>(prototype: object, name: PropertyKey): F {
  return uncurryThis<F>(original(prototype, name));
}

/** A static function as it is now. */
export function staticOf<F>(holder: object, name: PropertyKey): F {
  return original(holder, name) as F;
}

// oxlint-enable typescript/no-unnecessary-type-parameters

const isView = staticOf<(value: unknown) => value is ArrayBufferView<ArrayBuffer>>(ArrayBuffer, 'isView');
const bufferLength = getterOf<(buffer: object) => number>(ArrayBuffer.prototype, 'byteLength');

/** DOMString: what a template makes of any value; TypeError for symbols. */
export function toText(value: unknown): string {
  return typeof value === 'string' ? value : `${value as number}`;
}

/** Well-formed already or made so. */
export const toWellFormed: (text: string) => string = methodOf(String.prototype, 'toWellFormed');

/** USVString: lone surrogates become U+FFFD. */
export function toUsvString(value: unknown): string {
  return toWellFormed(toText(value));
}

const beyondLatin1 = /[^\0-\xff]/;

/** ByteString, or TypeError when a character does not fit in a byte. */
export function toByteString(value: unknown, what: string): string {
  const text = toText(value);
  if (beyondLatin1.test(text))
    throw new TypeError(`${what} may only hold characters up to U+00FF; encode it first`);
  return text;
}

/** Throws the TypeError Web IDL asks for when arguments are missing. */
export function requireArguments(given: number, needed: number, where: string): void {
  if (given < needed)
    throw new TypeError(
      `${where} needs ${needed} argument${needed === 1 ? '' : 's'}, but got ${given === 0 ? 'none' : given}`,
    );
}

/** A dictionary argument: undefined and null are empty, primitives throw. */
export function toDictionary(value: unknown, where: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' || typeof value === 'function') return value as Record<string, unknown>;
  throw new TypeError(`${where} must be an object, but is a ${typeof value}`);
}

/** The bytes of a BufferSource, not copied; of a detached one none. Undefined for anything else. */
export function viewBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isView(value)) return bytesAt(value.buffer, value.byteOffset, value.byteLength);
  let length: number;
  try {
    length = bufferLength(value);
  } catch {
    return undefined;
  }
  return bytesAt(value as ArrayBuffer, 0, length);
}

function bytesAt(buffer: ArrayBuffer, offset: number, length: number): Uint8Array {
  return length === 0 ? new Uint8Array() : new Uint8Array(buffer, offset, length);
}

const SharedBuffer = (globalThis as { SharedArrayBuffer?: { readonly prototype: object } }).SharedArrayBuffer;
const sharedLength =
  SharedBuffer && getterOf<(buffer: object) => number>(SharedBuffer.prototype, 'byteLength');

/** The same for AllowSharedBufferSource. */
export function sharedBytes(value: unknown): Uint8Array | undefined {
  const bytes = viewBytes(value);
  if (bytes !== undefined || sharedLength === undefined || !isObject(value)) return bytes;
  try {
    return new Uint8Array(value as ArrayBuffer, 0, sharedLength(value));
  } catch {
    return undefined;
  }
}

/** The object a primitive stands for. */
export const toObject: (value: unknown) => object = Object;

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const enumerable = { __proto__: null, enumerable: true } as PropertyDescriptor;
const ofFunctions: readonly PropertyKey[] = ['length', 'name', 'prototype'];

/**
 * Gives a prototype its Symbol.toStringTag and makes its members, and those of its constructor, enumerable, as Web IDL
 * interfaces have them.
 */
export function shapeInterface(prototype: object, name: string): void {
  const { constructor } = prototype;
  for (const key of ownKeys(prototype))
    if (typeof key === 'string' && key !== 'constructor') defineProperty(prototype, key, enumerable);
  for (const key of ownKeys(constructor))
    if (typeof key === 'string' && !ofFunctions.includes(key)) defineProperty(constructor, key, enumerable);
  defineProperty(prototype, toStringTag, {
    __proto__: null,
    value: name,
    configurable: true,
  } as never);
}

/** Optional arguments that are written without a default still do not count: `length` of members, by name. */
export function setLengths(holder: object, lengths: Readonly<Record<string, number>>): void {
  for (const name of ownKeys(lengths) as string[])
    defineProperty(captured(holder, name), 'length', {
      __proto__: null,
      value: lengths[name],
      configurable: true,
    } as never);
}

/**
 * Defines a global as Web IDL defines interfaces: writable, configurable, not enumerable. Functions get its name,
 * which minification took from them.
 */
export function defineGlobal(name: string, value: unknown): void {
  if (typeof value === 'function' && !isLateClass(name, value))
    defineProperty(value, 'name', { value: name, configurable: true });
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

type Pair<V> = readonly [string, V];
const iteratorPrototype: unknown = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));

/**
 * Makes an interface `iterable<string, V>`: entries, keys, values, forEach, Symbol.iterator. `pairsOf` throws
 * TypeError for a wrong `this`; it is asked again for every step, so changes during iteration show (Web IDL 3.7.9).
 */
export function makeIterable<V>(
  prototype: object,
  name: string,
  pairsOf: (self: unknown) => readonly Pair<V>[],
): void {
  class PairIterator {
    readonly #target: unknown;
    readonly #pick: (pair: Pair<V>) => unknown;
    #index = 0;

    constructor(target: unknown, pick: (pair: Pair<V>) => unknown) {
      this.#target = target;
      this.#pick = pick;
    }

    next(): { value: unknown; done: boolean } {
      const pair = pairsOf(this.#target)[this.#index];
      if (pair === undefined) return { value: undefined, done: true };
      this.#index++;
      return { value: this.#pick(pair), done: false };
    }
  }
  setPrototypeOf(PairIterator.prototype, iteratorPrototype as object);
  shapeInterface(PairIterator.prototype, `${name} Iterator`);
  delete (PairIterator.prototype as { constructor?: unknown }).constructor;

  const iterate = (self: unknown, pick: (pair: Pair<V>) => unknown): PairIterator => {
    pairsOf(self);
    return new PairIterator(self, pick);
  };
  const methods = {
    entries(): PairIterator {
      return iterate(this, (pair) => [pair[0], pair[1]]);
    },
    keys(): PairIterator {
      return iterate(this, (pair) => pair[0]);
    },
    values(): PairIterator {
      return iterate(this, (pair) => pair[1]);
    },
    forEach(callback: (value: V, key: string, self: unknown) => void, thisArg: unknown = undefined): void {
      pairsOf(this);
      if (typeof callback !== 'function') throw new TypeError(`${name}.forEach needs a function`);
      const run = uncurryThis<(self: unknown, ...args: unknown[]) => void>(callback);
      for (let index = 0; ; index++) {
        const pair = pairsOf(this)[index];
        if (pair === undefined) return;
        run(thisArg, pair[1], pair[0], this);
      }
    },
  };
  for (const key of ownKeys(methods)) {
    defineProperty(prototype, key, {
      __proto__: null,
      ...getOwnPropertyDescriptor(methods, key),
      enumerable: true,
    } as never);
  }
  defineProperty(prototype, iterator, {
    __proto__: null,
    value: captured(methods, 'entries'),
    writable: true,
    configurable: true,
    enumerable: false,
  } as never);
}
