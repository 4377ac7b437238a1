import { runClock } from './clock.ts';
import { createSharedArrayBuffer, installArrayBuffer } from './counted-buffers.ts';
import { NativeEvalError, defineProperty } from './primordials.ts';
import { allowSharedMemories } from './wasm-memory.ts';
import { lateObject } from './late.ts';
import { takeResponseParts } from './response-parts.ts';
import { stripNamespace } from './wasm-native.ts';
import { createWebAssembly } from './webassembly.ts';

/**
 * Has counted what V8 does not count against an isolate's memory limit (resizable buffers, WebAssembly's memories), and takes
 * away what measures time or shares memory between threads (SharedArrayBuffer, Atomics), and making code from strings.
 */
export function harden(): void {
  removeSharedMemory();
  stripNamespace();
  takeResponseParts();
  setGlobal(
    'WebAssembly',
    lateObject(() => createWebAssembly()),
  );
  installArrayBuffer();
  refuseCodeFromStrings();
}

function removeSharedMemory(): void {
  const globals = globalThis as Record<string, unknown>;
  const { Atomics } = globalThis;
  delete globals['SharedArrayBuffer'];
  delete globals['Atomics'];
  restoreSharedMemory = () => {
    // There is one thread: who waits here waits for ever.
    delete (Atomics as { wait?: unknown }).wait;
    delete (Atomics as { waitAsync?: unknown }).waitAsync;
    setGlobal('SharedArrayBuffer', createSharedArrayBuffer());
    allowSharedMemories();
    setGlobal('Atomics', Atomics);
  };
}

/** What was taken away, for `relax`. */
let restoreEval = (): void => undefined;
let restoreSharedMemory = (): void => undefined;

let evaluate: ((source: string) => unknown) | undefined;

/** V8's own eval, where the manifest allows it. */
export function allowedEval(): typeof evaluate {
  return evaluate;
}

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
  // oxlint-disable-next-line no-eval -- kept for those whom the manifest allows it
  const native = globalThis.eval as (source: string) => unknown;
  restoreEval = () => {
    evaluate = native;
    for (let index = 0; index < undo.length; index++) undo[index]?.();
  };
  const refuse = (): never => {
    throw new NativeEvalError('Code from strings is not allowed here; write it as code');
  };
  for (const sample of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    const prototype = Object.getPrototypeOf(sample) as { readonly constructor: { readonly name: string } };
    const made = prototype.constructor;
    const stand = function (): never {
      return refuse();
    };
    defineProperty(stand, 'name', { value: prototype.constructor.name, configurable: true });
    defineProperty(stand, 'length', { value: 1, configurable: true });
    defineProperty(stand, 'prototype', { value: prototype, writable: false });
    defineProperty(prototype, 'constructor', { value: stand, writable: false, configurable: true });
    undo.push(() => {
      defineProperty(prototype, 'constructor', {
        value: made,
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
