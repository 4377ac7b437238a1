/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { NativeTypeError, defineProperty, getOwnPropertyDescriptor, toLowerCase } from './primordials.ts';
import { responseParts } from './response-parts.ts';
import { Memory, memoryMethods } from './wasm-memory.ts';
import { Instance, link, readImports } from './wasm-instance.ts';
import { NativeInstance, NativeMemory, NativeModule, namespace, nativePromising } from './wasm-native.ts';
import type { WasmModule } from './wasm-native.ts';
import { promising } from './wasm-stacks.ts';
import { compile, copyOf, importsOf, knownOf, Module, validate } from './wasm-module.ts';

/**
 * `WebAssembly` for guests: V8's namespace with classes in it that count what they take, in the place of V8's: every memory is
 * made here, those of modules too, and every module is compiled here. Compiling goes on the guest's own thread and on its
 * own CPU time, also where the answer is a promise. Stacks are counted too (wasm-stacks.ts). Once, at the first look at it:
 * after guest code, so nothing is iterated.
 */
export function createWebAssembly(): object {
  const statics = Object.getOwnPropertyDescriptors(NativeModule);
  stand(named(Module, 'Module'), NativeModule.prototype);
  // %AbstractModuleSource%, where V8 has it.
  Object.setPrototypeOf(Module, Object.getPrototypeOf(NativeModule) as object);
  put(Module, statics.exports, statics.exports?.value, 'exports');
  put(Module, statics.imports, named(importsOf, 'imports'), 'imports');
  put(Module, statics.customSections, statics.customSections?.value, 'customSections');
  stand(named(Instance, 'Instance'), NativeInstance.prototype);
  stand(named(Memory, 'Memory'), NativeMemory.prototype);
  replaceMethod('grow');
  replaceMethod('toResizableBuffer');
  const type = { writable: true, enumerable: false, configurable: true };
  put(namespace, type, Module, 'Module');
  put(namespace, type, Instance, 'Instance');
  put(namespace, type, Memory, 'Memory');
  const operation = { ...type, enumerable: true };
  put(namespace, operation, named(validate, 'validate'), 'validate');
  put(namespace, operation, named(compileLater, 'compile'), 'compile');
  put(namespace, operation, named(instantiate, 'instantiate'), 'instantiate');
  put(namespace, operation, named(compileStreaming, 'compileStreaming'), 'compileStreaming');
  put(namespace, operation, named(instantiateStreaming, 'instantiateStreaming'), 'instantiateStreaming');
  if (nativePromising !== undefined) put(namespace, operation, named(promising, 'promising'), 'promising');
  return namespace;
}

/** A method of V8's memories gives way to ours. */
function replaceMethod(name: 'grow' | 'toResizableBuffer'): void {
  const native = getOwnPropertyDescriptor(NativeMemory.prototype, name);
  if (native === undefined) return;
  const value = named(memoryMethods[name], name);
  const { length } = native.value as { length: number };
  defineProperty(value, 'length', { __proto__: null, value: length, configurable: true } as never);
  put(NativeMemory.prototype, native, value, name);
}

function put(
  holder: object,
  like: PropertyDescriptor | undefined,
  ...[value, name]: [value: unknown, name: string]
): void {
  defineProperty(holder, name, { __proto__: null, ...like, value } as never);
}

/** Makes `stand` the constructor that `prototype` belongs to. */
function stand(constructor: object, prototype: object): void {
  defineProperty(constructor, 'prototype', { __proto__: null, value: prototype, writable: false } as never);
  const own = { __proto__: null, value: constructor, writable: true, configurable: true };
  defineProperty(prototype, 'constructor', own as never);
}

function named<Value extends object>(value: Value, name: string): Value {
  defineProperty(value, 'name', { __proto__: null, value: name, configurable: true } as never);
  defineProperty(value, 'length', { __proto__: null, value: 1, configurable: true } as never);
  return value;
}

function compileNow(bytes: Uint8Array | undefined, options: unknown): WasmModule {
  if (bytes === undefined)
    throw new NativeTypeError('WebAssembly: the first argument must be an ArrayBuffer or a view of one');
  return compile(bytes, { options, newTarget: NativeModule });
}

/** `WebAssembly.compile(bytes, options)`. */
const compileLater = async (source?: unknown, options?: unknown): Promise<WasmModule> => {
  const bytes = copyOf(source);
  // oxlint-disable-next-line typescript/await-thenable -- errors and options come later, as the standard has it
  await undefined;
  return compileNow(bytes, options);
};

/** `WebAssembly.instantiate(module, imports)`, an instance; with bytes `{ module, instance }`. */
const instantiate = async (source?: unknown, imports?: unknown, options?: unknown): Promise<unknown> => {
  const found = knownOf(source);
  if (found !== undefined) {
    const read = readImports(found, imports);
    // oxlint-disable-next-line typescript/await-thenable -- the start function runs later, as the standard has it
    await undefined;
    return link(source, read);
  }
  return instantiateBytes(copyOf(source), imports, options);
};

async function instantiateBytes(
  bytes: Uint8Array | undefined,
  imports: unknown,
  options: unknown,
): Promise<unknown> {
  // oxlint-disable-next-line typescript/await-thenable -- see compileLater
  await undefined;
  const module = compileNow(bytes, options);
  const found = knownOf(module);
  if (found === undefined) return undefined;
  return { module, instance: link(module, readImports(found, imports)) };
}

/** `WebAssembly.compileStreaming(response)` (WebAssembly Web API): reads all of it, then compiles. */
const compileStreaming = async (source?: unknown, options?: unknown): Promise<WasmModule> =>
  compileNow(copyOf(await bytesOf(source)), options);

/** `WebAssembly.instantiateStreaming(response, imports)`. */
const instantiateStreaming = async (
  source?: unknown,
  imports?: unknown,
  options?: unknown,
): Promise<unknown> => instantiateBytes(copyOf(await bytesOf(source)), imports, options);

async function bytesOf(source: unknown): Promise<ArrayBuffer> {
  const response = await source;
  const parts = responseParts();
  if (!parts.ok(response)) throw new NativeTypeError('WebAssembly: the response does not have a good status');
  const type = parts.contentType(response);
  if (type === null || toLowerCase(type) !== 'application/wasm')
    throw new NativeTypeError(`WebAssembly: a response of type ${type ?? 'none'} is not application/wasm`);
  return parts.arrayBuffer(response);
}
