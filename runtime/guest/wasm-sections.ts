import { createTable, viewLength } from './primordials.ts';
import { ByteReader, findByte, malformed } from './wasm-bytes.ts';
import { memoryGrow, skipInstruction } from './wasm-instructions.ts';

/** Sections of the binary format (specification 3.0, 5.5) that are looked into. */
export const SectionId = { Type: 1, Import: 2, Function: 3, Memory: 5, Code: 10 } as const;

export interface Section {
  readonly id: number;
  /** Where its id stands, where its content begins and where that ends. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
  next: Section | undefined;
}

/** A memory that the module defines; sizes in pages of 64 KB. */
export interface MemoryType {
  /** Addresses have 64 bits. */
  readonly wide: boolean;
  readonly initial: number;
  readonly maximum: number | undefined;
}

/** One `memory.grow`: from its first byte to where the next instruction begins. */
export interface Site {
  readonly start: number;
  readonly end: number;
  readonly memory: number;
  next: Site | undefined;
}

/** A function's code that grows memories: `start` is where its length stands. */
export interface GrowingBody {
  readonly start: number;
  readonly body: number;
  readonly end: number;
  readonly sites: Site;
  next: GrowingBody | undefined;
}

/** What a module says of its memories. */
export interface Outline {
  readonly bytes: Uint8Array;
  readonly length: number;
  sections: Section | undefined;
  /** Length of the type section. */
  typeBytes: number;
  importedFunctions: number;
  definedFunctions: number;
  /** Every memory by its index; the imported ones come first. */
  readonly memories: Record<number, MemoryType>;
  memoryCount: number;
  importedMemories: number;
  growing: GrowingBody | undefined;
  growingCount: number;
  siteCount: number;
  hasShared: boolean;
}

const magic = 0x6d736100;

/**
 * Reads a module's sections. The code is searched for `memory.grow` only when `isValid` says that V8 takes the module.
 * Throws `malformed` for what is no module.
 */
export function readOutline(bytes: Uint8Array, isValid: () => boolean): Outline {
  const length = viewLength(bytes);
  const reader = new ByteReader(bytes, 0, length);
  const start = reader.byte() | (reader.byte() << 8) | (reader.byte() << 16) | (reader.byte() << 24);
  const version = reader.byte() | (reader.byte() << 8) | (reader.byte() << 16) | (reader.byte() << 24);
  if (start !== magic || version !== 1) throw malformed;
  const outline: Outline = {
    bytes,
    length,
    sections: undefined,
    typeBytes: 0,
    importedFunctions: 0,
    definedFunctions: 0,
    memories: createTable(),
    memoryCount: 0,
    importedMemories: 0,
    growing: undefined,
    growingCount: 0,
    siteCount: 0,
    hasShared: false,
  };
  let last: Section | undefined;
  while (reader.at < length) {
    const at = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const section: Section = { id, start: at, body: reader.at, end: reader.at + size, next: undefined };
    reader.skip(size);
    if (last === undefined) outline.sections = section;
    else last.next = section;
    last = section;
    readSection(outline, section, isValid);
  }
  return outline;
}

function readSection(outline: Outline, section: Section, isValid: () => boolean): void {
  const reader = new ByteReader(outline.bytes, section.body, section.end);
  switch (section.id) {
    case SectionId.Type:
      outline.typeBytes = section.end - section.body;
      return;
    case SectionId.Import:
      for (let left = reader.number(); left > 0; left--) readImport(outline, reader);
      return;
    case SectionId.Function:
      outline.definedFunctions = reader.number();
      return;
    case SectionId.Memory:
      for (let left = reader.number(); left > 0; left--) addMemory(outline, reader);
      // This section is left out of what V8 sees, so nobody else would find that something is wrong with it.
      if (reader.at !== section.end || hasSectionAfter(outline, section)) throw malformed;
      return;
    case SectionId.Code:
      if (outline.memoryCount > 0) readCode(outline, reader, isValid);
      return;
    default:
  }
}

/** Something that belongs behind the memories, or other memories, come before this section. */
function hasSectionAfter(outline: Outline, memories: Section): boolean {
  for (let section = outline.sections; section !== memories; section = section?.next)
    if (section === undefined || section.id >= SectionId.Memory) return true;
  return false;
}

function readImport(outline: Outline, reader: ByteReader): void {
  reader.skipBytes();
  reader.skipBytes();
  switch (reader.byte()) {
    case 0:
      outline.importedFunctions++;
      return reader.skipNumber();
    case 1:
      reader.skipValueType();
      readLimits(reader);
      return;
    case 2:
      outline.importedMemories++;
      return addMemory(outline, reader);
    case 3:
      reader.skipValueType();
      return reader.skip(1);
    case 4:
      reader.skip(1);
      return reader.skipNumber();
    default:
      throw malformed;
  }
}

function addMemory(outline: Outline, reader: ByteReader): void {
  const { flags, initial, maximum } = readLimits(reader);
  if ((flags & 2) !== 0) outline.hasShared = true;
  outline.memories[outline.memoryCount++] = { wide: (flags & 4) !== 0, initial, maximum };
}

interface LimitsRead {
  readonly flags: number;
  readonly initial: number;
  readonly maximum: number | undefined;
}

function readLimits(reader: ByteReader): LimitsRead {
  const flags = reader.byte();
  if (flags > 7) throw malformed;
  const initial = reader.number();
  return { flags, initial, maximum: (flags & 1) === 0 ? undefined : reader.number() };
}

function readCode(outline: Outline, reader: ByteReader, isValid: () => boolean): void {
  let last: GrowingBody | undefined;
  let isChecked = false;
  for (let left = reader.number(); left > 0; left--) {
    const start = reader.at;
    const size = reader.number();
    const body = reader.at;
    reader.skip(size);
    if (!mayGrow(outline, body, reader.at)) continue;
    // What comes below trusts its bytes. And a function that names what is added to its module is no function yet.
    if (!isChecked && !isValid()) throw malformed;
    isChecked = true;
    const sites = readSites(outline, body, reader.at);
    if (sites === undefined) continue;
    const growing: GrowingBody = { start, body, end: reader.at, sites, next: undefined };
    if (last === undefined) outline.growing = growing;
    else last.next = growing;
    last = growing;
    outline.growingCount++;
  }
}

/** False when no byte of a function's code can begin a `memory.grow`: so it is with nearly every function. */
function mayGrow({ bytes, memoryCount }: Outline, start: number, end: number): boolean {
  for (let at = findByte(bytes, memoryGrow, start); at !== -1 && at + 1 < end;) {
    const index = bytes[at + 1] ?? 0;
    if (index < memoryCount || index >= 0x80) return true;
    at = findByte(bytes, memoryGrow, at + 1);
  }
  return false;
}

function readSites(outline: Outline, start: number, end: number): Site | undefined {
  const reader = new ByteReader(outline.bytes, start, end);
  for (let left = reader.number(); left > 0; left--) {
    reader.skipNumber();
    reader.skipValueType();
  }
  let first: Site | undefined;
  let last: Site | undefined;
  while (reader.at < end) {
    const at = reader.at;
    if (skipInstruction(reader) !== memoryGrow) continue;
    const memory = new ByteReader(outline.bytes, at + 1, end).number();
    const site: Site = { start: at, end: reader.at, memory, next: undefined };
    if (last === undefined) first = site;
    else last.next = site;
    last = site;
    outline.siteCount++;
  }
  return first;
}
