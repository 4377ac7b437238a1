/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import {
  NativeTypeError,
  defineProperty,
  getOwnPropertyDescriptor,
  toLowerCase,
  uncurry,
} from './primordials.ts';
import { Memory, memoryMethods } from './wasm-memory.ts';
import { Instance, link, readImports } from './wasm-instance.ts';
import { NativeInstance, NativeMemory, NativeModule, namespace, nativePromising } from './wasm-native.ts';
import type { WasmModule } from './wasm-native.ts';
import { promising } from './wasm-stacks.ts';
import { compile, copyOf, importsOf, knownOf, Module, validate } from './wasm-module.ts';

/** Of V8's own namespace these stay as they are: nothing of them takes memory that is not counted. */
const kept: readonly string[] = [
  'Table',
  'Global',
  'Tag',
  'JSTag',
  'Exception',
  'CompileError',
  'LinkError',
  'RuntimeError',
  // What is handed over as an import suspends whoever runs on a stack of `promising`.
  'Suspending',
  'SuspendError',
];

interface ResponseParts {
  readonly ok: (response: unknown) => boolean;
  readonly contentType: (response: unknown) => string | null;
  readonly arrayBuffer: (response: unknown) => Promise<ArrayBuffer>;
}

let parts: ResponseParts | undefined;

/**
 * Puts classes that count what they take in the place of V8's: every memory is made here, those of modules too, and every
 * module is compiled here. Compiling goes on the guest's own thread and on its own CPU time, also where the answer is a
 * promise. Stacks are counted too (wasm-stacks.ts); what V8 adds beyond the list goes. Once, after the web's classes.
 */
export function installWebAssembly(): void {
  const native = namespace as unknown as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(native)) if (!kept.includes(name)) delete native[name];
  parts = takeResponseParts();
  const statics = Object.getOwnPropertyDescriptors(NativeModule);
  stand(named(Module, 'Module'), NativeModule.prototype);
  // %AbstractModuleSource%, where V8 has it.
  Object.setPrototypeOf(Module, Object.getPrototypeOf(NativeModule) as object);
  for (const name of ['exports', 'imports', 'customSections'] as const) {
    const value: unknown = name === 'imports' ? named(importsOf, 'imports') : statics[name]?.value;
    defineProperty(Module, name, { ...statics[name], value });
  }
  stand(named(Instance, 'Instance'), NativeInstance.prototype);
  const memories: object = NativeMemory.prototype;
  stand(named(Memory, 'Memory'), memories);
  for (const name of Object.keys(memoryMethods)) {
    const { length } = (memories as Record<string, { length: number }>)[name] ?? { length: 0 };
    const value = named(memoryMethods[name] as object, name);
    defineProperty(value, 'length', { value: length, configurable: true });
    defineProperty(memories, name, { ...getOwnPropertyDescriptor(memories, name), value });
  }
  const classes = { Module, Instance, Memory };
  for (const name of Object.keys(classes) as (keyof typeof classes)[])
    defineProperty(native, name, { value: classes[name], writable: true, configurable: true });
  const functions = {
    validate,
    compile: compileLater,
    instantiate,
    compileStreaming,
    instantiateStreaming,
    ...(nativePromising === undefined ? {} : { promising }),
  };
  for (const name of Object.keys(functions) as (keyof typeof functions)[]) {
    const value = named(functions[name] as object, name);
    defineProperty(native, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** Makes `stand` the constructor that `prototype` belongs to. */
function stand(constructor: object, prototype: object): void {
  defineProperty(constructor, 'prototype', { value: prototype, writable: false });
  defineProperty(prototype, 'constructor', { value: constructor, writable: true, configurable: true });
}

function named<Value extends object>(value: Value, name: string): Value {
  defineProperty(value, 'name', { value: name, configurable: true });
  defineProperty(value, 'length', { value: 1, configurable: true });
  return value;
}

function takeResponseParts(): ResponseParts {
  const { prototype } = Response;
  const getter = (owner: object, name: string): ((self: unknown) => unknown) =>
    uncurry(getOwnPropertyDescriptor(owner, name)?.get as (this: unknown) => unknown);
  const headersOf = getter(prototype, 'headers');
  const get: (self: unknown, name: string) => string | null = uncurry(Headers.prototype.get);
  return {
    ok: getter(prototype, 'ok') as (response: unknown) => boolean,
    contentType: (response) => get(headersOf(response), 'content-type'),
    arrayBuffer: uncurry(prototype.arrayBuffer),
  };
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
  if (parts === undefined) throw new NativeTypeError('WebAssembly is not installed');
  if (!parts.ok(response)) throw new NativeTypeError('WebAssembly: the response does not have a good status');
  const type = parts.contentType(response);
  if (type === null || toLowerCase(type) !== 'application/wasm')
    throw new NativeTypeError(`WebAssembly: a response of type ${type ?? 'none'} is not application/wasm`);
  return parts.arrayBuffer(response);
}
