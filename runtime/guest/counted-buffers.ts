/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import {
  NativeNumber,
  NativeRangeError,
  NativeTypeError,
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  max,
  trunc,
  uncurry,
} from './primordials.ts';

/**
 * V8 takes the memory of buffers that can change their length from the system itself, and isolated-vm does not see it. So
 * each has a ballast beside it: a plain buffer of its greatest length that nobody writes to, which takes nothing but
 * addresses and counts against the isolate's limit from the start. Growing then costs nothing more.
 */
const NativeArrayBuffer = ArrayBuffer;
const NativeSharedArrayBuffer = SharedArrayBuffer;
const ballasts = new WeakMap<object, object>();
const setBallast = uncurry(ballasts.set) as (map: typeof ballasts, owner: object, ballast: object) => unknown;
const getBallast = uncurry(ballasts.get) as (map: typeof ballasts, owner: object) => object | undefined;
const isResizable = uncurry(
  getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get as (this: object) => boolean,
);

/** Keeps a ballast for as long as `owner` lives. */
export function countWith(owner: object, ballast: object): void {
  setBallast(ballasts, owner, ballast);
}

function openBallast(bytes: number): object {
  try {
    return new NativeArrayBuffer(bytes);
  } catch {
    throw new NativeRangeError(
      `Out of memory: a buffer of up to ${bytes} bytes counts whole; ask for less, or raise limits.memoryMb`,
    );
  }
}

/** How the length of some buffers changes, by buffer: those that are WebAssembly's memories grow as memories do. */
const resizers = new WeakMap<object, (length: number) => void>();
const getResizer = uncurry(resizers.get) as (
  map: typeof resizers,
  buffer: object,
) => ((length: number) => void) | undefined;
const setResizer = uncurry(resizers.set) as (
  map: typeof resizers,
  buffer: object,
  resizer: (length: number) => void,
) => unknown;

/** From now on `buffer.resize(length)` is `resize(length)`, with the length converted. */
export function setResize(buffer: object, resize: (length: number) => void): void {
  setResizer(resizers, buffer, resize);
}

const resizeNative = uncurry(ArrayBuffer.prototype.resize as (this: unknown, length: unknown) => void);

/** V8's own resize, uncounted. */
export const nativeResize: (buffer: unknown, length: number) => void = resizeNative;

type Buffer = typeof ArrayBuffer | typeof SharedArrayBuffer;

/** Puts a constructor that counts in the place of V8's. */
export function installArrayBuffer(): void {
  const Counted = createConstructor(NativeArrayBuffer, 'ArrayBuffer');
  defineProperty(Counted, 'isView', {
    value: NativeArrayBuffer.isView,
    writable: true,
    configurable: true,
  });
  const { prototype } = NativeArrayBuffer;
  const transfer = prototype.transfer;
  const methods = {
    transfer(this: ArrayBuffer, ..._newLength: unknown[]): ArrayBuffer {
      const moved = apply(transfer, this, arguments) as ArrayBuffer;
      const ballast = isResizable(moved) ? getBallast(ballasts, this) : undefined;
      if (ballast !== undefined) setBallast(ballasts, moved, ballast);
      return moved;
    },
    resize(this: unknown, length: unknown): void {
      const resize = isObject(this) ? getResizer(resizers, this) : undefined;
      if (resize === undefined) resizeNative(this, length);
      else resize(toIndex(length));
    },
  };
  defineProperty(methods.transfer, 'length', { value: 0, configurable: true });
  for (const name of ['transfer', 'resize'] as const)
    defineProperty(prototype, name, { value: methods[name], writable: true, configurable: true });
  defineProperty(globalThis, 'ArrayBuffer', { value: Counted, writable: true, configurable: true });
}

/** The same for SharedArrayBuffer: what is to become the global. */
export function createSharedArrayBuffer(): object {
  return createConstructor(NativeSharedArrayBuffer, 'SharedArrayBuffer');
}

function createConstructor(Native: Buffer, name: string): object {
  function Counted(length?: unknown, options?: unknown): unknown {
    if (new.target === undefined) throw new NativeTypeError(`Constructor ${name} requires 'new'`);
    if (typeof options !== 'object' || options === null) return construct(Native, [length], new.target);
    const size = toIndex(length);
    const { maxByteLength } = options as { maxByteLength?: unknown };
    if (maxByteLength === undefined) return construct(Native, [size], new.target);
    const most = toIndex(maxByteLength);
    // Before there is anything to count: V8 has the words for lengths that make no sense.
    const ballast = size <= most ? openBallast(most) : undefined;
    const bag = { __proto__: null, maxByteLength: most };
    const buffer = construct(Native, [size, bag] as never, new.target) as object;
    if (ballast !== undefined) setBallast(ballasts, buffer, ballast);
    return buffer;
  }
  defineProperty(Counted, 'length', { value: 1, configurable: true });
  defineProperty(Counted, 'name', { value: name, configurable: true });
  defineProperty(Counted, 'prototype', { value: Native.prototype, writable: false });
  defineProperty(Counted, Symbol.species, {
    get(this: unknown) {
      return this;
    },
    configurable: true,
  });
  defineProperty(Native.prototype, 'constructor', { value: Counted, writable: true, configurable: true });
  return Counted;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** ECMA-262, ToIndex. */
function toIndex(value: unknown): number {
  const number = trunc(NativeNumber(value));
  // NaN is not 0 or more either, and becomes 0; so does -0.
  if (number !== number) return 0;
  if (number < 0 || number > 2 ** 53 - 1) throw new NativeRangeError('Invalid array buffer length');
  return max(number, 0);
}
