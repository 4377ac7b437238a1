/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { original } from './late.ts';
import { NativeRangeError, apply, defineProperty, uncurry } from './primordials.ts';
import { countBytes } from './wasm-account.ts';
import { nativePromising } from './wasm-native.ts';

type Then = (
  promise: Promise<unknown>,
  settled: (value: unknown) => unknown,
  failed: (reason: unknown) => never,
) => unknown;
const then = uncurry(original(Promise.prototype, 'then') as never) as unknown as Then;

/** More than what V8 reserves for the stack of one computation, all of which it may have touched (cell-main.ts). */
const stackBytes = 256 * 1024;
/**
 * At once. Each takes two of the 65 530 mappings that Linux gives a process, and V8 ends the process when there are no
 * more; and a collection walks them all, which together takes it as long as the deepest recursion of JavaScript does.
 */
const mostStacks = 100;
/** V8 keeps 4 MB of them for those that come next. */
const keptStacks = 16;
const what = 'WebAssembly.promising()';

/** Counts one stack; those that are needed now, and a few more, are all in one list, in no order. */
interface Ballast {
  readonly buffer: ArrayBuffer;
  readonly next: Ballast | undefined;
}

let ballast: Ballast | undefined;
let counted = 0;
let running = 0;

function take(): void {
  if (running === mostStacks)
    throw new NativeRangeError(`${what}: Out of memory: ${mostStacks} computations have a stack already`);
  if (running === counted) {
    ballast = { buffer: countBytes(stackBytes, what), next: ballast };
    counted++;
  }
  running++;
}

function giveBack(): void {
  running--;
  if (counted <= running + keptStacks) return;
  ballast = ballast?.next;
  counted--;
}

const settled = (value: unknown): unknown => {
  giveBack();
  return value;
};

const failed = (reason: unknown): never => {
  giveBack();
  throw reason;
};

/**
 * `WebAssembly.promising(function)` (JavaScript Promise Integration): V8's, each of whose computations has a stack of its
 * own outside the heap, from the call until its promise has settled. One that nobody resumes keeps it as long as the
 * instance lives, in V8 too; so it stays counted.
 */
export function promising(exported?: unknown): unknown {
  const run = nativePromising?.(exported) as (...args: unknown[]) => Promise<unknown>;
  const start = (...args: unknown[]): unknown => {
    take();
    let promise: Promise<unknown>;
    try {
      promise = apply(run, undefined, args);
    } catch (error) {
      giveBack();
      throw error;
    }
    // Not `await`: what a guest puts at Promise.prototype.constructor could say too early that it has settled. Here it can
    // throw, or keep what it is told, and the stack stays counted.
    return then(promise, settled, failed);
  };
  defineProperty(start, 'name', { __proto__: null, value: run.name, configurable: true } as never);
  defineProperty(start, 'length', { __proto__: null, value: run.length, configurable: true } as never);
  return start;
}
