const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads WebAssembly's binary format (Core Specification 3.0, 5) forward. Throws RangeError with the reason, as the end of
 * a sentence about the module: "it is cut off".
 */
export class WasmReader {
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

  /** The next `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    const start = this.at;
    if (start + length > this.#bytes.length) throw new RangeError('it is cut off');
    this.at += length;
    return this.since(start);
  }

  /** What was read since `at` was `start`. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.at);
  }

  /** Unsigned LEB128 (5.2.2) of at most five bytes. */
  u32(): number {
    return this.#number(5);
  }

  /** The same of at most ten; beyond 2^53 it is rounded. */
  u64(): number {
    return this.#number(10);
  }

  /** Four bytes, little-endian. */
  word(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24);
  }

  /** A length and UTF-8 (5.2.4). */
  name(): string {
    const bytes = this.bytes(this.u32());
    try {
      return text.decode(bytes);
    } catch {
      throw new RangeError('it holds a name that is not UTF-8');
    }
  }

  #number(mostBytes: number): number {
    let value = 0;
    for (let count = 0; count < mostBytes; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * count);
      if (byte < 0x80) return value;
    }
    throw new RangeError('it holds a number without end');
  }
}
