import * as fc from 'fast-check';
import t from 'tap';
import { HeadReader, parseHead } from '#host/dispatch/lines.ts';

const none = Buffer.alloc(0);

/** Few of each, so that heads come again. */
const line = fc
  .record({
    status: fc.constantFrom(200, 404),
    headers: fc.constantFrom<string[]>(
      [],
      ['a', 'b'],
      ['a', 'b"],1,"'],
      ['a', 'b'.repeat(5000)],
      ['é', '\\'],
    ),
    body: fc.oneof(
      fc.constant([0, null]),
      fc.constant([2, [0, 0]]),
      fc.constant([3, null]),
      fc.string({ unit: 'binary' }).map((text) => [1, text]),
    ),
  })
  .map(({ status, headers, body }) => JSON.stringify([status, headers, ...body]));

void t.test('lines: a head is read the same whatever came before it', async (t) => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const reader = new HeadReader();
      for (const json of lines) t.same(reader.read(json, none), parseHead(json, none));
    }),
  );
});

void t.test('lines: from its third time on a head has the same list of headers', async (t) => {
  const reader = new HeadReader();
  const read = (text: string): readonly string[] =>
    reader.read(JSON.stringify([200, ['a', 'b'], 1, text]), none).headers;
  read('one');
  const second = read('two');
  t.equal(read('three'), second);
  t.equal(read('f"our'), second);
});

void t.test('lines: after a head that is known, what is not JSON is refused', async (t) => {
  const start = '[200,["a","b"],';
  for (const bad of ['', '1', '1,"x"', '1,"x"]]', '1,"x"y"]', '1,"x\\"]', '1,2]', '4,null]', '"]', '1,"]']) {
    const reader = new HeadReader();
    for (let i = 0; i < 2; i++) reader.read(`${start}0,null]`, none);
    t.throws(() => reader.read(start + bad, none), bad);
    t.throws(() => parseHead(start + bad, none), bad);
  }
});
