import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { StartFailure, type StartProblem } from '#runtime/engine.ts';
import { In } from '#runtime/guest/protocol.ts';
import { command } from '#test/support/wasm-command.ts';
import {
  nothing,
  openWasm,
  requestMessage as request,
  startWasm as start,
  startWasmOn,
} from '#test/support/wasm-start.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../../guests/wasm/wat/${name}.wat`), 'utf8');

/** Grows memory to `pages` in all and the table to `elements`; answers when both could be had, else traps. */
const takes = (pages: number, elements: number): string =>
  command({
    letter: 'x',
    body: `
      (if (i32.eq (memory.grow (i32.const ${pages - 2})) (i32.const -1)) (then unreachable))
      (if (i32.eq (table.grow $table (ref.null func) (i32.const ${elements - 1})) (i32.const -1)) (then unreachable))`,
  });

void t.test(
  'memory: linear memory and tables together may have all of the limit, not an element more',
  { skip: withoutAddon },
  async (t) => {
    const most = 16 * 16;
    // A page is 64 KiB, and so are 8192 elements.
    const cases = [
      { guest: takes(most - 1, 8192), cause: 'finished' },
      { guest: takes(most - 1, 8193), cause: 'memoryMb' },
      { guest: takes(most, 2), cause: 'memoryMb' },
    ];
    for (const { guest, cause } of cases) {
      const { heard, instance } = await start(t, guest, { limits: { memoryMb: 16, cpuMs: 2000 } });
      instance.begin(1, request(1, '/x'), nothing);
      const end = await heard.ended(1);
      t.equal(end.cause, cause);
      if (cause === 'finished') t.equal(end.peakBytes, 16 * 2 ** 20);
    }
  },
);

void t.test('memory: who can live without what it was refused answers', { skip: withoutAddon }, async (t) => {
  const guest = command({ letter: 'x', body: '(drop (memory.grow (i32.const 4096)))' });
  const { heard, instance } = await start(t, guest, { limits: { memoryMb: 16 } });
  instance.begin(1, request(1, '/x'), nothing);
  t.equal((await heard.ended(1)).cause, 'finished');
  t.equal(heard.bodyOf(1), 'hello');
});

void t.test('memory: a guest that begins with too much does not start', { skip: withoutAddon }, async (t) => {
  // 1000 pages are 62.5 MiB.
  const guest = fixture('starts-with-too-much');
  t.match(await problemOf(start(t, guest, { limits: { memoryMb: 62 } })), {
    kind: 'exceeded',
    limit: 'memoryMb',
  });
  t.equal(await problemOf(start(t, guest, { limits: { memoryMb: 63 } })), undefined);
});

void t.test('memory: a table that grows alone ends with the limit', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, fixture('grows-table'), {
    limits: { memoryMb: 16, cpuMs: 2000 },
  });
  instance.begin(1, request(1, '/'), nothing);
  t.equal((await heard.ended(1)).cause, 'memoryMb');
});

void t.test('memory: what a store took is given back when it ends', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, takes(100, 2));
  const idle = instance.memoryBytes;
  instance.begin(1, request(1, '/e', 2), nothing);
  instance.begin(2, request(2, '/x'), nothing);
  await heard.ended(2);
  instance.drop(1);
  instance.begin(3, request(3, '/'), nothing);
  await heard.ended(3);
  t.ok(instance.memoryBytes <= idle + 2 * 64 * 1024 + 4096, 'at most the last one is still leaving');
});

void t.test(
  'memory: the stores of an instance have 1.5 GiB together, whatever each may have',
  { skip: withoutAddon },
  async (t) => {
    // 256 MB each, a page less for the table; nothing is touched. It waits for its body, and answers.
    const guest = command({
      letter: 'x',
      body: `(if (i32.eq (memory.grow (i32.const ${256 * 16 - 3})) (i32.const -1)) (then unreachable))
        (drop (call $read))`,
    });
    const { heard, instance } = await start(t, guest, { limits: { memoryMb: 256, cpuMs: 5000 } });
    const numbers = [1, 2, 3, 4, 5, 6, 7];
    for (const number of numbers) instance.begin(number, request(number, '/x', 2), nothing);
    const ends = numbers.map(async (number) => ({ number, end: await heard.ended(number) }));
    const { number, end } = await Promise.race(ends);
    t.equal(end.cause, 'memoryMb', 'one too many');
    instance.begin(8, request(8, '/'), nothing);
    t.equal((await heard.ended(8)).cause, 'finished', 'a small one is still had');
    for (const other of numbers.filter((other) => other !== number))
      instance.message(other, `[${In.End},${other},0]`, nothing);
    const causes = (await Promise.all(ends)).map(({ end }) => end.cause);
    t.same(causes.sort(), [...Array(6).fill('finished'), 'memoryMb'], 'six at once are had');
    instance.begin(9, request(9, '/x'), nothing);
    t.equal((await heard.ended(9)).cause, 'finished', 'and again one, when they are gone');
  },
);

void t.test('wall: guests that sleep hold nobody up', { skip: withoutAddon }, async (t) => {
  // A subscription at 0: clock (0) at 8, monotonic (1) at 16, nanoseconds at 24.
  const sleeps = command({
    letter: 'x',
    body: `(i64.store (i32.const 0) (i64.const 0)) (i64.store (i32.const 8) (i64.const 0))
      (i64.store (i32.const 16) (i64.const 1)) (i64.store (i32.const 24) (i64.const 3600000000000))
      (i64.store (i32.const 32) (i64.const 0)) (i64.store (i32.const 40) (i64.const 0))
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`,
  }).replace(
    '(import "islet" "call"',
    '(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))\n$&',
  );
  const { heard, instance } = await start(t, sleeps, { workers: 2 });
  for (const number of [1, 2, 3, 4]) instance.begin(number, request(number, '/x'), nothing);
  for (const number of [5, 6, 7]) {
    instance.begin(number, request(number, '/'), nothing);
    t.equal((await heard.ended(number)).cause, 'finished');
  }
  for (const number of [1, 2, 3, 4]) {
    t.equal(heard.endsOf(number), 0, 'they sleep');
    instance.drop(number);
  }
  t.equal(instance.inFlight, 0);
});

void t.test('cpu: waiting for a body costs nothing', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, command(), { limits: { cpuMs: 40 } });
  instance.begin(1, request(1, '/e', 2), nothing);
  await new Promise((resolve) => setTimeout(resolve, 150));
  instance.message(1, `[${In.Chunk},1,0,0,4]`, Buffer.from('late'));
  instance.message(1, `[${In.End},1,0]`, nothing);
  t.equal((await heard.ended(1)).cause, 'finished');
  t.equal(heard.bodyOf(1), 'late');
});

void t.test(
  'cpu: more loops than threads all end, and their neighbour answers meanwhile',
  { skip: withoutAddon },
  async (t) => {
    const { heard, instance } = await start(t, command(), { workers: 1, limits: { cpuMs: 60 } });
    for (let i = 1; i <= 4; i++) instance.begin(i, request(i, '/l'), nothing);
    instance.begin(5, request(5, '/'), nothing);
    t.equal((await heard.ended(5)).cause, 'finished');
    for (let i = 1; i <= 4; i++) t.equal((await heard.ended(i)).cause, 'cpuMs');
  },
);

void t.test('wall: a loop that is dropped gives its place back', { skip: withoutAddon }, async (t) => {
  const options = { slots: 1, workers: 1, limits: { cpuMs: 300_000 } };
  const { heard, instance } = await start(t, command(), options);
  instance.begin(1, request(1, '/l'), nothing);
  instance.begin(2, request(2, '/'), nothing);
  instance.drop(1);
  t.equal((await heard.ended(2)).cause, 'finished');
  t.equal(heard.endsOf(1), 0);
});

void t.test('slots: calls beyond them wait in their order', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, command(), { slots: 1 });
  const order: number[] = [];
  const note = async (number: number): Promise<void> => {
    await heard.ended(number);
    order.push(number);
  };
  instance.begin(1, request(1, '/e', 2), nothing);
  for (const number of [2, 3, 4]) instance.begin(number, request(number, '/'), nothing);
  const all = [1, 2, 4].map(note);
  instance.drop(3);
  t.equal(instance.inFlight, 3);
  t.equal(heard.endsOf(2), 0);
  instance.message(1, `[${In.End},1,0]`, nothing);
  await Promise.all(all);
  t.same(order, [1, 2, 4], 'in the order they came');
  t.equal(heard.endsOf(3), 0, 'one that was dropped while it waited stays silent');
});

void t.test(
  'slots: an instance that goes while calls wait for one ends them',
  { skip: withoutAddon },
  async (t) => {
    const { heard, instance } = await start(t, command(), { slots: 1 });
    for (const number of [1, 2]) instance.begin(number, request(number, '/l'), nothing);
    instance.dispose();
    for (const number of [1, 2]) t.equal((await heard.ended(number)).cause, 'instance');
  },
);

void t.test(
  'slots: one instance leaves a quarter of them to the others',
  { skip: withoutAddon },
  async (t) => {
    const engine = openWasm(t, { slots: 4 });
    const hog = await startWasmOn(engine, command());
    const other = await startWasmOn(engine, command());
    for (const number of [1, 2, 3, 4, 5]) hog.instance.begin(number, request(number, '/e', 2), nothing);
    other.instance.begin(6, request(6, '/'), nothing);
    t.equal((await other.heard.ended(6)).cause, 'finished');
    for (const number of [1, 2, 3, 4, 5]) hog.instance.message(number, `[${In.End},${number},0]`, nothing);
    for (const number of [1, 2, 3, 4, 5]) t.equal((await hog.heard.ended(number)).cause, 'finished');
  },
);

void t.test('output: a head that never ends is an error, and bounded', { skip: withoutAddon }, async (t) => {
  const endless = '(loop $again (call $write (i32.const 1) (i32.const 64) (i32.const 5)) (br $again))';
  const { heard, instance } = await start(t, command({ letter: 'x', body: endless }), {
    limits: { cpuMs: 5000 },
  });
  instance.begin(1, request(1, '/x'), nothing);
  t.equal((await heard.ended(1)).cause, 'finished');
  t.equal(heard.lineOf(1, 'Z')?.[3], 'result');
});

void t.test(
  'output: who exits with an error before its head has failed',
  { skip: withoutAddon },
  async (t) => {
    const { heard, instance } = await start(t, command({ letter: 'x', body: '(call $exit (i32.const 7))' }));
    instance.begin(1, request(1, '/x'), nothing);
    t.equal((await heard.ended(1)).cause, 'finished');
    t.match(heard.lineOf(1, 'Z'), [/./, /7/]);
  },
);

void t.test('log: lines without a byte are counted too', { skip: withoutAddon }, async (t) => {
  // "\\n" is the last byte of the log line.
  const empty = '(loop $again (call $write (i32.const 2) (i32.const 90) (i32.const 1)) (br $again))';
  const { heard, instance } = await start(t, command({ letter: 'x', body: empty }), {
    limits: { cpuMs: 500, logBytes: 1000 },
  });
  instance.begin(1, request(1, '/x'), nothing);
  t.equal((await heard.ended(1)).cause, 'logBytes');
  t.ok(heard.logsOf(1).length <= 1000 + 1000 / 16);
});

void t.test('trap: its stack names the functions it passed', { skip: withoutAddon }, async (t) => {
  const guest = command({ letter: 'x', body: '(call $echo)' }).replace(
    '(call $head)\n    (loop',
    'unreachable (loop',
  );
  const { heard, instance } = await start(t, guest);
  for (const [number, path, frames] of [
    [1, '/r', /\brecurse\b/],
    [2, '/x', /\becho\b/],
  ] as const) {
    instance.begin(number, request(number, path), nothing);
    t.equal((await heard.ended(number)).cause, 'finished');
    const [name, message, stack] = heard.lineOf(number, 'Z') as readonly string[];
    t.match(stack?.slice(`${name}: ${message}`.length), frames, path);
  }
});

async function problemOf(started: Promise<unknown>): Promise<StartProblem | undefined> {
  try {
    await started;
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return error.problem;
    throw error;
  }
}
