import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('performance: a measure is made of two of start, end and duration', async (t) => {
  const program = `performance.mark('a', { startTime: 10 });
    performance.mark('b', { startTime: 25, detail: { of: 'b' } });
    const spans = [['m', 'a', 'b'], ['m', { start: 'a', duration: 5 }], ['m', { end: 'b', duration: 5 }], ['m', { start: 1, end: 4 }],
      ['m', undefined, 'b'], ['m', { start: 'b', end: 'a' }]].map((args) => { const { startTime, duration } = performance.measure(...args); return [startTime, duration] });
    return [spans, performance.getEntriesByName('b')[0].detail, performance.getEntriesByType('measure').length]`;
  t.strictSame(await guest.run(program), [
    [
      [10, 15],
      [10, 5],
      [20, 5],
      [1, 3],
      [0, 25],
      [25, -15],
    ],
    { of: 'b' },
    6,
  ]);
});

void t.test('performance: what makes no measure and no mark is refused by name', async (t) => {
  const program = `return [() => performance.measure('m', 'none'), () => performance.measure('m', { start: 1, end: 2, duration: 1 }),
      () => performance.measure('m', { duration: 1 }), () => performance.measure('m', { start: -1 }), () => performance.measure('m', { start: 1 }, 'a'),
      () => performance.mark('m', { startTime: -1 }), () => performance.mark('m', { startTime: NaN }), () => performance.mark('m', { detail: () => 1 }),
      () => performance.mark(), () => new PerformanceEntry(), () => new PerformanceMeasure()]
      .map((run) => { try { run(); return 'none' } catch (error) { return error.name } })`;
  const type = 'TypeError';
  t.strictSame(await guest.run(program), [
    'SyntaxError',
    type,
    type,
    type,
    type,
    type,
    type,
    'DataCloneError',
    type,
    type,
    type,
  ]);
});

void t.test('performance: entries are cleared by name or all', async (t) => {
  const program = `for (const name of ['a', 'b', 'a']) performance.mark(name);
    const count = () => performance.getEntriesByType('mark').length;
    performance.clearMarks();
    for (const name of ['a', 'b', 'a']) performance.mark(name);
    const counts = [count()];
    performance.clearMarks('a');
    counts.push(count());
    performance.clearMarks();
    counts.push(count());
    return counts`;
  t.strictSame(await guest.run(program), [3, 1, 0]);
});

void t.test('performance: of many entries the newest stay', async (t) => {
  const program = `performance.clearMarks(); performance.clearMeasures();
    for (let i = 0; i <= 20_000; i++) performance.mark('m' + i);
    const { length } = performance.getEntries();
    const last = performance.getEntriesByName('m20000').length;
    performance.clearMarks();
    return [length, last]`;
  t.strictSame(await guest.run(program), [10_000, 1]);
});

void t.test('PerformanceObserver: told of what comes, and with buffered of what was', async (t) => {
  const program = `performance.clearMarks(); performance.clearMeasures();
    performance.mark('before');
    const seen = [];
    const late = new PerformanceObserver((list) => seen.push('late ' + list.getEntries().map(({ name }) => name)));
    late.observe({ type: 'mark', buffered: true });
    const early = new PerformanceObserver((list, self) => { seen.push('early ' + list.getEntriesByType('measure').length); self.disconnect() });
    early.observe({ entryTypes: ['mark', 'measure', 'nonsense'] });
    performance.mark('after');
    performance.measure('span');
    await null; await null; await null;
    performance.mark('more');
    late.takeRecords();
    await null; await null; await null;
    return seen`;
  t.strictSame(await guest.run(program), ['late before,after', 'early 1']);
});
