import t from 'tap';
import { toRubyCommand } from '#host/deploy/languages/ruby-command.ts';
import { readSections, s32, u32 } from '#host/deploy/languages/wasm-sections.ts';

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

void t.test('ruby-command: a module that is not Ruby’s is refused', (t) => {
  const program = { args: ['ruby'], script: '' };
  for (const bytes of [
    [],
    header,
    [...header, 7, 1, 0],
    [...header, 7, 9, 1],
    [...header, 7, 4, 1, 1, 0x61, 0],
  ])
    t.throws(() => toRubyCommand(Uint8Array.from(bytes), program), RangeError, String(bytes));
  t.end();
});

void t.test('wasm-sections: numbers are as short as LEB128 has them', (t) => {
  t.strictSame(
    [0, 63, 64, 127, 128, 300, 2 ** 31 - 1].map((value) => [u32(value).length, s32(value).length]),
    [
      [1, 1],
      [1, 1],
      [1, 2],
      [1, 2],
      [2, 2],
      [2, 2],
      [5, 5],
    ],
  );
  t.strictSame(u32(624_485), [0xe5, 0x8e, 0x26]);
  t.strictSame(s32(64), [0xc0, 0x00]);
  t.end();
});

void t.test('wasm-sections: sections are read up to the last byte', (t) => {
  const sections = readSections(Uint8Array.from([...header, 0, 2, 1, 0x78, 1, 1, 0]));
  t.strictSame(
    sections.map(({ id, content }) => [id, content.length]),
    [
      [0, 2],
      [1, 1],
    ],
  );
  t.throws(() => readSections(Uint8Array.from([...header, 0, 3, 1])), RangeError);
  t.throws(() => readSections(Uint8Array.from([...header, 0, 0x80, 0x80, 0x80, 0x80, 0x80])), RangeError);
  t.end();
});
