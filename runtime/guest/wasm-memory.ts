/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import {
  countedOf,
  countBytes,
  keep,
  mostPages,
  pageBytes,
  release,
  requireRoom,
  reserve,
} from './wasm-account.ts';
import { countWith, nativeResize, setResize } from './counted-buffers.ts';
import type { Counted } from './wasm-account.ts';
import {
  NativeNumber,
  NativeTypeError,
  bufferLength,
  construct,
  isInteger,
  max,
  min,
  toText,
  trunc,
  uncurry,
} from './primordials.ts';
import { NativeMemory } from './wasm-native.ts';
import type { WasmMemory } from './wasm-native.ts';
import type { MemoryType } from './wasm-sections.ts';

const NativeBigInt = BigInt;
const { asIntN } = BigInt;
const nativeToResizable: (memory: unknown) => unknown = uncurry(NativeMemory.prototype.toResizableBuffer);
const nativeGrow: (memory: unknown, pages: unknown) => unknown = uncurry(NativeMemory.prototype.grow);

/** Pages that addresses of 32 and of 64 bits reach. */
const most = 2 ** 16;
const mostWide = 2 ** 48;

type Bag = Record<string, unknown>;

interface Opening {
  readonly pages: number;
  /** As declared; what there is may be less. */
  readonly maximum: number | undefined;
  readonly wide: boolean;
  readonly newTarget: unknown;
}

/** A memory that a module defines, for one instance of it. Throws a RangeError. */
export function createMemory({ wide, initial, maximum }: MemoryType): WasmMemory {
  return open({ pages: initial, maximum, wide, newTarget: NativeMemory }, 'WebAssembly.Instance()');
}

function open({ pages, maximum, wide, newTarget }: Opening, what: string): WasmMemory {
  requireRoom(what);
  const buffer = reserve(pages, what);
  const bound = max(pages, min(maximum ?? mostPages(), mostPages()));
  const descriptor: unknown = {
    __proto__: null,
    address: wide ? 'i64' : 'i32',
    initial: wide ? NativeBigInt(pages) : pages,
    maximum: wide ? NativeBigInt(bound) : bound,
  };
  try {
    const memory = construct(NativeMemory, [descriptor], newTarget as typeof NativeMemory);
    keep(memory, { pages, wide, buffer });
    return memory;
  } catch (error) {
    release(pages);
    throw error;
  }
}

/** `new WebAssembly.Memory(descriptor)` (WebAssembly JavaScript interface, Memories); its maximum is bounded. */
export function Memory(given?: unknown): unknown {
  if (new.target === undefined) throw new NativeTypeError("WebAssembly.Memory must be invoked with 'new'");
  const what = 'WebAssembly.Memory()';
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null)
    return construct(NativeMemory, [undefined], new.target);
  const bag = given as Bag;
  const address = bag['address'] === undefined ? 'i32' : toText(bag['address']);
  const wide = address === 'i64';
  const initial = takePages(bag['initial'], wide);
  const maximum = takePages(bag['maximum'], wide);
  if (bag['shared'] as boolean) {
    if (!sharing) throw new NativeTypeError(`${what}: shared memories are not available here`);
    return openShared({ initial, maximum, address, newTarget: new.target });
  }
  const pages = NativeNumber(initial);
  const upTo = maximum === undefined ? undefined : NativeNumber(maximum);
  if (isSize(pages, wide) && (upTo === undefined || (isSize(upTo, wide) && upTo >= pages)))
    return open({ pages, maximum: upTo, wide, newTarget: new.target }, what);
  // V8 has the words for what makes no sense.
  const descriptor: Bag = { __proto__: null, address };
  if (initial !== undefined) descriptor['initial'] = initial;
  if (maximum !== undefined) descriptor['maximum'] = maximum;
  construct(NativeMemory, [descriptor], new.target);
  throw new NativeTypeError(`${what}: the descriptor is not understood`);
}

let sharing = false;

/** The manifest allows it (`sharedArrayBuffer`). Before guest code runs. */
export function allowSharedMemories(): void {
  sharing = true;
}

interface SharedOpening {
  readonly initial: unknown;
  readonly maximum: unknown;
  readonly address: string;
  readonly newTarget: unknown;
}

/** A shared memory counts at its maximum, which it must have, from the start: it grows without telling anybody. */
function openShared({ initial, maximum, address, newTarget }: SharedOpening): object {
  const descriptor: Bag = { __proto__: null, address, shared: true };
  if (initial !== undefined) descriptor['initial'] = initial;
  if (maximum !== undefined) descriptor['maximum'] = maximum;
  const pages = maximum === undefined ? 0 : NativeNumber(maximum);
  const bytes = isSize(pages, true) && pages >= NativeNumber(initial ?? 0) ? pages * pageBytes : 0;
  // V8 has the words for what makes no sense; what does is counted before it is there.
  const counts = countBytes(bytes, 'WebAssembly.Memory()');
  const memory = construct(NativeMemory, [descriptor], newTarget as typeof NativeMemory);
  countWith(memory, counts);
  return memory;
}

function isSize(pages: number, wide: boolean): boolean {
  return isInteger(pages) && pages >= 0 && pages <= (wide ? mostWide : most);
}

function takePages(value: unknown, wide: boolean): unknown {
  return value === undefined ? undefined : toPages(value, wide);
}

/** As Web IDL converts it, but for the range: a number without its fraction, or a bigint. */
function toPages(value: unknown, wide: boolean): number | bigint {
  return wide ? asIntN(128, value as bigint) : trunc(value as number);
}

/** What stands in the place of V8's own methods of memories. */
export const memoryMethods: Readonly<
  Record<'grow' | 'toResizableBuffer', (this: unknown, delta: unknown) => unknown>
> = {
  grow(delta) {
    return growMemory(this, delta);
  },
  toResizableBuffer() {
    return toResizable(this);
  },
};

/** The memory as a buffer whose `resize` grows it: by whole pages, and counted. */
function toResizable(memory: unknown): unknown {
  const buffer = nativeToResizable(memory) as ArrayBuffer;
  const found = countedOf(memory);
  // One that is shared counts at its maximum.
  if (found === undefined) return buffer;
  setResize(buffer, (length) => {
    const pages = (length - bufferLength(buffer)) / pageBytes;
    if (!isInteger(pages) || pages <= 0) return nativeResize(buffer, length);
    take(found, pages, 'ArrayBuffer.resize()', () => nativeResize(buffer, length));
  });
  return buffer;
}

function growMemory(memory: unknown, delta: unknown): unknown {
  const found = countedOf(memory);
  if (found === undefined) return nativeGrow(memory, delta);
  const wanted = toPages(delta, found.wide);
  const pages = NativeNumber(wanted);
  if (!isSize(pages, found.wide)) return nativeGrow(memory, wanted);
  return take(found, pages, 'WebAssembly.Memory.grow()', () => nativeGrow(memory, wanted));
}

/** Grows a memory by `run`, with the account told. Throws a RangeError, or what `run` throws. */
function take<Result>(found: Counted, pages: number, what: string, run: () => Result): Result {
  const buffer = reserve(pages, what);
  try {
    const result = run();
    found.entry.pages += pages;
    if (buffer !== undefined) found.ballast = { buffer, before: found.ballast };
    return result;
  } catch (error) {
    release(pages);
    throw error;
  }
}
