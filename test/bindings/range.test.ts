import * as fc from 'fast-check';
import t from 'tap';
import { parseRange } from '#bindings/range.ts';

/** RFC 9110, 14.1.2 and 14.2, byte by byte: which of `size` bytes one range asks for; undefined for what is no range. */
function oracle(header: string, size: number): readonly number[] | 'none' | undefined {
  const [unit = '', ...rest] = header.split('=');
  if (unit.toLowerCase() !== 'bytes' || rest.length !== 1) return undefined;
  const spec = (rest[0] ?? '').replaceAll(/^[ \t]+|[ \t]+$/g, '');
  const [first = '', last = '', ...more] = spec.split('-');
  const digits = (text: string): boolean => text === '' || /^[0-9]+$/.test(text);
  if (!spec.includes('-') || more.length > 0 || !digits(first) || !digits(last) || first + last === '')
    return undefined;
  if (first !== '' && last !== '' && BigInt(last) < BigInt(first)) return undefined;
  const wanted = Array.from({ length: size }, (_, i) => i).filter((i) =>
    first === ''
      ? BigInt(i) >= BigInt(size) - BigInt(last)
      : BigInt(i) >= BigInt(first) && (last === '' || BigInt(i) <= BigInt(last)),
  );
  return wanted.length === 0 ? 'none' : wanted;
}

const number = fc.oneof(
  fc.nat(40).map(String),
  fc.bigInt({ min: 0n, max: 2n ** 80n }).map(String),
  fc.constantFrom('', '0', '00', '-1', '+1', '1.5', '1e1', ' 1', 'x', '²'),
);
const range = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`) },
  { weight: 1, arbitrary: fc.tuple(number, number).map(([first, last]) => `BYTES= ${first}-${last}\t`) },
  { weight: 1, arbitrary: fc.tuple(number, number, number).map(([a, b, c]) => `bytes=${a}-${b},${c}-`) },
  { weight: 1, arbitrary: fc.string().map((text) => `bytes=${text}`) },
  { weight: 1, arbitrary: fc.string() },
);

void t.test('range: any header gives the bytes that the standard says, or all', (t) => {
  fc.assert(
    fc.property(range, fc.nat(30), (header, size) => {
      const wanted = oracle(header, size);
      const got = parseRange(header, size);
      if (wanted === undefined) return got.kind === 'whole';
      if (wanted === 'none') return got.kind === 'unsatisfiable';
      return got.kind === 'part' && got.start === wanted[0] && got.end === (wanted.at(-1) ?? 0) + 1;
    }),
    { numRuns: 20_000 },
  );
  t.same(parseRange(undefined, 5), { kind: 'whole' });
  t.end();
});
