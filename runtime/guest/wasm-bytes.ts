import { original } from './late.ts';
import { NativeUint8Array, setBytes, uncurry, viewBuffer, viewLength, viewOffset } from './primordials.ts';

/** Thrown for bytes that no module of a standard this host knows can hold; never reaches a guest. */
export const malformed: object = { __proto__: null };

/** Position of a byte at or after `from`, -1 when there is none. */
export const findByte: (bytes: Uint8Array, value: number, from: number) => number = uncurry(
  original(Object.getPrototypeOf(Uint8Array.prototype) as object, 'indexOf') as never,
);

/** Reads the binary format of WebAssembly (specification 3.0, chapter 5) from `at` to `end`. Throws `malformed`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    if (this.at >= this.end) throw malformed;
    return this.bytes[this.at++] ?? 0;
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.end) throw malformed;
  }

  /** An unsigned LEB128 number, exact up to 2^53. */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw malformed;
  }

  /** Passes over a LEB128 number of either sign. */
  skipNumber(): void {
    let count = 0;
    while (this.byte() >= 0x80) if (++count > 10) throw malformed;
  }

  skipNumbers(count: number): void {
    for (let index = 0; index < count; index++) this.skipNumber();
  }

  /** A name or a vector of bytes. */
  skipBytes(): void {
    this.skip(this.number());
  }

  /** A value type, or a packed one of a field. */
  skipValueType(): void {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) return this.skipHeapType();
    if (byte >= 0x80 || byte === 0x62 || byte === 0x65) throw malformed;
  }

  skipHeapType(): void {
    const byte = this.bytes[this.at];
    if (byte === 0x62 || byte === 0x65) throw malformed;
    this.skipNumber();
  }

  skipValueTypes(): void {
    for (let left = this.number(); left > 0; left--) this.skipValueType();
  }
}

/** Bytes of a module under construction; `capacity` is what the caller knows to be enough. */
export class ByteWriter {
  readonly bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new NativeUint8Array(capacity);
  }

  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** An unsigned LEB128 number below 2^53. */
  number(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.byte((left % 0x80) | 0x80);
      left = (left - (left % 0x80)) / 0x80;
    }
    this.byte(left);
  }

  copy(from: Uint8Array, start: number, end: number): void {
    const part = new NativeUint8Array(viewBuffer(from), viewOffset(from) + start, end - start);
    setBytes(this.bytes, part, this.length);
    this.length += viewLength(part);
  }

  /** Leaves room for the length of what follows; `close` writes it there, in five bytes whatever its value. */
  open(): number {
    this.length += 5;
    return this.length;
  }

  close(opened: number): void {
    let left = this.length - opened;
    for (let index = 5; index > 0; index--) {
      this.bytes[opened - index] = (left % 0x80) | (index > 1 ? 0x80 : 0);
      left = (left - (left % 0x80)) / 0x80;
    }
  }
}
