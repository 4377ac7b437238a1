import {
  Section,
  appendElement,
  countOf,
  name,
  readSections,
  s32,
  u32,
  writeSections,
} from './wasm-sections.ts';
import { WasmReader } from '../wasm-reader.ts';
import type { WasmSection } from './wasm-sections.ts';

/** What the module of ruby.wasm's npm packages exports to its JavaScript host, by the names of its interface. */
const needed = {
  initialize: '_initialize',
  allocate: 'cabi_realloc',
  rubyInit: 'ruby-init: func(args: list<string>) -> ()',
  loadPath: 'ruby-init-loadpath: func() -> ()',
  evaluate: 'rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>',
} as const;

type Functions = Readonly<Record<keyof typeof needed, number>>;

/** Opcodes (Core Specification 2.0, 5.4). */
const Op = {
  end: 0x0b,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  i32Store: 0x36,
  i32Const: 0x41,
  memoryInit: [0xfc, 0x08],
} as const;

export interface RubyProgram {
  /** The interpreter's own command line, program name first. */
  readonly args: readonly string[];
  /** Evaluated after the interpreter has started. It must end the process itself and never return. */
  readonly script: string;
}

/**
 * Makes a command (with `_start`) of Ruby's module, which is a reactor: the added function starts the interpreter and
 * evaluates the script. Debug sections are left out. The script never returns, so the module's handles, which only a
 * JavaScript host can keep, are never made. Throws RangeError when the module lacks an export that is needed.
 */
export function toRubyCommand(module: Uint8Array, program: RubyProgram): Uint8Array {
  const sections = readSections(module).filter(({ id }) => id !== Section.Custom);
  const content = (id: number): Uint8Array | undefined =>
    sections.find((section) => section.id === id)?.content;
  const functions = findFunctions(content(Section.Export));
  const texts = [...program.args.map((arg) => Buffer.from(`${arg}\0`)), Buffer.from(program.script)];
  const segment = countOf(content(Section.Data));
  const type = countOf(content(Section.Type));
  const imports = readImports(content(Section.Import));
  // Function indices begin with the imported functions (2.5.1).
  const index = imports.filter(({ kind }) => kind === 0).length + countOf(content(Section.Function));
  const body = startBody(functions, texts, segment);
  const added = new Map<number, Uint8Array>([
    // A function type without parameters and results (5.3.6).
    [Section.Type, Uint8Array.of(0x60, 0, 0)],
    [Section.Function, Uint8Array.from(u32(type))],
    [Section.Code, Uint8Array.from([...u32(body.length), ...body])],
    // A passive segment (5.5.14).
    [Section.Data, Buffer.concat([Uint8Array.from([1, ...u32(lengthOf(texts))]), ...texts])],
  ]);
  const grown = sections.map((section): WasmSection => {
    if (section.id === Section.Import) return { id: section.id, content: writeImports(imports) };
    if (section.id === Section.Export) return { id: section.id, content: commandExports(index) };
    const element = added.get(section.id);
    if (element !== undefined) return { id: section.id, content: appendElement(section.content, element) };
    return section.id === Section.DataCount
      ? { id: section.id, content: Uint8Array.from(u32(segment + 1)) }
      : section;
  });
  return writeSections(grown);
}

/** What a command exports, and no more (WASI application ABI); Ruby's module has one memory, index 0. */
function commandExports(start: number): Uint8Array {
  return Uint8Array.from([2, ...name('memory'), 2, 0, ...name('_start'), 0, ...u32(start)]);
}

function lengthOf(texts: readonly Uint8Array[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** Copies each text into memory of the module's own, and calls one export after the other. */
function startBody(functions: Functions, texts: readonly Uint8Array[], segment: number): readonly number[] {
  const [list, text] = [0, 1];
  const number = (value: number): readonly number[] => [Op.i32Const, ...s32(value)];
  const call = (index: number): readonly number[] => [Op.call, ...u32(index)];
  const allocate = (bytes: number, local: number): readonly number[] =>
    [number(0), number(0), number(4), number(bytes), call(functions.allocate), [Op.localSet, local]].flat();
  const store = (value: readonly number[], offset: number): readonly number[] =>
    [Op.localGet, list, value, Op.i32Store, 2, u32(offset)].flat();
  const args = texts.length - 1;
  // Two locals of type i32.
  const code: number[] = [1, 2, 0x7f, ...call(functions.initialize), ...allocate(args * 8, list)];
  let from = 0;
  for (const [index, bytes] of texts.entries()) {
    code.push(...allocate(bytes.length, text), Op.localGet, text, ...number(from), ...number(bytes.length));
    code.push(...Op.memoryInit, ...u32(segment), 0);
    from += bytes.length;
    if (index === args) break;
    code.push(...store([Op.localGet, text], index * 8), ...store(number(bytes.length), index * 8 + 4));
  }
  code.push(Op.localGet, list, ...number(args), ...call(functions.rubyInit), ...call(functions.loadPath));
  code.push(Op.localGet, text, ...number(texts.at(-1)?.length ?? 0), ...call(functions.evaluate));
  return [...code, Op.drop, Op.end];
}

function findFunctions(exports: Uint8Array | undefined): Functions {
  const found = new Map<string, number>();
  const reader = new WasmReader(exports ?? Uint8Array.of(0));
  for (let count = reader.u32(); count > 0; count--) {
    const exported = reader.name();
    const kind = reader.byte();
    const index = reader.u32();
    if (kind === 0) found.set(exported, index);
  }
  const indices = Object.entries(needed).map(([key, exported]) => {
    const index = found.get(exported);
    if (index === undefined) throw new RangeError(`it does not export ${JSON.stringify(exported)}`);
    return [key, index];
  });
  return Object.fromEntries(indices) as Functions;
}

interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
  /** Kind and what follows it. */
  readonly description: Uint8Array;
}

function readImports(content: Uint8Array | undefined): readonly Import[] {
  const reader = new WasmReader(content ?? Uint8Array.of(0));
  const imports: Import[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const module = reader.name();
    const imported = reader.name();
    const kind = reader.byte();
    const description = Uint8Array.of(kind, ...readDescription(reader, kind));
    imports.push({ module, name: imported, kind, description });
  }
  return imports;
}

/** Import descriptions (5.5.5): function, table, memory, global. */
function readDescription(reader: WasmReader, kind: number): Uint8Array {
  const start = reader.at;
  if (kind === 1 || kind === 3) reader.byte();
  if (kind === 3) reader.byte();
  if (kind === 0) reader.u32();
  if (kind === 1 || kind === 2) {
    const flags = reader.byte();
    reader.u32();
    if ((flags & 1) === 1) reader.u32();
  }
  return reader.since(start);
}

/** The engine knows the JavaScript host by one name, and traps where that is called. */
function writeImports(imports: readonly Import[]): Uint8Array {
  const parts = imports.map(({ module, name: imported, description }) => [
    ...name(module === 'canonical_abi' ? 'rb-js-abi-host' : module),
    ...name(imported),
    ...description,
  ]);
  return Uint8Array.from([...u32(imports.length), ...parts.flat()]);
}
