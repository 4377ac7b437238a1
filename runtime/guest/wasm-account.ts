/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { original } from './late.ts';
import { NativeRangeError, bufferLength, floor, max, min, uncurry } from './primordials.ts';
import { memoryLimitMb, onMemoryCheck } from './wasm-limit.ts';
import { NativeMemory } from './wasm-native.ts';
import type { WasmMemory as Memory } from './wasm-native.ts';

const NativeArrayBuffer = ArrayBuffer;
const NativeInt32Array = Int32Array;
const NativeWeakRef = WeakRef;

const deref: (ref: WeakRef<Memory>) => Memory | undefined = uncurry(
  original(WeakRef.prototype, 'deref') as (this: WeakRef<Memory>) => Memory | undefined,
);
const bufferOf: (memory: object) => ArrayBuffer = uncurry(
  Object.getOwnPropertyDescriptor(NativeMemory.prototype, 'buffer')?.get as (this: object) => ArrayBuffer,
);
const counted = new WeakMap<object, Counted>();
const findCounted = uncurry(original(WeakMap.prototype, 'get') as never) as (
  map: typeof counted,
  memory: object,
) => Counted | undefined;
const setCounted = uncurry(original(WeakMap.prototype, 'set') as never) as (
  map: typeof counted,
  memory: object,
  value: Counted,
) => unknown;

export const pageBytes = 65_536;
/** The heap's own part of the limit, in pages: no memory grows into it. */
const heapPages = 128;
/** Each reserves 8 GB of addresses, of which a process has 128 TB. */
const mostMemories = 128;

/**
 * An array buffer as large as a memory, or as what it has grown by, that lives as long. Nobody writes to it, so that it
 * takes nothing but addresses, and isolated-vm counts it against the isolate's limit, which it does not do with memories.
 */
interface Ballast {
  readonly buffer: ArrayBuffer;
  readonly before: Ballast | undefined;
}

/** What is known of one memory as long as it lives. */
export interface Counted {
  /** Its addresses have 64 bits. */
  readonly wide: boolean;
  readonly entry: Entry;
  ballast: Ballast | undefined;
}

/** A place in the list of all memories; keeps none alive. */
interface Entry {
  readonly ref: WeakRef<Memory>;
  pages: number;
  next: Entry | undefined;
}

let entries: Entry | undefined;
let entryCount = 0;
/** What all memories together may take, in pages. */
const allowance = toAllowance(memoryLimitMb());
/** What was left when last counted; the account shows less when memories have grown from inside. */
let credit = allowance;
let isOver = false;
let account: Memory | undefined;
let cell: Int32Array | undefined;

/** Of the instance's whole limit the heap keeps a part. */
function toAllowance(memoryMb: number): number {
  const pages = (memoryMb * 2 ** 20) / pageBytes;
  return floor(pages - min(heapPages, pages / 4));
}

/** What all memories together may take, in pages. */
export function mostPages(): number {
  return allowance;
}

/** The memory whose first 32 bits say how many pages may still be taken; what wasm-rewrite.ts adds writes to it. */
export function openAccount(): Memory {
  if (account !== undefined) return account;
  account = new NativeMemory({ initial: 1, maximum: 1 });
  cell = new NativeInt32Array(bufferOf(account), 0, 1);
  cell[0] = credit;
  return account;
}

function left(): number {
  return cell === undefined ? credit : (cell[0] ?? 0);
}

function setLeft(pages: number): void {
  credit = pages;
  if (cell !== undefined) cell[0] = pages;
}

onMemoryCheck(isOverMemory);

/** See wasm-limit.ts. */
function isOverMemory(): boolean {
  if (entries === undefined) return false;
  // Looking at memories keeps them alive for a moment: not while there is enough for all.
  if (!isOver && left() === credit && credit > allowance / 2) return false;
  recount();
  return isOver;
}

/** Looks at every memory that is still there. */
function recount(): void {
  let sum = 0;
  let last: Entry | undefined;
  isOver = false;
  for (let entry = entries; entry !== undefined; entry = entry.next) {
    const memory = deref(entry.ref);
    if (memory === undefined) {
      entryCount--;
      if (last === undefined) entries = entry.next;
      else last.next = entry.next;
      continue;
    }
    last = entry;
    const pages = bufferLength(bufferOf(memory)) / pageBytes;
    sum += pages;
    if (pages > entry.pages && !addBallast(memory, pages)) isOver = true;
  }
  setLeft(max(0, allowance - sum));
}

function addBallast(memory: object, pages: number): boolean {
  const found = findCounted(counted, memory);
  if (found === undefined) return false;
  try {
    const buffer = new NativeArrayBuffer((pages - found.entry.pages) * pageBytes);
    found.ballast = { buffer, before: found.ballast };
    found.entry.pages = pages;
    return true;
  } catch {
    return false;
  }
}

/** Counts bytes outside the heap for as long as the caller holds what this gives. Throws a RangeError. */
export function countBytes(bytes: number, what: string): ArrayBuffer {
  try {
    return new NativeArrayBuffer(bytes);
  } catch {
    throw new NativeRangeError(`${what}: Out of memory; raise limits.memoryMb`);
  }
}

/** Makes V8 collect all it can, which it does before it refuses a buffer. */
function collect(): void {
  try {
    void new NativeArrayBuffer(2 ** 32);
  } catch {
    // It always is.
  }
}

/** Takes pages from the account, after a collection when there are too few. Throws a RangeError. */
export function reserve(pages: number, what: string): ArrayBuffer | undefined {
  if (left() !== credit) recount();
  if (pages > left()) {
    collect();
    recount();
  }
  if (pages > left()) {
    throw new NativeRangeError(
      `${what}: Out of memory: ${pages} pages are asked for, ${left()} of ${allowance} are left; raise limits.memoryMb`,
    );
  }
  if (pages === 0) return undefined;
  const buffer = countBytes(pages * pageBytes, what);
  setLeft(left() - pages);
  return buffer;
}

/** Gives back what was taken for something that could not be made. */
export function release(pages: number): void {
  setLeft(left() + pages);
}

/** Throws a RangeError when the instance has as many memories as it may. */
export function requireRoom(what: string): void {
  if (entryCount < mostMemories) return;
  collect();
  recount();
  if (entryCount < mostMemories) return;
  throw new NativeRangeError(`${what}: Out of memory: there are ${mostMemories} memories already`);
}

/** Keeps count of a new memory; `buffer` is what `reserve` gave for its first pages. */
export function keep(
  memory: Memory,
  first: { pages: number; wide: boolean; buffer: ArrayBuffer | undefined },
): void {
  const { pages, wide, buffer } = first;
  const entry: Entry = { ref: new NativeWeakRef(memory), pages, next: entries };
  entries = entry;
  entryCount++;
  const ballast = buffer === undefined ? undefined : { buffer, before: undefined };
  setCounted(counted, memory, { wide, entry, ballast });
}

/** Undefined for what is no memory. */
export function countedOf(memory: unknown): Counted | undefined {
  return typeof memory === 'object' && memory !== null ? findCounted(counted, memory) : undefined;
}
