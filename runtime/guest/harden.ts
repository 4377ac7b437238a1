/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import { NativeRangeError, NativeTypeError, construct, defineProperty } from './primordials.ts';

/**
 * Takes away what V8 does not count against an isolate's memory limit (WebAssembly.Memory, resizable buffers) and
 * what measures time or shares memory between threads (SharedArrayBuffer, Atomics).
 */
export function harden(): void {
  const globals = globalThis as Record<string, unknown>;
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) delete globals[name];
  installArrayBuffer();
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
