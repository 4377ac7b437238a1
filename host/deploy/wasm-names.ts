/** What a WebAssembly module takes and gives, by name. */
export interface WasmNames {
  /** Modules it imports from, each once. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the import and export sections of a core module (WebAssembly 3.0, 5.5). Compiles nothing, so the host may call it
 * on a guest's bytes. Throws a RangeError with the reason for anything that is no core module.
 */
export function readWasmNames(bytes: Uint8Array): WasmNames {
  const reader = new Reader(bytes);
  if (reader.word() !== 0x6d736100) throw new RangeError('it does not begin as WebAssembly does');
  const version = reader.word();
  if (version === 0x1000d) throw new RangeError('it is a component, and JavaScript takes core modules only');
  if (version !== 1) throw new RangeError(`its version is ${version}, and 1 is understood`);
  const imports = new Set<string>();
  const exports: string[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const end = reader.number() + reader.at;
    if (end > bytes.length) throw new RangeError('it is cut off');
    if (id === 2) for (let left = reader.number(); left > 0; left--) imports.add(readImport(reader));
    if (id === 7) {
      for (let left = reader.number(); left > 0; left--) {
        exports.push(reader.name());
        reader.byte();
        reader.number();
      }
    }
    reader.at = end;
  }
  return { imports: [...imports], exports };
}

function readImport(reader: Reader): string {
  const module = reader.name();
  reader.name();
  const kind = reader.byte();
  if (kind === 4) reader.byte();
  if (kind === 1 || kind === 3) reader.valueType();
  if (kind === 3) reader.byte();
  if (kind === 0 || kind === 4) reader.number();
  if (kind === 1 || kind === 2) {
    const flags = reader.byte();
    reader.number();
    if ((flags & 1) !== 0) reader.number();
  }
  if (kind > 4) throw new RangeError(`it imports something of kind ${kind}, which is unknown`);
  return module;
}

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError('it is cut off');
    return byte;
  }

  word(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24);
  }

  /** LEB128, unsigned. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      if (scale > 2 ** 63) throw new RangeError('it holds a number without end');
    }
  }

  valueType(): void {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) this.number();
  }

  name(): string {
    const length = this.number();
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError('it is cut off');
    try {
      return text.decode(this.#bytes.subarray(from, this.at));
    } catch {
      throw new RangeError('it holds a name that is not UTF-8');
    }
  }
}
