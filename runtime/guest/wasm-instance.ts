import { NativeTypeError, construct } from './primordials.ts';
import { openAccount } from './wasm-account.ts';
import { createMemory } from './wasm-memory.ts';
import type { Known } from './wasm-module.ts';
import { knownOf } from './wasm-module.ts';
import { NativeInstance } from './wasm-native.ts';
import type { WasmInstance } from './wasm-native.ts';
import { accountName, ownModule } from './wasm-rewrite.ts';

type Bag = Record<string, unknown>;

/** `new WebAssembly.Instance(module, imports)` (WebAssembly JavaScript interface, Instances). */
export function Instance(module?: unknown, imports?: unknown): unknown {
  if (new.target === undefined) throw new NativeTypeError("WebAssembly.Instance must be invoked with 'new'");
  const found = knownOf(module);
  if (found === undefined) return construct(NativeInstance, [undefined], new.target);
  return link(module, readImports(found, imports), new.target);
}

/** Everything that a module imports, read once and in order. Throws a TypeError, and what getters of the guest throw. */
export function readImports({ imports, importCount }: Known, given: unknown): Bag {
  const all: Bag = { __proto__: null };
  const isMissing = given === undefined && importCount > 0;
  if (isMissing || (given !== undefined && !isObject(given))) {
    throw new NativeTypeError(
      'WebAssembly.Instance(): Imports argument must be present and must be an object',
    );
  }
  for (let index = 0; index < importCount; index++) {
    const { module = '', name = '' } = imports[index] ?? {};
    const from = (given as Bag)[module];
    if (!isObject(from)) {
      // V8 says what is wrong with it, and with which import.
      all[module] = from;
      return all;
    }
    const table = (all[module] ??= { __proto__: null }) as Bag;
    table[name] = from[name];
  }
  return all;
}

/** An instance of a module that is known, with memories of its own. Takes over `imports`. */
export function link(module: unknown, imports: Bag, newTarget: unknown = NativeInstance): WasmInstance {
  const { memories = {}, memoryCount = 0, isCounted = false } = knownOf(module) ?? {};
  const own: Bag = { __proto__: null };
  for (let index = 0; index < memoryCount; index++) {
    const type = memories[index];
    if (type !== undefined) own[`${index}`] = createMemory(type);
  }
  if (isCounted) own[accountName] = openAccount();
  if (memoryCount > 0 || isCounted) imports[ownModule] = own;
  return construct(NativeInstance, [module, imports], newTarget as typeof NativeInstance);
}

function isObject(value: unknown): value is Bag {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
