import type { ByteReader } from './wasm-bytes.ts';
import { malformed } from './wasm-bytes.ts';

/** The instruction that grows a memory. */
export const memoryGrow = 0x40;

/** What follows an instruction's number, for those below 0xfb; anything that is not here is unknown. */
const none = 1;
const oneIndex = 2;
const twoIndices = 3;
const blockType = 4;
const memoryArgument = 5;

const shapes: Uint8Array = new Uint8Array(256);
const shape = (kind: number, first: number, last: number = first): void => {
  shapes.fill(kind, first, last + 1);
};
shape(none, 0x00, 0x01);
shape(blockType, 0x02, 0x04);
shape(none, 0x05);
shape(blockType, 0x06);
shape(oneIndex, 0x07, 0x09);
shape(none, 0x0a, 0x0b);
shape(oneIndex, 0x0c, 0x0d);
shape(none, 0x0f);
shape(oneIndex, 0x10);
shape(twoIndices, 0x11);
shape(oneIndex, 0x12);
shape(twoIndices, 0x13);
shape(oneIndex, 0x14, 0x15);
shape(oneIndex, 0x18);
shape(none, 0x19, 0x1b);
shape(oneIndex, 0x20, 0x26);
shape(memoryArgument, 0x28, 0x3e);
shape(oneIndex, 0x3f, 0x42);
shape(none, 0x45, 0xc4);
shape(none, 0xd1);
shape(oneIndex, 0xd2);
shape(none, 0xd3, 0xd4);
shape(oneIndex, 0xd5, 0xd6);

/**
 * Passes over one instruction, with its immediates (specification 3.0, 5.4), and gives its first byte. Follows what
 * V8 takes without flags; throws `malformed` for anything else. The bytes were validated before.
 */
export function skipInstruction(reader: ByteReader): number {
  const code = reader.byte();
  switch (shapes[code] ?? 0) {
    case none:
      return code;
    case oneIndex:
      reader.skipNumber();
      return code;
    case twoIndices:
      reader.skipNumbers(2);
      return code;
    case blockType:
      skipBlockType(reader);
      return code;
    case memoryArgument:
      skipMemoryArgument(reader);
      return code;
    default:
      skipRare(reader, code);
      return code;
  }
}

function skipRare(reader: ByteReader, code: number): void {
  switch (code) {
    case 0x0e:
      return reader.skipNumbers(reader.number() + 1);
    case 0x1c:
      return reader.skipValueTypes();
    case 0x1f:
      return skipTryTable(reader);
    case 0x43:
      return reader.skip(4);
    case 0x44:
      return reader.skip(8);
    case 0xd0:
      return reader.skipHeapType();
    case 0xfb:
      return skipGc(reader);
    case 0xfc:
      return skipBulk(reader);
    case 0xfd:
      return skipVector(reader);
    case 0xfe:
      return skipAtomic(reader);
    default:
      throw malformed;
  }
}

function skipBlockType(reader: ByteReader): void {
  const byte = reader.bytes[reader.at];
  if (byte === 0x63 || byte === 0x64) reader.skipValueType();
  else reader.skipNumber();
}

function skipMemoryArgument(reader: ByteReader): void {
  const flags = reader.number();
  if (flags >= 0x80) throw malformed;
  if ((flags & 0x40) !== 0) reader.skipNumber();
  reader.skipNumber();
}

function skipTryTable(reader: ByteReader): void {
  skipBlockType(reader);
  for (let left = reader.number(); left > 0; left--) {
    const kind = reader.byte();
    if (kind > 3) throw malformed;
    reader.skipNumbers(kind < 2 ? 2 : 1);
  }
}

/** 0xfb: structures, arrays, casts. */
function skipGc(reader: ByteReader): void {
  const code = reader.number();
  if (code > 30) throw malformed;
  if (code === 15 || code >= 26) return;
  if (code === 20 || code === 21 || code === 22 || code === 23) return reader.skipHeapType();
  if (code === 24 || code === 25) {
    reader.skip(1);
    reader.skipNumber();
    reader.skipHeapType();
    return reader.skipHeapType();
  }
  const isSingle = code < 2 || code === 6 || code === 7 || (code >= 11 && code <= 14) || code === 16;
  reader.skipNumbers(isSingle ? 1 : 2);
}

/** 0xfc: saturating conversions, bulk memory and tables. */
function skipBulk(reader: ByteReader): void {
  const code = reader.number();
  if (code > 17) throw malformed;
  if (code < 8) return;
  const isDouble = code === 8 || code === 10 || code === 12 || code === 14;
  reader.skipNumbers(isDouble ? 2 : 1);
}

/** 0xfd: vectors, relaxed ones too. */
function skipVector(reader: ByteReader): void {
  const code = reader.number();
  if (code > 0x113) throw malformed;
  if (code <= 11 || code === 92 || code === 93) return skipMemoryArgument(reader);
  if (code === 12 || code === 13) return reader.skip(16);
  if (code >= 21 && code <= 34) return reader.skip(1);
  if (code < 84 || code > 91) return;
  skipMemoryArgument(reader);
  reader.skip(1);
}

/** 0xfe: atomic instructions; memories that are not shared may use them too. */
function skipAtomic(reader: ByteReader): void {
  const code = reader.number();
  if (code > 0x4e || (code > 3 && code < 0x10)) throw malformed;
  if (code === 3) return reader.skip(1);
  skipMemoryArgument(reader);
}
