/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { original } from './late.ts';
import {
  NativeTypeError,
  construct,
  createTable,
  setBytes,
  uncurry,
  viewLength,
  viewOf,
  NativeUint8Array,
} from './primordials.ts';
import { countBytes } from './wasm-account.ts';
import { malformed } from './wasm-bytes.ts';
import { NativeCompileError, NativeModule, nativeImports, nativeValidate } from './wasm-native.ts';
import type { ModuleImport, WasmModule } from './wasm-native.ts';
import { ownModule, rewrite } from './wasm-rewrite.ts';
import type { MemoryType, Outline } from './wasm-sections.ts';
import { readOutline } from './wasm-sections.ts';

/** What the guest's runtime knows of a module it compiled. */
export interface Known {
  /** The guest's own imports, in order. */
  readonly imports: readonly ModuleImport[];
  readonly importCount: number;
  /** Memories it defines: each instance gets its own, under `ownModule`. */
  readonly memories: Record<number, MemoryType>;
  readonly memoryCount: number;
  /** It grows memories, and imports the account. */
  readonly isCounted: boolean;
  /** What V8 keeps of it outside the heap, counted. */
  readonly weight: ArrayBuffer;
}

const known = new WeakMap<object, Known>();
const findKnown = uncurry(original(WeakMap.prototype, 'get') as never) as (
  map: typeof known,
  module: object,
) => Known | undefined;
const setKnown = uncurry(original(WeakMap.prototype, 'set') as never) as (
  map: typeof known,
  module: object,
  value: Known,
) => unknown;

/**
 * Bytes that V8 keeps of a module outside the heap: a copy and machine code of what has run come to less than three times
 * its length; a function takes 100 bytes however short it is, and types up to 25 times theirs. Measured on V8 14.6.
 */
function weightOf(outline: Outline): number {
  return outline.length * 3 + outline.definedFunctions * 96 + outline.typeBytes * 24;
}

/** Undefined for what is no module. */
export function knownOf(module: unknown): Known | undefined {
  return typeof module === 'object' && module !== null ? findKnown(known, module) : undefined;
}

/** A copy that nobody else can change; undefined for what is no buffer and no view. */
export function copyOf(source: unknown): Uint8Array | undefined {
  const view = viewOf(source);
  if (view === undefined) return undefined;
  const copy = new NativeUint8Array(viewLength(view));
  setBytes(copy, view, 0);
  return copy;
}

/** `new WebAssembly.Module(bytes, options)` (WebAssembly JavaScript interface, Modules). */
export function Module(source?: unknown, options?: unknown): unknown {
  if (new.target === undefined) throw new NativeTypeError("WebAssembly.Module must be invoked with 'new'");
  const bytes = copyOf(source);
  if (bytes === undefined) return construct(NativeModule, [undefined], new.target);
  return compile(bytes, { options, newTarget: new.target });
}

export interface CompileHow {
  readonly options: unknown;
  readonly newTarget: unknown;
}

/** Compiles bytes that are the caller's own. Throws a CompileError or a RangeError. */
export function compile(bytes: Uint8Array, { options, newTarget }: CompileHow): WasmModule {
  const outline = outlineOf(bytes);
  if (outline === undefined) {
    construct(NativeModule, [bytes, options]);
    throw new NativeCompileError('WebAssembly.Module(): the module uses what is not available here');
  }
  if (outline.hasShared) {
    throw new NativeCompileError('WebAssembly.Module(): shared memories are not available here');
  }
  const weight = countBytes(weightOf(outline), 'WebAssembly.Module()');
  const memoryCount = outline.memoryCount - outline.importedMemories;
  const isCounted = outline.growing !== undefined;
  const added = memoryCount + (isCounted ? 1 : 0);
  const compiled = added > 0 ? rewrite(outline) : bytes;
  const target = newTarget as typeof NativeModule;
  const module = construct(NativeModule, [compiled, options], target);
  const imports = nativeImports(module);
  const importCount = imports.length - added;
  for (let index = 0; index < importCount; index++) {
    if (imports[index]?.module === ownModule)
      throw new NativeCompileError(`WebAssembly.Module(): imports of "${ownModule}" are not the guest's`);
  }
  const memories: Record<number, MemoryType> = createTable();
  for (let index = 0; index < memoryCount; index++) {
    const type = outline.memories[outline.importedMemories + index];
    if (type !== undefined) memories[index] = type;
  }
  setKnown(known, module, { imports, importCount, memories, memoryCount, isCounted, weight });
  return module;
}

/** Undefined for what V8 has to refuse. */
function outlineOf(bytes: Uint8Array): Outline | undefined {
  try {
    return readOutline(bytes, () => nativeValidate(bytes));
  } catch (error) {
    if (error === malformed) return undefined;
    throw error;
  }
}

/** `WebAssembly.validate(bytes, options)`. */
export function validate(source?: unknown, options?: unknown): boolean {
  const bytes = copyOf(source);
  if (bytes === undefined) return nativeValidate(undefined);
  if (!nativeValidate(bytes, options)) return false;
  const outline = outlineOf(bytes);
  return outline !== undefined && !outline.hasShared;
}

/** `WebAssembly.Module.imports(module)`: those the guest wrote. */
export function importsOf(module?: unknown): unknown {
  const list = nativeImports(module);
  const found = knownOf(module);
  if (found !== undefined) list.length = found.importCount;
  return list;
}
