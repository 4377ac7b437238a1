import {
  NativeTypeError,
  NativeUint8Array,
  apply,
  bufferDetached,
  copyBytes,
  isFiniteNumber,
  isView,
  quote,
  toText,
  trunc,
  typedArrayName,
  viewBuffer,
  viewLength,
  viewOf,
} from '../primordials.ts';

// Web IDL conversions of what a guest passes; each may run the guest's getters and methods, and throws what they throw.

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** BufferSource: a copy of its bytes, none of a detached one. */
export function toBytes(value: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (!isView(value) && !isBuffer(value))
    throw new NativeTypeError(`${what} must be an ArrayBuffer or a view on one`);
  const view = viewOfAttached(value);
  if (view !== undefined && !isBuffer(viewBuffer(view)))
    throw new NativeTypeError(`${what} must not be shared`);
  return view === undefined ? new NativeUint8Array(0) : copyBytes(view, 0, viewLength(view));
}

function viewOfAttached(value: unknown): Uint8Array | undefined {
  try {
    return viewOf(value);
  } catch {
    return undefined;
  }
}

/** Uint8Array: a copy of its bytes. */
export function toUint8Array(value: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (!isView(value) || typedArrayName(value) !== 'Uint8Array')
    throw new NativeTypeError(`${what} must be a Uint8Array`);
  return toBytes(value, what);
}

/** [EnforceRange] unsigned integers. */
export function toInteger(value: unknown, most: number, what: string): number {
  // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a number in name only
  const number = +(value as number);
  const integer = trunc(number);
  if (!isFiniteNumber(number) || integer < 0 || integer > most)
    throw new NativeTypeError(`${what} must be a number from 0 to ${most}`);
  return integer + 0;
}

/** Runs `take` with every item of a sequence. */
export function eachOf(value: unknown, what: string, take: (item: unknown) => void): void {
  const method: unknown = isObject(value) ? (value as Iterable<unknown>)[Symbol.iterator] : undefined;
  if (typeof method !== 'function') throw new NativeTypeError(`${what} must be a sequence`);
  const iterator = apply(method as () => Iterator<unknown>, value, []);
  if (!isObject(iterator)) throw new NativeTypeError(`${what} must be a sequence`);
  const next: unknown = (iterator as { next: unknown }).next;
  for (;;) {
    const result: unknown = apply(next as () => unknown, iterator, []);
    if (!isObject(result)) throw new NativeTypeError(`The iterator of ${what} gave no object`);
    if ((result as { done: unknown }).done) return;
    take((result as IteratorResult<unknown>).value);
  }
}

/** JSON text of a sequence of strings, each checked by `check`. */
export function toStringsJson(value: unknown, what: string, check?: (item: string) => void): string {
  let json = '';
  eachOf(value, what, (item) => {
    const text = toText(item);
    check?.(text);
    json += json === '' ? quote(text) : `,${quote(text)}`;
  });
  return `[${json}]`;
}

/** An ArrayBuffer, detached or not. */
export function isBuffer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    bufferDetached(value as ArrayBuffer);
    return true;
  } catch {
    return false;
  }
}
