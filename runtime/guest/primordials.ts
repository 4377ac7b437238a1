/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
/**
 * The intrinsics that the bootstrap uses after guest code has run, taken while they are still V8's own: a guest may
 * overwrite any global or prototype. Rules for every file of this folder that runs later:
 * call methods through these, index arrays instead of iterating or spreading them, keep tables in objects without a
 * prototype and queues in linked nodes (an index setter on Array.prototype would see what is pushed), build JSON
 * from strings and numbers only, and wait with `await`.
 */
type Method<Self, Args extends unknown[], Result> = (this: Self, ...args: Args) => Result;

const { call, bind } = Function.prototype;

/** `uncurry(String.prototype.slice)(text, 1)` is `text.slice(1)` whatever the guest does to String.prototype. */
export const uncurry: <Self, Args extends unknown[], Result>(
  method: Method<Self, Args, Result>,
) => (self: Self, ...args: Args) => Result = bind.bind(call as never) as never;

export const NativePromise: PromiseConstructor = Promise;
export const NativeError: ErrorConstructor = Error;
export const NativeTypeError: TypeErrorConstructor = TypeError;
export const NativeRangeError: RangeErrorConstructor = RangeError;
export const NativeEvalError: typeof EvalError = EvalError;
export const NativeUint8Array: Uint8ArrayConstructor = Uint8Array;
export const NativeDate: DateConstructor = Date;

export const apply: typeof Reflect.apply = Reflect.apply;
export const construct: typeof Reflect.construct = Reflect.construct;
export const ownKeys: typeof Reflect.ownKeys = Reflect.ownKeys;
export const getPrototypeOf: typeof Reflect.getPrototypeOf = Reflect.getPrototypeOf;
export const getOwnPropertyDescriptor: typeof Reflect.getOwnPropertyDescriptor =
  Reflect.getOwnPropertyDescriptor;
export const defineProperty: typeof Object.defineProperty = Object.defineProperty;
export const objectKeys: typeof Object.keys = Object.keys;
export const hasOwn: typeof Object.hasOwn = Object.hasOwn;
export const isArray: typeof Array.isArray = Array.isArray;
export const floor: typeof Math.floor = Math.floor;
export const min: typeof Math.min = Math.min;
export const max: typeof Math.max = Math.max;
export const trunc: typeof Math.trunc = Math.trunc;
export const isFiniteNumber: typeof Number.isFinite = Number.isFinite;
export const isInteger: typeof Number.isInteger = Number.isInteger;
export const NativeString: StringConstructor = String;
export const NativeNumber: NumberConstructor = Number;
/** `${value}` for any guest value; throws what its toString throws. */
// oxlint-disable-next-line typescript/no-unnecessary-template-expression -- the value is a string in name only
export const toText = (value: unknown): string => `${value as string}`;

export const parseJson: (text: string) => unknown = JSON.parse;
const stringify = JSON.stringify;
/** JSON text of a primitive: no `toJSON` can interfere. */
export const quote: (value: string | number | boolean | null) => string = stringify;
/** JSON text of a guest's value; the guest's own `toJSON` and getters run, so it may throw anything. */
export const guestJson: (value: unknown) => string | undefined = stringify;

/** JSON text of a list of strings. */
export function quoteList(list: readonly string[]): string {
  let json = '[';
  for (let index = 0; index < list.length; index++) {
    json += `${index === 0 ? '' : ','}${quote(list[index] ?? '')}`;
  }
  return `${json}]`;
}

export const stringSlice: (text: string, start: number, end?: number) => string = uncurry(
  String.prototype.slice,
);
export const stringIndexOf: (text: string, part: string, from?: number) => number = uncurry(
  String.prototype.indexOf,
);
export const stringCharCode: (text: string, index: number) => number = uncurry(String.prototype.charCodeAt);
export const toLowerCase: (text: string) => string = uncurry(String.prototype.toLowerCase);
export const toUpperCase: (text: string) => string = uncurry(String.prototype.toUpperCase);
export const trimString: (text: string) => string = uncurry(String.prototype.trim);

const typedArray = getPrototypeOf(Uint8Array.prototype) as object;
const getter = (owner: object, key: PropertyKey): never =>
  uncurry(getOwnPropertyDescriptor(owner, key)?.get as never) as never;

/** "Uint8Array", "Float64Array" …, or undefined when the value is no typed array; cannot be faked. */
export const typedArrayName: (value: object) => string | undefined = getter(typedArray, Symbol.toStringTag);
export const viewBuffer: (view: Uint8Array) => ArrayBuffer = getter(typedArray, 'buffer');
export const viewOffset: (view: Uint8Array) => number = getter(typedArray, 'byteOffset');
export const viewLength: (view: Uint8Array) => number = getter(typedArray, 'byteLength');
const dataViewBuffer: (view: DataView) => ArrayBuffer = getter(DataView.prototype, 'buffer');
const dataViewOffset: (view: DataView) => number = getter(DataView.prototype, 'byteOffset');
const dataViewLength: (view: DataView) => number = getter(DataView.prototype, 'byteLength');
/** Throws a TypeError for anything but an ArrayBuffer. */
export const bufferLength: (buffer: ArrayBuffer) => number = getter(ArrayBuffer.prototype, 'byteLength');
export const setBytes: (target: Uint8Array, source: Uint8Array, offset: number) => void = uncurry(
  getOwnPropertyDescriptor(typedArray, 'set')?.value as never,
);
export const fillBytes: (target: Uint8Array, value: number, from: number, to: number) => Uint8Array = uncurry(
  getOwnPropertyDescriptor(typedArray, 'fill')?.value as never,
) as never;
export const isView: (value: unknown) => value is ArrayBufferView = ArrayBuffer.isView;
/** Throws a TypeError for anything but an ArrayBuffer. */
export const bufferDetached: (buffer: ArrayBuffer) => boolean = getter(ArrayBuffer.prototype, 'detached');

/** A view on the bytes of an ArrayBuffer or any view, or undefined for anything else. */
export function viewOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (typedArrayName(value) !== undefined) {
    const view = value as Uint8Array;
    return new NativeUint8Array(viewBuffer(view), viewOffset(view), viewLength(view));
  }
  if (isView(value)) {
    const view = value as DataView;
    return new NativeUint8Array(dataViewBuffer(view), dataViewOffset(view), dataViewLength(view));
  }
  try {
    bufferLength(value as ArrayBuffer);
    return new NativeUint8Array(value as ArrayBuffer);
  } catch {
    return undefined;
  }
}

/** A fresh copy of `length` bytes from `offset`. */
export function copyBytes(source: Uint8Array, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const copy = new NativeUint8Array(length);
  setBytes(copy, new NativeUint8Array(viewBuffer(source), viewOffset(source) + offset, length), 0);
  return copy;
}

/** A table that inherits nothing, so that no guest setter or getter is met. */
export function createTable<Value>(): Record<number, Value> {
  return { __proto__: null } as unknown as Record<number, Value>;
}
