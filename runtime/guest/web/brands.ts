import { getterOf, methodOf } from './webidl.ts';

type Probe = (value: object, argument?: unknown) => unknown;

/** An intrinsic that throws for objects of other kinds: the only honest test of what an object is. */
function brand(probe: Probe, argument?: unknown): (value: object) => boolean {
  return (value) => {
    try {
      probe(value, argument);
      return true;
    } catch {
      return false;
    }
  };
}

export const isDate: (value: object) => boolean = brand(methodOf(Date.prototype, 'getTime'));
export const isMap: (value: object) => boolean = brand(getterOf(Map.prototype, 'size'));
export const isSet: (value: object) => boolean = brand(getterOf(Set.prototype, 'size'));
export const isArrayBuffer: (value: object) => boolean = brand(getterOf(ArrayBuffer.prototype, 'byteLength'));
const primitives: readonly ((value: object) => boolean)[] = [
  brand(methodOf(Number.prototype, 'valueOf')),
  brand(methodOf(String.prototype, 'valueOf')),
  brand(methodOf(Boolean.prototype, 'valueOf')),
  brand(methodOf(BigInt.prototype, 'valueOf')),
];

/** A Number, String, Boolean or BigInt object. */
export function isPrimitiveObject(value: object): boolean {
  return primitives.some((is) => is(value));
}

const regExpPrototype = RegExp.prototype;
const isRegExpLike = brand(getterOf(regExpPrototype, 'hasIndices'));

export function isRegExp(value: object): boolean {
  // The getter answers for RegExp.prototype too, which is no RegExp.
  return value !== regExpPrototype && isRegExpLike(value);
}

const isSymbolObject = brand(methodOf(Symbol.prototype, 'valueOf'));
const isWeakMap = brand(methodOf(WeakMap.prototype, 'has'), {});
const isWeakSet = brand(methodOf(WeakSet.prototype, 'has'), {});
const isWeakRef = brand(methodOf(WeakRef.prototype, 'deref'));
const isRegistry = brand(methodOf(FinalizationRegistry.prototype, 'unregister'), {});
/** No intrinsic tells these without side effects; a guest that fakes the tag fools itself. */
const objectTag = methodOf<(value: object) => string>(Object.prototype, 'toString');
const tagged: readonly string[] = [
  '[object Promise]',
  '[object Generator]',
  '[object AsyncGenerator]',
  '[object SharedArrayBuffer]',
];

/** The name of what cannot be cloned, undefined for the rest. */
export function uncloneable(value: object): string | undefined {
  if (isSymbolObject(value)) return 'A Symbol object';
  if (isWeakMap(value)) return 'A WeakMap';
  if (isWeakSet(value)) return 'A WeakSet';
  if (isWeakRef(value)) return 'A WeakRef';
  if (isRegistry(value)) return 'A FinalizationRegistry';
  const tag = objectTag(value);
  return tagged.includes(tag) ? tag : undefined;
}

/** "Uint8Array" and the like; undefined for anything that is no typed array. */
export const typedArrayName: (value: object) => string | undefined = getterOf(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
);
