/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import { runClock } from './clock.ts';
import {
  NativeEvalError,
  NativeRangeError,
  NativeTypeError,
  construct,
  defineProperty,
} from './primordials.ts';
import { installWebAssembly } from './webassembly.ts';

/**
 * Takes away what V8 does not count against an isolate's memory limit (resizable buffers; WebAssembly's memories are
 * counted by webassembly.ts), what measures time or shares memory between threads (SharedArrayBuffer, Atomics), and
 * making code from strings.
 */
export function harden(): void {
  removeSharedMemory();
  installWebAssembly();
  installArrayBuffer();
  refuseCodeFromStrings();
}

function removeSharedMemory(): void {
  const globals = globalThis as Record<string, unknown>;
  const { SharedArrayBuffer, Atomics } = globalThis;
  delete globals['SharedArrayBuffer'];
  delete globals['Atomics'];
  restoreSharedMemory = () => {
    // There is one thread: who waits here waits for ever.
    delete (Atomics as { wait?: unknown }).wait;
    delete (Atomics as { waitAsync?: unknown }).waitAsync;
    // What grows is memory nobody counts.
    delete (SharedArrayBuffer.prototype as { grow?: unknown }).grow;
    setGlobal('SharedArrayBuffer', SharedArrayBuffer);
    setGlobal('Atomics', Atomics);
  };
}

// Fixed-length buffers are refused beyond the limit; `maxByteLength` reserves memory nobody counts.
function installArrayBuffer(): void {
  const Native = ArrayBuffer;
  function FixedArrayBuffer(length?: unknown, options?: unknown): unknown {
    if (new.target === undefined) {
      throw new NativeTypeError("Constructor ArrayBuffer requires 'new'");
    }
    if (typeof options === 'object' && options !== null) {
      if ((options as { maxByteLength?: unknown }).maxByteLength !== undefined) {
        throw new NativeRangeError('Resizable ArrayBuffers are not available here; leave maxByteLength out');
      }
    }
    return construct(Native, [length], new.target);
  }
  defineProperty(FixedArrayBuffer, 'length', { value: 1, configurable: true });
  defineProperty(FixedArrayBuffer, 'name', { value: 'ArrayBuffer', configurable: true });
  defineProperty(FixedArrayBuffer, 'prototype', { value: Native.prototype, writable: false });
  defineProperty(FixedArrayBuffer, 'isView', {
    value: Native.isView,
    writable: true,
    configurable: true,
  });
  defineProperty(FixedArrayBuffer, Symbol.species, {
    get(this: unknown) {
      return this;
    },
    configurable: true,
  });
  defineProperty(Native.prototype, 'constructor', {
    value: FixedArrayBuffer,
    writable: true,
    configurable: true,
  });
  delete (Native.prototype as { resize?: unknown }).resize;
  defineProperty(globalThis, 'ArrayBuffer', { value: FixedArrayBuffer, writable: true, configurable: true });
}

/** What was taken away, for `relax`. */
let restoreEval = (): void => undefined;
let restoreSharedMemory = (): void => undefined;

/** Gives back what the manifest allows. Before the guest's top level runs. */
export function relax(allow: readonly string[]): void {
  for (let index = 0; index < allow.length; index++) {
    if (allow[index] === 'eval') restoreEval();
    if (allow[index] === 'runningClock') runClock();
    if (allow[index] === 'sharedArrayBuffer') restoreSharedMemory();
  }
}

/** `eval` and the four function constructors throw an EvalError, as Workers have it. */
function refuseCodeFromStrings(): void {
  const undo: (() => void)[] = [];
  restoreEval = () => {
    for (let index = 0; index < undo.length; index++) undo[index]?.();
  };
  const refuse = (): never => {
    throw new NativeEvalError('Code from strings is not allowed here; write it as code');
  };
  for (const sample of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    const prototype = Object.getPrototypeOf(sample) as { readonly constructor: { readonly name: string } };
    const native = prototype.constructor;
    const stand = function (): never {
      return refuse();
    };
    defineProperty(stand, 'name', { value: prototype.constructor.name, configurable: true });
    defineProperty(stand, 'length', { value: 1, configurable: true });
    defineProperty(stand, 'prototype', { value: prototype, writable: false });
    defineProperty(prototype, 'constructor', { value: stand, writable: false, configurable: true });
    undo.push(() => {
      defineProperty(prototype, 'constructor', {
        value: native,
        writable: prototype === Function.prototype,
        configurable: true,
      });
    });
    if (prototype === Function.prototype) replaceGlobal('Function', stand, undo);
  }
  replaceGlobal('eval', refuse, undo);
}

function replaceGlobal(name: string, value: unknown, undo: (() => void)[]): void {
  const native = (globalThis as Record<string, unknown>)[name];
  undo.push(() => setGlobal(name, native));
  setGlobal(name, value);
}

function setGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
