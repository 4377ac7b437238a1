import { NativeUint8Array, createTable, stringCharCode, viewBuffer } from './primordials.ts';
import { ByteReader, ByteWriter } from './wasm-bytes.ts';
import type { GrowingBody, MemoryType, Outline, Section } from './wasm-sections.ts';
import { SectionId } from './wasm-sections.ts';
import { countTypes } from './wasm-types.ts';

/** The module whose memories the guest's runtime hands to each instance: "0", "1" … and the account. */
export const ownModule = 'islet:memory';
export const accountName = 'account';

/** What a function that grows a memory becomes a call of: one for each memory that is grown. */
interface Helpers {
  /** Position among the helpers by memory. */
  readonly at: Record<number, number>;
  readonly memories: Record<number, number>;
  count: number;
  firstFunction: number;
  firstType: number;
}

/**
 * The module with its own memories turned into imports, and every `memory.grow` into a call of a function that asks the
 * account first. No index of the module moves: memories that are imported come before those defined, which stay in
 * their order; functions and types are added behind all others. The account is the memory behind all memories.
 */
export function rewrite(outline: Outline): Uint8Array {
  const helpers = findHelpers(outline);
  const { bytes } = outline;
  const room = outline.siteCount * 8 + outline.growingCount * 8 + helpers.count * 128;
  const writer = new ByteWriter(outline.length + room + outline.memoryCount * 64 + 256);
  writer.copy(bytes, 0, 8);
  let hasImports = false;
  for (let section = outline.sections; section !== undefined; section = section.next) {
    if (!hasImports && section.id >= SectionId.Import) {
      writeImports(writer, outline, section.id === SectionId.Import ? section : undefined);
      hasImports = true;
      if (section.id === SectionId.Import) continue;
    }
    writeSection(writer, outline, { section, helpers });
  }
  if (!hasImports) writeImports(writer, outline, undefined);
  return new NativeUint8Array(viewBuffer(writer.bytes), 0, writer.length);
}

function findHelpers(outline: Outline): Helpers {
  const helpers: Helpers = {
    at: createTable(),
    memories: createTable(),
    count: 0,
    firstFunction: outline.importedFunctions + outline.definedFunctions,
    firstType: 0,
  };
  for (let body = outline.growing; body !== undefined; body = body.next) {
    for (let site: GrowingBody['sites'] | undefined = body.sites; site !== undefined; site = site.next) {
      if (helpers.at[site.memory] !== undefined) continue;
      helpers.memories[helpers.count] = site.memory;
      helpers.at[site.memory] = helpers.count++;
    }
  }
  return helpers;
}

interface Task {
  readonly section: Section;
  readonly helpers: Helpers;
}

function writeSection(writer: ByteWriter, outline: Outline, { section, helpers }: Task): void {
  const { bytes } = outline;
  if (section.id === SectionId.Memory) return;
  const isGrown =
    section.id === SectionId.Type || section.id === SectionId.Function || section.id === SectionId.Code;
  if (helpers.count === 0 || !isGrown) return writer.copy(bytes, section.start, section.end);
  const reader = new ByteReader(bytes, section.body, section.end);
  if (section.id === SectionId.Type) helpers.firstType = countTypes(reader);
  reader.at = section.body;
  writer.byte(section.id);
  const opened = writer.open();
  writer.number(reader.number() + helpers.count);
  if (section.id === SectionId.Code) writeCode(writer, outline, { helpers, from: reader.at, section });
  else writer.copy(bytes, reader.at, section.end);
  for (let index = 0; index < helpers.count; index++) {
    const memory = helpers.memories[index] ?? 0;
    const isWide = outline.memories[memory]?.wide === true;
    if (section.id === SectionId.Function) writer.number(helpers.firstType + index);
    else if (section.id === SectionId.Type) writeType(writer, isWide);
    else writeHelper(writer, { memory, isWide, account: outline.memoryCount });
  }
  writer.close(opened);
}

/** The guest's imports, then the memories it defines, then the account. */
function writeImports(writer: ByteWriter, outline: Outline, section: Section | undefined): void {
  const reader = new ByteReader(outline.bytes, section?.body ?? 0, section?.end ?? 0);
  const count = section === undefined ? 0 : reader.number();
  const own = outline.memoryCount - outline.importedMemories;
  const isCounted = outline.growing !== undefined;
  writer.byte(SectionId.Import);
  const opened = writer.open();
  writer.number(count + own + (isCounted ? 1 : 0));
  if (section !== undefined) writer.copy(outline.bytes, reader.at, section.end);
  for (let index = 0; index < own; index++) {
    const type = outline.memories[outline.importedMemories + index];
    if (type !== undefined) writeImport(writer, `${index}`, type);
  }
  if (isCounted) writeImport(writer, accountName, { wide: false, initial: 1, maximum: 1 });
  writer.close(opened);
}

function writeImport(writer: ByteWriter, name: string, { wide, initial, maximum }: MemoryType): void {
  writeName(writer, ownModule);
  writeName(writer, name);
  writer.byte(2);
  writer.byte((maximum === undefined ? 0 : 1) | (wide ? 4 : 0));
  writer.number(initial);
  if (maximum !== undefined) writer.number(maximum);
}

function writeName(writer: ByteWriter, name: string): void {
  writer.number(name.length);
  for (let index = 0; index < name.length; index++) writer.byte(stringCharCode(name, index));
}

interface CodeTask extends Task {
  readonly from: number;
}

function writeCode(writer: ByteWriter, { bytes, growing }: Outline, task: CodeTask): void {
  const { helpers } = task;
  let done = task.from;
  for (let body = growing; body !== undefined; body = body.next) {
    writer.copy(bytes, done, body.start);
    const opened = writer.open();
    done = body.body;
    for (let site: GrowingBody['sites'] | undefined = body.sites; site !== undefined; site = site.next) {
      writer.copy(bytes, done, site.start);
      writer.byte(0x10);
      writer.number(helpers.firstFunction + (helpers.at[site.memory] ?? 0));
      done = site.end;
    }
    writer.copy(bytes, done, body.end);
    writer.close(opened);
    done = body.end;
  }
  writer.copy(bytes, done, task.section.end);
}

/** From a number of pages to the size before, or -1. */
function writeType(writer: ByteWriter, isWide: boolean): void {
  const type = isWide ? 0x7e : 0x7f;
  write(writer, [0x60, 1, type, 1, type]);
}

interface Helper {
  readonly memory: number;
  readonly isWide: boolean;
  /** The account's index. */
  readonly account: number;
}

/**
 * (func (param $pages) (result) (local $before)
 *   (if (gt_u $pages (load account 0)) (then (return -1)))
 *   (if (ne (local.tee $before (memory.grow $memory $pages)) -1)
 *     (then (store account 0 (sub (load account 0) $pages))))
 *   $before)
 */
function writeHelper(writer: ByteWriter, { memory, isWide, account }: Helper): void {
  const minusOne = [isWide ? 0x42 : 0x41, 0x7f];
  const opened = writer.open();
  write(writer, [1, 1, isWide ? 0x7e : 0x7f]);
  write(writer, [0x20, 0, 0x41, 0]);
  writeAccess(writer, isWide ? 0x35 : 0x28, account);
  write(writer, [isWide ? 0x56 : 0x4b, 0x04, 0x40]);
  write(writer, minusOne);
  write(writer, [0x0f, 0x0b, 0x20, 0, 0x40]);
  writer.number(memory);
  write(writer, [0x22, 1]);
  write(writer, minusOne);
  write(writer, [isWide ? 0x52 : 0x47, 0x04, 0x40, 0x41, 0, 0x41, 0]);
  writeAccess(writer, 0x28, account);
  write(writer, [0x20, 0]);
  if (isWide) writer.byte(0xa7);
  writer.byte(0x6b);
  writeAccess(writer, 0x36, account);
  write(writer, [0x0b, 0x20, 1, 0x0b]);
  writer.close(opened);
}

/** A load or a store of 32 bits at 0 in the account. */
function writeAccess(writer: ByteWriter, code: number, account: number): void {
  write(writer, [code, 0x42]);
  writer.number(account);
  writer.byte(0);
}

function write(writer: ByteWriter, bytes: readonly number[]): void {
  for (let index = 0; index < bytes.length; index++) writer.byte(bytes[index] ?? 0);
}
