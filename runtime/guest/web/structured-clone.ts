import { cloneBlob, isBlob } from './blob.ts';
import * as brands from './brands.ts';
import { cloneOther, transferKindOf } from './clone-kinds.ts';
import { cloneDomException, createDomException, isDomException } from './dom-exception.ts';
import { isEvent } from './event.ts';
import { isEventTarget } from './event-target.ts';
import { entriesOf } from './form-data.ts';
import { listOf } from './headers.ts';
import { requestState } from './request.ts';
import { responseState } from './response.ts';
import { isReadableStream } from './streams.ts';
import { isSearchParams } from './url-search-params.ts';
import { isUrl } from './url.ts';
import { getterOf, methodOf, requireArguments, staticOf, toDictionary, toObject } from './webidl.ts';

const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, keys } = Object;
const { isArray } = Array;
const isView = staticOf<(value: object) => value is ArrayBufferView>(ArrayBuffer, 'isView');
const isError = staticOf<(value: object) => value is Error>(Error, 'isError');
const { prototype: objectPrototype } = Object;
const { prototype: buffer } = ArrayBuffer;
const detachBuffer = methodOf<(buffer: ArrayBuffer) => ArrayBuffer>(buffer, 'transfer');
const sliceBuffer = methodOf<(buffer: ArrayBuffer) => ArrayBuffer>(buffer, 'slice');
const isDetached = getterOf<(buffer: ArrayBuffer) => boolean>(buffer, 'detached');
const isResizable = getterOf<(buffer: ArrayBuffer) => boolean>(buffer, 'resizable');
const mostBytes = getterOf<(buffer: ArrayBuffer) => number>(buffer, 'maxByteLength');
const resize = methodOf<(buffer: ArrayBuffer, length: number) => void>(buffer, 'resize');
const lengthOfView = getterOf<(view: object) => number>(DataView.prototype, 'byteLength');
const keysOf = methodOf<(view: object) => unknown>(getPrototypeOf(Uint8Array.prototype) as object, 'keys');
const eachOfMap = methodOf<(map: object, run: (value: unknown, key: unknown) => void) => void>(
  Map.prototype,
  'forEach',
);
const eachOfSet = methodOf<(set: object, run: (value: unknown) => void) => void>(Set.prototype, 'forEach');
const timeOf = methodOf<(date: object) => number>(Date.prototype, 'getTime');

const errorTypes: ReadonlyMap<unknown, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
);
type ViewType = new (buffer: ArrayBuffer, offset: number, length?: number) => ArrayBufferView;
const viewTypes: ReadonlyMap<string, ViewType> = new Map(
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
  ].map((type) => [type.name, type as unknown as ViewType]),
);

interface State {
  readonly memory: Map<object, unknown>;
  /** Buffers to transfer, each with the one that takes its place. */
  readonly moved: Map<ArrayBuffer, ArrayBuffer>;
  readonly moves: (() => void)[];
  /** What took the place of transferred objects that are no buffers, in order. */
  readonly replacements: object[];
}

/**
 * HTML, 2.7.10. Clones what JavaScript has (with cycles), Blob, File and DOMException; anything else is refused with
 * DataCloneError. ArrayBuffers and MessagePorts can be
 * transferred.
 */
export function structuredClone(value: unknown, options?: unknown): unknown {
  requireArguments(arguments.length, 1, 'structuredClone');
  const { transfer } = toDictionary(options, 'The options of structuredClone');
  return cloneWithTransfer(value, transfer).clone;
}

/** The same with the transferred objects that took the place of those in the list and are no buffers. */
export function cloneWithTransfer(
  value: unknown,
  transfer: unknown,
): { readonly clone: unknown; readonly replacements: readonly object[] } {
  const state: State = { memory: new Map(), moved: new Map(), moves: [], replacements: [] };
  if (transfer !== undefined) prepareTransfer(toSequence(transfer), state);
  const clone = cloneValue(value, state);
  // Bytes move only now: a value that is refused leaves every buffer where it was.
  for (const [from, to] of state.moved) new Uint8Array(to).set(new Uint8Array(detachBuffer(from)));
  for (const move of state.moves) move();
  return { clone, replacements: state.replacements };
}

function toSequence(transfer: unknown): Iterable<unknown> {
  if (typeof transfer === 'object' && transfer !== null && Symbol.iterator in transfer)
    return transfer as Iterable<unknown>;
  throw new TypeError('transfer must be a sequence of objects');
}

function prepareTransfer(transfer: Iterable<unknown>, state: State): void {
  for (const item of transfer) {
    if (typeof item !== 'object' || item === null)
      throw new TypeError('transfer must be a sequence of objects');
    if (state.memory.has(item)) refuse('An object that is listed twice in transfer');
    if (brands.isArrayBuffer(item)) prepareBuffer(item as ArrayBuffer, state);
    else prepareOther(item, state);
  }
}

function prepareBuffer(buffer: ArrayBuffer, { memory, moved }: State): void {
  if (isDetached(buffer)) refuse('An ArrayBuffer that is detached');
  const replacement = createLike(buffer);
  moved.set(buffer, replacement);
  memory.set(buffer, replacement);
}

function prepareOther(item: object, state: State): void {
  const kind = transferKindOf(item);
  if (kind === undefined) return refuse('A value in transfer that cannot be transferred');
  const { replacement, move } = kind.prepare(item);
  state.memory.set(item, replacement);
  state.moves.push(move);
  state.replacements.push(replacement);
}

function refuse(what: string): never {
  throw createDomException(`${what} cannot be cloned`, 'DataCloneError');
}

function cloneValue(value: unknown, state: State): unknown {
  if (typeof value === 'function') return refuse(`The function ${value.name || '(anonymous)'}`);
  if (typeof value === 'symbol') return refuse('A symbol');
  if (typeof value !== 'object' || value === null) return value;
  const known = state.memory.get(value);
  if (known !== undefined) return known;
  if (isArray(value)) return cloneArray(value, state);
  const prototype: unknown = getPrototypeOf(value);
  if (prototype === objectPrototype || prototype === null) return cloneProperties(value, {}, state);
  return cloneExotic(value, state);
}

function remember<T>(value: object, clone: T, state: State): T {
  state.memory.set(value, clone);
  return clone;
}

function cloneArray(value: readonly unknown[], state: State): unknown {
  const clone: unknown[] = [];
  clone.length = value.length;
  return cloneProperties(value, clone, state);
}

function cloneProperties(value: object, clone: object, state: State): object {
  state.memory.set(value, clone);
  for (const key of keys(value)) {
    if (!hasOwn(value, key)) continue;
    const copy = cloneValue((value as Record<string, unknown>)[key], state);
    if (key !== '__proto__') (clone as Record<string, unknown>)[key] = copy;
    else defineProperty(clone, key, { value: copy, writable: true, enumerable: true, configurable: true });
  }
  return clone;
}

function cloneExotic(value: object, state: State): unknown {
  if (isView(value)) return cloneView(value, state);
  if (brands.isArrayBuffer(value)) return cloneBuffer(value as ArrayBuffer, state);
  if (brands.isDate(value)) return remember(value, new Date(timeOf(value)), state);
  if (brands.isMap(value)) return cloneMap(value as Map<unknown, unknown>, state);
  if (brands.isSet(value)) return cloneSet(value as Set<unknown>, state);
  if (brands.isRegExp(value)) {
    const { source, flags } = value as RegExp;
    return remember(value, new RegExp(source, flags), state);
  }
  if (isDomException(value)) return remember(value, cloneDomException(value), state);
  if (isError(value)) return cloneError(value, state);
  if (isBlob(value)) return remember(value, cloneBlob(value), state);
  const other = cloneOther(value);
  if (other !== undefined) return remember(value, other, state);
  if (brands.isPrimitiveObject(value))
    return remember(value, toObject((value as { valueOf(): unknown }).valueOf()), state);
  const what = brands.uncloneable(value) ?? platformObject(value);
  return what === undefined ? cloneProperties(value, {}, state) : refuse(what);
}

function cloneBuffer(buffer: ArrayBuffer, state: State): ArrayBuffer {
  if (isDetached(buffer)) refuse('A detached ArrayBuffer');
  if (!isResizable(buffer)) return remember(buffer, sliceBuffer(buffer), state);
  const clone = createLike(buffer);
  new Uint8Array(clone).set(new Uint8Array(buffer));
  return remember(buffer, clone, state);
}

/** An empty buffer of the same length, and the same greatest length where it has one. */
function createLike(buffer: ArrayBuffer): ArrayBuffer {
  const { byteLength } = buffer;
  return isResizable(buffer)
    ? new ArrayBuffer(byteLength, { maxByteLength: mostBytes(buffer) })
    : new ArrayBuffer(byteLength);
}

function cloneView(view: ArrayBufferView, state: State): unknown {
  const source = view.buffer as ArrayBuffer;
  if (!brands.isArrayBuffer(source)) refuse('A SharedArrayBuffer');
  const name = brands.typedArrayName(view);
  if (isOutOfBounds(view, name)) refuse('A view beyond the end of its buffer');
  const isTracking = tracksLength(view, source);
  const { byteOffset } = view;
  const length = name === undefined ? view.byteLength : (view as unknown as { length: number }).length;
  const buffer = (state.memory.get(source) as ArrayBuffer | undefined) ?? cloneBuffer(source, state);
  const type = (name === undefined ? DataView : viewTypes.get(name)) as ViewType;
  const clone = isTracking ? new type(buffer, byteOffset) : new type(buffer, byteOffset, length);
  return remember(view, clone, state);
}

/** A resizable buffer can shrink under its views. */
function isOutOfBounds(view: ArrayBufferView, name: string | undefined): boolean {
  try {
    if (name === undefined) void lengthOfView(view);
    else void keysOf(view);
    return false;
  } catch {
    return !isDetached(view.buffer as ArrayBuffer);
  }
}

/** Nothing tells a view that follows its buffer's length but what it does when that changes: for a moment it does. */
function tracksLength(view: ArrayBufferView, buffer: ArrayBuffer): boolean {
  if (!brands.isArrayBuffer(buffer) || !isResizable(buffer)) return false;
  const { byteLength } = view;
  if (view.byteOffset + byteLength + 8 <= buffer.byteLength) return false;
  const before = buffer.byteLength;
  const kept = sliceBuffer(buffer);
  // Far enough for the widest element, both ways.
  resize(buffer, before + 8 <= mostBytes(buffer) ? before + 8 : Math.max(view.byteOffset, before - 8));
  const isTracking = isOutOfBounds(view, brands.typedArrayName(view))
    ? false
    : view.byteLength !== byteLength;
  resize(buffer, before);
  new Uint8Array(buffer).set(new Uint8Array(kept));
  return isTracking;
}

function cloneMap(map: Map<unknown, unknown>, state: State): Map<unknown, unknown> {
  const clone = remember(map, new Map<unknown, unknown>(), state);
  const pairs: [unknown, unknown][] = [];
  eachOfMap(map, (value, key) => pairs.push([key, value]));
  for (const [key, value] of pairs) clone.set(cloneValue(key, state), cloneValue(value, state));
  return clone;
}

function cloneSet(set: Set<unknown>, state: State): Set<unknown> {
  const clone = remember(set, new Set<unknown>(), state);
  const items: unknown[] = [];
  eachOfSet(set, (item) => items.push(item));
  for (const item of items) clone.add(cloneValue(item, state));
  return clone;
}

function cloneError(error: Error, state: State): Error {
  const type = errorTypes.get(error.name) ?? Error;
  const message = getOwnPropertyDescriptor(error, 'message');
  const clone = remember(error, new type(), state);
  const define = (name: string, value: unknown): void =>
    void defineProperty(clone, name, { value, writable: true, configurable: true, enumerable: false });
  if (message && 'value' in message) define('message', String(message.value));
  if (typeof error.stack === 'string') define('stack', error.stack);
  if (hasOwn(error, 'cause')) define('cause', cloneValue(error.cause, state));
  return clone;
}

/** Platform objects that are not serializable. */
function platformObject(value: object): string | undefined {
  if (listOf(value)) return 'A Headers object';
  if (requestState(value)) return 'A Request';
  if (responseState(value)) return 'A Response';
  if (entriesOf(value)) return 'A FormData';
  if (isUrl(value)) return 'A URL';
  if (isSearchParams(value)) return 'A URLSearchParams';
  if (isReadableStream(value)) return 'A stream';
  if (isEventTarget(value)) return 'An EventTarget';
  return isEvent(value) ? 'An Event' : undefined;
}
