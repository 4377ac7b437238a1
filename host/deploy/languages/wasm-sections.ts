import { WasmReader } from '../wasm-reader.ts';

/**
 * Just enough of WebAssembly's binary format (Core Specification 2.0, 5 "Binary Format") to add a function to a module.
 */

/** Section ids (5.5.2). */
export const Section = {
  Custom: 0,
  Type: 1,
  Import: 2,
  Function: 3,
  Export: 7,
  DataCount: 12,
  Code: 10,
  Data: 11,
} as const;

export interface WasmSection {
  readonly id: number;
  readonly content: Uint8Array;
}

const preamble: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** The sections in file order. Throws RangeError for what is no core module. */
export function readSections(module: Uint8Array): readonly WasmSection[] {
  const reader = new WasmReader(module);
  for (const byte of preamble)
    if (reader.byte() !== byte) throw new RangeError('it does not begin as WebAssembly does');
  const sections: WasmSection[] = [];
  while (!reader.done) sections.push({ id: reader.byte(), content: reader.bytes(reader.u32()) });
  return sections;
}

/** The module without names and debug information: half the size, and nothing else is lost. */
export function withoutCustomSections(module: Uint8Array): Uint8Array {
  return writeSections(readSections(module).filter(({ id }) => id !== Section.Custom));
}

export function writeSections(sections: readonly WasmSection[]): Uint8Array {
  const parts = sections.flatMap(({ id, content }) => [Uint8Array.of(id, ...u32(content.length)), content]);
  return Buffer.concat([Uint8Array.from(preamble), ...parts]);
}

/** Unsigned LEB128 (5.2.2). */
export function u32(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128 of a number that is not negative: what i32.const takes. */
export function s32(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

export function name(text: string): readonly number[] {
  const bytes = Buffer.from(text);
  return [...u32(bytes.length), ...bytes];
}

/** The section's vector (5.1.3) with `element` behind the others; an absent section is an empty vector. */
export function appendElement(content: Uint8Array | undefined, element: Uint8Array): Uint8Array {
  if (content === undefined) return Buffer.concat([Uint8Array.of(1), element]);
  const reader = new WasmReader(content);
  const count = reader.u32();
  return Buffer.concat([Uint8Array.from(u32(count + 1)), content.subarray(reader.at), element]);
}

/** Number of elements of a section's vector. */
export function countOf(content: Uint8Array | undefined): number {
  return content === undefined ? 0 : new WasmReader(content).u32();
}
