import * as fc from 'fast-check';
import t from 'tap';
import { formatEnd, parseEnd, type EndCause } from '#runtime/frames.ts';

const causes: readonly EndCause[] = ['finished', 'memoryMb', 'cpuMs', 'logBytes', 'instance'];

void t.test('frames: an end report is read as it was written, alone or before a line', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...causes), fc.nat(), fc.nat(), (cause, micros, peakBytes) => {
      const report = { cause, cpuMs: micros / 1000, peakBytes };
      const text = formatEnd(report);
      t.same(parseEnd(text), report);
      t.same(parseEnd(`${text}\n[200,[],0,null]`, text.length), report);
    }),
  );
});

void t.test('frames: what is no end report is refused', async (t) => {
  for (const bad of [
    '',
    'finished',
    'finished 1',
    'finished 1 ',
    'finished  1 1',
    'finished 1 1 1',
    'finished -1 1',
    'finished 1.5 1',
    'finished 1e3 1',
    'finished NaN 1',
    'finished 1 1\n',
    'finishe 1 1',
    'finished! 1 1',
    'done 1 1',
    ` 1 1`,
    `finished ${'9'.repeat(16)} 1`,
  ])
    t.throws(() => parseEnd(bad), TypeError, JSON.stringify(bad));
  t.throws(() => parseEnd('finished 1 1', -1), TypeError);
});
