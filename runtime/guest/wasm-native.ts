/** A memory, a module and an instance as V8 makes them; told apart by V8 alone. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: unknown): unknown;
  toResizableBuffer(): ArrayBuffer;
}
export type WasmModule = object;
export type WasmInstance = object;

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
}

interface Class<Value> {
  new (...args: readonly unknown[]): Value;
  readonly prototype: Value;
}

interface Namespace {
  readonly Memory: Class<WasmMemory>;
  readonly Instance: Class<WasmInstance>;
  readonly Module: Class<WasmModule> & { imports(module: unknown): ModuleImport[] };
  /** From V8 13.7 on. */
  readonly promising?: (exported: unknown) => unknown;
  readonly CompileError: new (message: string) => Error;
  validate(bytes: unknown, options?: unknown): boolean;
}

/** V8's own namespace; what guests see of it, webassembly.ts decides. */
export const namespace: Namespace = (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;

// Taken while they are V8's own: a guest may put others in their places.
export const NativeMemory: Namespace['Memory'] = namespace.Memory;
export const NativeInstance: Namespace['Instance'] = namespace.Instance;
export const NativeModule: Namespace['Module'] = namespace.Module;
export const NativeCompileError: Namespace['CompileError'] = namespace.CompileError;
// oxlint-disable-next-line typescript/unbound-method -- V8's static methods do not look at `this`
export const nativePromising: Namespace['promising'] = namespace.promising;
// oxlint-disable-next-line typescript/unbound-method -- as above
export const nativeImports: Namespace['Module']['imports'] = namespace.Module.imports;
// oxlint-disable-next-line typescript/unbound-method -- as above
export const nativeValidate: Namespace['validate'] = namespace.validate;

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

/** Before guest code: what V8 adds beyond the list goes. */
export function stripNamespace(): void {
  const native = namespace as unknown as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(native)) if (!kept.includes(name)) delete native[name];
}
