import t from 'tap';
import { ByteReader } from '#runtime/guest/wasm-bytes.ts';
import { namespace as wasm } from '#runtime/guest/wasm-native.ts';
import { skipInstruction } from '#runtime/guest/wasm-instructions.ts';
import { header, leb } from '#test/support/wasm-builder.ts';

const sized = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];

/** What type 0 is, as instructions about types want it: a function, a structure, arrays of numbers and of references. */
const types: readonly (readonly number[])[] = [
  [0x60, 0, 0],
  [0x60, 0, 1, 0x7f],
  [0x5f, 1, 0x7f, 1],
  [0x5f, 1, 0x78, 1],
  [0x5e, 0x7f, 1],
  [0x5e, 0x78, 1],
  [0x5e, 0x70, 1],
];

/** Whether V8 takes a function whose code is `unreachable`, these bytes and an `end` in a module that has everything. */
function takes(type: readonly number[], code: readonly number[], result: readonly number[]): boolean {
  const body = [0, 0x00, ...code, 0x0b];
  const module = [
    ...header,
    ...sized(1, [3, ...type, 0x60, 0, result.length === 0 ? 0 : 1, ...result, 0x60, 0, 0]),
    ...sized(3, [2, 1, 2]),
    ...sized(4, [1, 0x70, 0, 1]),
    ...sized(5, [1, 0, 1]),
    ...sized(13, [1, 0, 2]),
    ...sized(6, [1, 0x7f, 1, 0x41, 0, 0x0b]),
    ...sized(9, [1, 1, 0, 1, 0]),
    ...sized(12, [1]),
    ...sized(10, [2, ...leb(body.length), ...body, 2, 0, 0x0b]),
    ...sized(11, [1, 1, 1, 0]),
  ];
  return wasm.validate(Uint8Array.from(module));
}

/** What an instruction may leave behind, as the result of the function that ends with it. */
const results: readonly (readonly number[])[] = [
  [],
  ...[0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6e, 0x6f].map((type) => [type]),
  [0x63, 0],
];
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

/** How many zero bytes V8 wants behind an instruction: with fewer it takes the `end` for one of them. */
function immediatesOf(code: readonly number[], ends: readonly number[]): number | undefined {
  // Zeros that are too many are `unreachable`, again and again.
  const type = types.find((one) => takes(one, [...code, ...zeros(20), ...ends], []));
  if (type === undefined) return undefined;
  for (let count = 0; count <= 20; count++)
    if (results.some((result) => takes(type, [...code, ...zeros(count), ...ends], result))) return count;
  return undefined;
}

/** The same by our own reading; undefined where it knows no such instruction. */
function skipped(code: readonly number[]): number | undefined {
  const bytes = Uint8Array.from([...code, ...zeros(30)]);
  const reader = new ByteReader(bytes, 0, bytes.length);
  try {
    skipInstruction(reader);
  } catch {
    return undefined;
  }
  return reader.at - code.length;
}

const range = (to: number): number[] => Array.from({ length: to }, (_, index) => index);
const opening = new Set([0x02, 0x03, 0x04, 0x06, 0x1f]);
/** Only valid inside of something, or with other immediates than zeros. */
const special: Readonly<Record<number, string>> = {
  0x05: 'else: in an if',
  0x07: 'catch: in a try',
  0x09: 'rethrow: in a catch',
  0x0b: 'end',
  0x18: 'delegate: in a try',
  0x19: 'catch_all: in a try',
  0x1c: 'select: of exactly one type',
  0xd5: 'br_on_null: leaves one value more than the function may give',
};

await t.test('wasm: every instruction V8 takes is read to its end', async (t) => {
  const codes = [
    ...range(0xfb).map((code) => [code]),
    ...[0xfb, 0xfc, 0xfd, 0xfe].flatMap((prefix) => range(0x140).map((code) => [prefix, ...leb(code)])),
  ];
  let compared = 0;
  for (const code of codes) {
    if (code.length === 1 && special[code[0] ?? 0] !== undefined) continue;
    const ends = code.length === 1 && opening.has(code[0] ?? 0) ? [0x0b] : [];
    const wanted = immediatesOf(code, ends);
    if (wanted === undefined) continue;
    compared++;
    const own = skipped(code);
    if (own !== wanted) t.equal(own, wanted, code.map((byte) => byte.toString(16)).join(' '));
  }
  t.ok(compared >= 500, `${compared} instructions compared`);
});

await t.test('wasm: immediates of instructions that zeros do not fit are read to their end', async (t) => {
  const lines: readonly (readonly number[])[] = [
    [0x05],
    [0x07, 0x80, 1],
    [0x09, 1],
    [0x0b],
    [0x0e, 2, 1, 0x80, 0, 0],
    [0x18, 1],
    [0x19],
    [0x1c, 1, 0x7f],
    [0x1c, 1, 0x63, 0x80, 1],
    [0x02, 0x40],
    [0x02, 0x7f],
    [0x02, 0x64, 0x70],
    [0x1f, 0x40, 3, 0, 1, 2, 1, 1, 2, 3, 4],
    [0x28, 0x42, 1, 0x80, 1],
    [0x41, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0xd0, 0x70],
    [0xd5, 1],
    [0xfb, 24, 3, 0, 0x70, 0x6e],
    [0xfd, 84, 0x40, 1, 2, 3],
  ];
  for (const line of lines) {
    const reader = new ByteReader(Uint8Array.from([...line, 0xff]), 0, line.length + 1);
    t.equal(skipInstruction(reader), line[0]);
    t.equal(reader.at, line.length, line.map((byte) => byte.toString(16)).join(' '));
  }
});
