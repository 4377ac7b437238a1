import t from 'tap';
import type { StartSpec } from '#runtime/frames.ts';
import { KnownStarts } from '#runtime/known-starts.ts';

const wasm: StartSpec['wasm'] = {
  artifact: 'a.cwasm',
  program: { guest: 'command', protocol: 'cgi', reuse: 1, args: [] },
};

function textOf(more: Partial<StartSpec> = {}): string {
  const limits = { memoryMb: 64, cpuMs: 50, startupCpuMs: 500, logBytes: 1000 };
  const spec: StartSpec = {
    codeId: 'c',
    sourceBytes: 0,
    cacheBytes: 0,
    head: '{}',
    keep: false,
    ...limits,
    ...more,
  };
  return JSON.stringify(spec);
}

void t.test('known starts: a text is read once', (t) => {
  const starts = new KnownStarts();
  const one = starts.read(textOf({ wasm }));
  t.equal(starts.read(textOf({ wasm })), one);
  t.same(one.spec, JSON.parse(textOf({ wasm })));
  t.same(one.wasm, { wasm, head: '{}', limits: one.spec });
  t.not(starts.read(textOf({ wasm, keep: true })), one, 'another text');
  t.equal(starts.read(textOf()).wasm, undefined, 'a script');
  t.end();
});

void t.test('known starts: a megabyte of text is kept, what was asked for last', (t) => {
  const starts = new KnownStarts();
  const base = textOf({ head: '' }).length;
  const long = (number: number): string => textOf({ head: String(number).padEnd(2 ** 16 - base) });
  const first = starts.read(long(0));
  const second = starts.read(long(1));
  for (let number = 2; number < 16; number++) starts.read(long(number));
  t.equal(starts.read(long(0)), first, 'sixteen of 64 KiB fit');
  starts.read(long(16));
  t.equal(starts.read(long(0)), first);
  t.not(starts.read(long(1)), second, 'asked for longest ago');
  t.end();
});

void t.test('known starts: a longer text is read each time', (t) => {
  const starts = new KnownStarts();
  const text = (length: number): string => textOf({ head: ''.padEnd(length - textOf({ head: '' }).length) });
  const [fits, over] = [text(2 ** 16), text(2 ** 16 + 1)];
  t.equal(starts.read(fits), starts.read(fits));
  t.not(starts.read(over), starts.read(over));
  t.same(starts.read(over).spec, JSON.parse(over));
  t.end();
});

void t.test('known starts: what is no JSON is not taken', (t) => {
  t.throws(() => new KnownStarts().read('{'), SyntaxError);
  t.end();
});
