/** A WebAssembly module built by hand: what tests of the JavaScript side need, without any tool. */
export interface ModuleParts {
  /** Each: parameters and results, as bytes of value types (0x7f: i32, 0x7e: i64, 0x70: funcref). */
  readonly types?: readonly (readonly [params: readonly number[], results: readonly number[]])[];
  /** Module, name, then the descriptor's bytes ([0, type] function, [2, flags, min, max?] memory …). */
  readonly imports?: readonly (readonly [module: string, name: string, descriptor: readonly number[]])[];
  /** Type index and code; locals, when there are any, are its first bytes as written by `locals`. */
  readonly functions?: readonly {
    readonly type: number;
    readonly locals?: readonly number[];
    readonly code: readonly number[];
  }[];
  readonly tables?: readonly (readonly number[])[];
  /** Limits: flags, minimum, maximum. */
  readonly memories?: readonly (readonly number[])[];
  readonly globals?: readonly (readonly number[])[];
  /** Name, kind (0 function, 1 table, 2 memory, 3 global), index. */
  readonly exports?: readonly (readonly [name: string, kind: number, index: number])[];
  readonly start?: number;
  readonly elements?: readonly (readonly number[])[];
  readonly data?: readonly (readonly number[])[];
  /** Custom sections, at the end. */
  readonly custom?: readonly (readonly [name: string, content: readonly number[]])[];
}

export const i32: number = 0x7f;
export const i64: number = 0x7e;
/** What every core module begins with. */
export const header: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}

/** Signed LEB128, as constants have it. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = BigInt(value);
  for (;;) {
    const byte = Number(left & 0x7fn);
    left >>= 7n;
    if ((left === 0n && byte < 0x40) || (left === -1n && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

const text = (value: string): number[] => {
  const bytes = Buffer.from(value);
  return [...leb(bytes.length), ...bytes];
};

function section(id: number, items: readonly (readonly number[])[] | undefined): number[] {
  return items === undefined || items.length === 0 ? [] : sized(id, [...leb(items.length), ...items.flat()]);
}

function sized(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

/** The module's bytes; nothing is checked. */
export function buildModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const { types = [], imports = [], functions = [] } = parts;
  return Uint8Array.from([
    ...header,
    ...section(
      1,
      types.map(([params, results]) => [
        0x60,
        ...leb(params.length),
        ...params,
        ...leb(results.length),
        ...results,
      ]),
    ),
    ...section(
      2,
      imports.map(([module, name, descriptor]) => [...text(module), ...text(name), ...descriptor]),
    ),
    ...section(
      3,
      functions.map(({ type }) => leb(type)),
    ),
    ...section(4, parts.tables),
    ...section(5, parts.memories),
    ...section(6, parts.globals),
    ...section(
      7,
      parts.exports?.map(([name, kind, index]) => [...text(name), kind, ...leb(index)]),
    ),
    ...(parts.start === undefined ? [] : sized(8, leb(parts.start))),
    ...section(9, parts.elements),
    ...section(
      10,
      functions.map(({ locals = [0], code }) => {
        const body = [...locals, ...code, 0x0b];
        return [...leb(body.length), ...body];
      }),
    ),
    ...section(11, parts.data),
    ...(parts.custom ?? []).flatMap(([name, content]) => sized(0, [...text(name), ...content])),
  ]);
}

/** An expression of guest code that gives these bytes. */
export function asSource(bytes: Uint8Array): string {
  return `Uint8Array.fromBase64(${JSON.stringify(Buffer.from(bytes).toString('base64'))})`;
}

/** `add(a, b)`. */
export const adder: Uint8Array<ArrayBuffer> = buildModule({
  types: [[[i32, i32], [i32]]],
  functions: [{ type: 0, code: [0x20, 0, 0x20, 1, 0x6a] }],
  exports: [['add', 0, 0]],
});

/** `grow(pages)` of a memory with one page; exported as `memory` on wish. */
export function grower(
  options: { readonly exported?: boolean; readonly limits?: readonly number[] } = {},
): Uint8Array<ArrayBuffer> {
  return buildModule({
    types: [
      [[i32], [i32]],
      [[], [i32]],
    ],
    functions: [
      { type: 0, code: [0x20, 0, 0x40, 0] },
      { type: 1, code: [0x3f, 0] },
    ],
    memories: [options.limits ?? [0, 1]],
    exports: [
      ['grow', 0, 0],
      ['size', 0, 1],
      ...(options.exported === true ? ([['memory', 2, 0]] as const) : []),
    ],
  });
}
