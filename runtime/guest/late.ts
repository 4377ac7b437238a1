/**
 * Parts of the bundle that run when something of them is first used; guest-parts.ts, beside this folder, cuts them. They run
 * after guest code, so nothing here is looked up where a guest could have changed it.
 */

import {
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  ownKeys,
} from './primordials.ts';

/** What parts use of the bundle's core, by the names the bundler gave it. */
type Core = Readonly<Record<string, unknown>>;
/** A piece of a part as the bundler wraps it; gives what it exports. */
type Piece = (core: Core, require: (name: string) => object, globals: object) => object;
/** A piece that may run. */
interface Place {
  /** Where it is in the text. */
  readonly at: readonly [from: number, to: number];
  /** The piece itself, where it is in the script: many functions need it, and so it has a place in the code cache. */
  readonly code: Piece | undefined;
  /** Parts that must run before it. */
  readonly before: readonly string[];
  /** What it uses of the core. */
  readonly open: () => Core;
}
type Class = new (...args: never[]) => object;

/** What the bundler's last line hands over. */
export interface Pieces {
  readonly places: () => Readonly<Record<string, Place>>;
  /** Of those the pieces use. */
  readonly globals: () => object;
}

// V8's own, taken before guest code. `harden` takes eval away from guests; here it evaluates this bundle's own text.
// oxlint-disable-next-line no-eval -- pieces are text until they run
const evaluate = globalThis.eval as (text: string) => unknown;
const { setPrototypeOf } = Reflect;
// oxlint-disable-next-line typescript/unbound-method -- applied below
const { slice } = String.prototype;
// oxlint-disable-next-line typescript/unbound-method -- applied below
const { get, set } = WeakMap.prototype;

type Members = Readonly<Record<PropertyKey, unknown>>;
/** Methods, getters and statics of V8's own as they were before guest code, by what holds them. */
const originals = new Map<object, Members>();
// oxlint-disable-next-line typescript/unbound-method -- applied below
const { get: find } = Map.prototype;
// oxlint-disable-next-line typescript/unbound-method -- applied below
const { hasOwnProperty: hasOwn } = Object.prototype;

/**
 * The value or the getter of a property of V8's own, as it was before guest code. Throws a TypeError when a part asks for
 * one that `kept` does not have.
 */
export function original(holder: object, name: PropertyKey): unknown {
  if (text === '') return memberOf(holder, name);
  const members = apply(find, originals, [holder]) as Members | undefined;
  if (members === undefined || !apply(hasOwn, members, [name]))
    throw new TypeError(`The bundle keeps no original of ${String(name)}`);
  return members[name];
}

function memberOf(holder: object, name: PropertyKey): unknown {
  const found = getOwnPropertyDescriptor(holder, name);
  return found?.get ?? found?.value;
}

let pieces: Pieces = { places: () => ({}), globals: () => ({}) };
let text = '';
let globals: object = {};
let places: Readonly<Record<string, Place>> | undefined;
const begun: Record<string, true> = { __proto__: null } as never;
const ran: Record<string, object> = { __proto__: null } as never;
const links: Record<string, (part: object) => void> = { __proto__: null } as never;

/** The bundle's last line. */
export function setPieces(given: Pieces): void {
  pieces = given;
}

/** What parts take of V8's own when they run: a holder, its functions, its getters. */
const kept = (): readonly (readonly [
  holder: object,
  functions: readonly PropertyKey[],
  getters?: readonly PropertyKey[],
])[] => {
  const typedArray = getPrototypeOf(Uint8Array.prototype) as object;
  return [
    [ArrayBuffer, ['isView']],
    [Error, ['isError']],
    [String, ['fromCharCode']],
    [
      ArrayBuffer.prototype,
      ['resize', 'slice', 'transfer'],
      ['byteLength', 'detached', 'maxByteLength', 'resizable'],
    ],
    [BigInt.prototype, ['valueOf']],
    [Boolean.prototype, ['valueOf']],
    [DataView.prototype, [], ['buffer', 'byteLength', 'byteOffset']],
    [Date.prototype, ['getTime', 'toISOString', 'toUTCString']],
    [Error.prototype, ['toString']],
    [FinalizationRegistry.prototype, ['unregister']],
    [Map.prototype, ['forEach', 'get', 'set'], ['size']],
    [Number.prototype, ['valueOf']],
    [Object.prototype, ['toString']],
    [Promise.prototype, ['then']],
    [RegExp.prototype, ['exec', 'toString'], ['hasIndices']],
    [Set.prototype, ['forEach'], ['size']],
    [String.prototype, ['replace', 'replaceAll', 'valueOf']],
    [Symbol.prototype, ['toString', 'valueOf']],
    [Uint8Array.prototype, ['toBase64']],
    [WeakMap.prototype, ['get', 'has', 'set']],
    [WeakRef.prototype, ['deref']],
    [WeakSet.prototype, ['has']],
    [
      typedArray,
      ['indexOf', 'keys', 'set', 'slice'],
      ['buffer', 'byteLength', 'byteOffset', 'length', Symbol.toStringTag],
    ],
  ];
};

function keepOriginals(): void {
  for (const [holder, functions, getters] of kept()) {
    const members: Record<PropertyKey, unknown> = {};
    for (const name of functions) members[name] = (holder as Members)[name];
    if (getters !== undefined)
      for (const name of getters) members[name] = getOwnPropertyDescriptor(holder, name)?.get;
    originals.set(holder, members);
  }
}

/** Before guest code: the text of all pieces; what the globals are now they stay for the pieces. */
export function connectPieces(all: string): void {
  keepOriginals();
  globals = pieces.globals();
  const { Object: objects } = globals as { Object: Record<string, unknown> };
  objects['defineProperty'] = define;
  objects['defineProperties'] = (target: object, all: PropertyDescriptorMap): object => {
    const keys = ownKeys(all);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      define(target, key, all[key] as PropertyDescriptor);
    }
    return target;
  };
  text = all;
}

/** Of each part once, while the core runs: puts what the part exports in the places of what waits for it. */
export function onLoad(name: string, link: (part: never) => void): void {
  links[name] = link as (part: object) => void;
}

/** Runs a part, unless it ran, and gives what it exports. */
export function load(name: string): object {
  const known = ran[name];
  if (known !== undefined) return known;
  places ??= pieces.places();
  const place = places[name];
  if (place === undefined) throw new TypeError(`The bundle has no part ${name}`);
  if (begun[name] !== true) {
    begun[name] = true;
    const { before } = place;
    for (let index = 0; index < before.length; index++) load(before[index] as string);
    // One of them needed this one.
    if (ran[name] !== undefined) return ran[name];
  }
  const { at, code, open } = place;
  const piece = code ?? (evaluate(apply(slice, text, [at[0], at[1]])) as Piece);
  const part = piece(open(), load, globals);
  ran[name] = part;
  links[name]?.(part);
  return part;
}

/** What the proxy of a class that is not there yet goes by. Its prototype is `traps` until the class is there, and nothing then. */
interface Handler {
  readonly part: string;
  readonly target: object;
  readonly standIn: Class;
  real: Class;
}

/** By the name of the class. */
const handlers: Record<string, Handler> = { __proto__: null } as never;
/** The stand-in of a class that is there. */
const standIns = new WeakMap<object, Class>();
const operations = [
  'apply',
  'construct',
  'defineProperty',
  'deleteProperty',
  'get',
  'getOwnPropertyDescriptor',
  'getPrototypeOf',
  'has',
  'isExtensible',
  'ownKeys',
  'preventExtensions',
  'set',
  'setPrototypeOf',
] as const;
/** Whatever is done to a stand-in runs its part first, and is done to the target then. */
const traps: Record<string, unknown> = { __proto__: null };
/** The same for objects. */
const objectTraps: Record<string, unknown> = { __proto__: null };
for (const name of operations) {
  const operation = Reflect[name] as () => unknown;
  traps[name] = function (this: Handler, ...args: unknown[]): unknown {
    load(this.part);
    return apply(operation, undefined, args as []);
  };
  objectTraps[name] = function (this: { fill(): void }, ...args: unknown[]): unknown {
    this.fill();
    return apply(operation, undefined, args as []);
  };
}

/** What a stand-in does when it is called, bound to its handler. */
function callReal(this: unknown, { real }: Handler, ...args: unknown[]): unknown {
  return new.target === undefined
    ? apply(real as never, this, args as never)
    : construct(real, args, new.target);
}

/**
 * Stands in for a class of a part: a proxy that any program takes for the class, and that runs the part when somebody does
 * anything with it. Then it has no traps any more, and what is done to it is done to a bound function with the class's properties.
 */
export function lateClass(part: string, name: string): Class {
  const handler = {
    __proto__: traps,
    part,
    target: undefined,
    standIn: undefined,
    real: undefined,
  } as never as {
    -readonly [Key in keyof Handler]: Handler[Key];
  };
  handler.target = callReal.bind(undefined, handler);
  handler.standIn = new Proxy(handler.target, handler as object) as Class;
  handlers[name] = handler;
  return handler.standIn;
}

/** Stands in for an object that `create` makes when somebody does anything with it; any program takes it for that object. */
export function lateObject(create: () => object): object {
  const target = {};
  const fill = (): void => {
    setPrototypeOf(handler, null);
    copyMembers(create(), target);
  };
  const handler: object = { __proto__: objectTraps, fill };
  return new Proxy(target, handler);
}

export function isLateClass(name: string, value: unknown): boolean {
  return handlers[name]?.standIn === value;
}

/** The class is there: its stand-in becomes it for guests. Gives the class, for those who need no stand-in. */
export function adopt(name: string, real: Class): Class {
  const handler = handlers[name] as Handler;
  const { target, standIn } = handler;
  handler.real = real;
  // Minification took it.
  defineProperty(real, 'name', plain({ value: name, configurable: true }));
  copyMembers(real, target);
  const { prototype } = real as { prototype: object };
  defineProperty(prototype, 'constructor', plain({ value: standIn, writable: true, configurable: true }));
  apply(set, standIns, [real, standIn]);
  setPrototypeOf(handler, null);
  return real;
}

function copyMembers(from: object, to: object): void {
  const keys = ownKeys(from);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as PropertyKey;
    defineProperty(to, key, plain(getOwnPropertyDescriptor(from, key) as object));
  }
  setPrototypeOf(to, getPrototypeOf(from));
}

function define(target: object, key: PropertyKey, descriptor: PropertyDescriptor): object {
  defineProperty(target, key, plain(descriptor));
  return target;
}

/** The classes of a part are there: those that extend one that has a stand-in extend the stand-in. */
export function inherit(names: readonly string[]): void {
  for (let index = 0; index < names.length; index++) {
    const { real, target } = handlers[names[index] as string] as Handler;
    const parent = apply(get, standIns, [getPrototypeOf(real)]) as Class | undefined;
    if (parent === undefined) continue;
    setPrototypeOf(real, parent);
    setPrototypeOf(target, parent);
  }
}

const probe = {};

/** What a guest adds to Object.prototype is no part of a descriptor. An object without a prototype is a slow one, so not always. */
function plain(descriptor: PropertyDescriptor): PropertyDescriptor {
  if (
    'get' in probe ||
    'set' in probe ||
    'value' in probe ||
    'writable' in probe ||
    'enumerable' in probe ||
    'configurable' in probe
  )
    setPrototypeOf(descriptor, null);
  return descriptor;
}

/** For the bundler: a function of a part that has not run is called so. */
export const callLate: (method: (...args: never[]) => unknown, self: undefined, args: unknown[]) => unknown =
  apply as never;
