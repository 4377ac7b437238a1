import { WasmReader } from './wasm-reader.ts';

/** What a WebAssembly module takes and gives, by name. */
export interface WasmNames {
  /** Modules it imports from, each once. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/**
 * Reads the import and export sections of a core module (WebAssembly 3.0, 5.5). Compiles nothing, so the host may call it
 * on a guest's bytes. Throws a RangeError with the reason for anything that is no core module.
 */
export function readWasmNames(bytes: Uint8Array): WasmNames {
  const reader = new WasmReader(bytes);
  if (reader.word() !== 0x6d736100) throw new RangeError('it does not begin as WebAssembly does');
  const version = reader.word();
  if (version === 0x1000d) throw new RangeError('it is a component, and JavaScript takes core modules only');
  if (version !== 1) throw new RangeError(`its version is ${version}, and 1 is understood`);
  const imports = new Set<string>();
  const exports: string[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const end = reader.u64() + reader.at;
    if (end > bytes.length) throw new RangeError('it is cut off');
    if (id === 2) for (let left = reader.u64(); left > 0; left--) imports.add(readImport(reader));
    if (id === 7) {
      for (let left = reader.u64(); left > 0; left--) {
        exports.push(reader.name());
        reader.byte();
        reader.u64();
      }
    }
    reader.at = end;
  }
  return { imports: [...imports], exports };
}

function readImport(reader: WasmReader): string {
  const module = reader.name();
  reader.name();
  const kind = reader.byte();
  if (kind === 4) reader.byte();
  if (kind === 1 || kind === 3) skipValueType(reader);
  if (kind === 3) reader.byte();
  if (kind === 0 || kind === 4) reader.u64();
  if (kind === 1 || kind === 2) {
    const flags = reader.byte();
    reader.u64();
    if ((flags & 1) !== 0) reader.u64();
  }
  if (kind > 4) throw new RangeError(`it imports something of kind ${kind}, which is unknown`);
  return module;
}

function skipValueType(reader: WasmReader): void {
  const byte = reader.byte();
  if (byte === 0x63 || byte === 0x64) reader.u64();
}
