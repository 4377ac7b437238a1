import { typedArrayName } from '../brands.ts';
import { getterOf, methodOf, staticOf } from '../webidl.ts';

/** Makes a view of a kind on a buffer; `length` in elements. */
export type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;

const NativeDataView = DataView;
const NativeUint8Array = Uint8Array;
const NativeArrayBuffer = ArrayBuffer;
const { prototype: buffer } = ArrayBuffer;
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

const isView = staticOf<(value: unknown) => value is ArrayBufferView>(ArrayBuffer, 'isView');
/** Detaches the buffer; TypeError for one that cannot be. */
export const transferBuffer: (buffer: ArrayBuffer) => ArrayBuffer = methodOf(buffer, 'transfer');
export const bufferLength: (buffer: ArrayBuffer) => number = getterOf(buffer, 'byteLength');
export const isDetached: (buffer: ArrayBuffer) => boolean = getterOf(buffer, 'detached');
const sliceBuffer = methodOf<(buffer: ArrayBuffer, from: number, to: number) => ArrayBuffer>(buffer, 'slice');
const setBytes = methodOf<(to: Uint8Array, from: Uint8Array, offset: number) => void>(typedArray, 'set');
const arrayBufferOf = getterOf<(view: object) => ArrayBuffer>(typedArray, 'buffer');
const arrayOffset = getterOf<(view: object) => number>(typedArray, 'byteOffset');
const arrayBytes = getterOf<(view: object) => number>(typedArray, 'byteLength');
const arrayLength = getterOf<(view: object) => number>(typedArray, 'length');
const dataBuffer = getterOf<(view: object) => ArrayBuffer>(DataView.prototype, 'buffer');
const dataOffset = getterOf<(view: object) => number>(DataView.prototype, 'byteOffset');
const dataBytes = getterOf<(view: object) => number>(DataView.prototype, 'byteLength');

const constructors = new Map<string, ViewConstructor>(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => [type.name, type as unknown as ViewConstructor]),
);
const findConstructor = methodOf<(map: object, name: string) => ViewConstructor>(Map.prototype, 'get');

/** Where a view points, and how to make another of its kind. */
export interface ViewParts {
  readonly buffer: ArrayBuffer;
  readonly bufferBytes: number;
  readonly offset: number;
  readonly bytes: number;
  /** In elements; bytes for a DataView. */
  readonly length: number;
  readonly elementBytes: number;
  readonly make: ViewConstructor;
}

/** Undefined for what is no view; asks intrinsics only. */
export function viewParts(value: unknown): ViewParts | undefined {
  if (!isView(value)) return undefined;
  const name = typedArrayName(value);
  if (name === undefined) return dataViewParts(value);
  const make = findConstructor(constructors, name);
  const buffer = arrayBufferOf(value);
  return {
    buffer,
    bufferBytes: bufferLength(buffer),
    offset: arrayOffset(value),
    bytes: arrayBytes(value),
    length: arrayLength(value),
    elementBytes: (make as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT,
    make,
  };
}

/** The getters of a DataView throw when its buffer is detached. */
function dataViewParts(view: ArrayBufferView): ViewParts {
  const buffer = dataBuffer(view);
  const detached = isDetached(buffer);
  const bytes = detached ? 0 : dataBytes(view);
  return {
    buffer,
    bufferBytes: bufferLength(buffer),
    offset: detached ? 0 : dataOffset(view),
    bytes,
    length: bytes,
    elementBytes: 1,
    make: NativeDataView,
  };
}

/** Makes a Uint8Array. */
export const makeBytes: ViewConstructor = NativeUint8Array;

export function createBuffer(bytes: number): ArrayBuffer {
  return new NativeArrayBuffer(bytes);
}

export function bytesOf(buffer: ArrayBuffer, offset: number, length: number): Uint8Array<ArrayBuffer> {
  return new NativeUint8Array(buffer, offset, length);
}

/** A copy of a part of a buffer that is not detached. */
export function cloneBuffer(buffer: ArrayBuffer, offset: number, length: number): ArrayBuffer {
  return sliceBuffer(buffer, offset, offset + length);
}

/** Streams, 8.3 "CloneAsUint8Array". */
export function cloneBytes(view: Uint8Array): Uint8Array {
  const length = arrayBytes(view);
  return bytesOf(cloneBuffer(arrayBufferOf(view), arrayOffset(view), length), 0, length);
}

/** Copies bytes between buffers. */
export function copyBytes(
  to: { readonly buffer: ArrayBuffer; readonly at: number },
  from: { readonly buffer: ArrayBuffer; readonly at: number },
  length: number,
): void {
  setBytes(bytesOf(to.buffer, to.at, length), bytesOf(from.buffer, from.at, length), 0);
}
