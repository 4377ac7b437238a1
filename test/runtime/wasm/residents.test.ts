import process from 'node:process';
import t from 'tap';
import { StartFailure } from '#runtime/engine.ts';
import { but, events, resultOf, startResident as start } from '#test/support/wasm-resident.ts';
import { eventMessage, nothing } from '#test/support/wasm-start.ts';
import { withoutAddon } from '#test/support/wasm.ts';

void t.test('resident: one instance answers event after event', { skip: withoutAddon }, async (t) => {
  const running = await start(t);
  for (const event of ['{"a":1}', '"two"', '[3]', '12345678901234567890'])
    t.equal(await resultOf(running, event), event);
  t.equal(running.instance.inFlight, 0);
});

void t.test('resident: many at once all get their own answer', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t);
  for (let i = 1; i <= 50; i++) instance.begin(i, eventMessage(i, `{"n":${i}}`), nothing);
  for (let i = 1; i <= 50; i++) {
    t.equal((await heard.ended(i)).cause, 'finished');
    t.same(heard.lineOf(i, 'R'), [`{"n":${i}}`]);
  }
});

void t.test('resident: a request is an API Gateway event', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t);
  const message = {
    m: 'GET',
    u: 'http://wasm/path?q',
    h: ['host', 'wasm'],
    b: 0,
    id: 'id',
    d: Date.now() + 30_000,
  };
  instance.begin(1, `[0,1,${JSON.stringify(message)},0,0]`, nothing);
  await heard.ended(1);
  t.equal(heard.statusOf(1), 200);
  t.match(JSON.parse(heard.bodyOf(1)), { version: '2.0', rawPath: '/path', rawQueryString: 'q' });
});

void t.test(
  'resident: one that traps says why, and the next call finds another',
  { skip: withoutAddon },
  async (t) => {
    const running = await start(t);
    const { heard, instance } = running;
    instance.begin(1, eventMessage(1, 'null'), nothing);
    t.equal((await heard.ended(1)).cause, 'finished');
    t.equal(heard.lineOf(1, 'Z')?.[3], 'handler');
    t.equal(await resultOf(running, '"next"'), '"next"');
    t.equal(heard.unhealthies, 0);
  },
);

void t.test(
  'resident: one that loops ends with its budget, its neighbours do not',
  { skip: withoutAddon },
  async (t) => {
    const running = await start(t, events, { limits: { cpuMs: 50 } });
    const { heard, instance } = running;
    instance.begin(1, eventMessage(1, '0'), nothing);
    t.equal(await resultOf(running, '"beside"'), '"beside"');
    t.equal((await heard.ended(1)).cause, 'cpuMs');
    t.equal(await resultOf(running, '"next"'), '"next"');
  },
);

void t.test("resident: a budget is one call's, not the resident's", { skip: withoutAddon }, async (t) => {
  // Some milliseconds of CPU each.
  const works = but(
    '7',
    '(local.set $length (i32.const 3000000)) (loop $w (local.set $length (i32.sub (local.get $length) (i32.const 1))) (br_if $w (local.get $length))) (local.set $length (i32.const 2))',
  );
  const running = await start(t, works, { limits: { cpuMs: 100 } });
  let cpuMs = 0;
  for (let i = 1; i <= 1000 && cpuMs <= 150; i++) {
    running.instance.begin(i, eventMessage(i, '7'), nothing);
    const end = await running.heard.ended(i);
    t.equal(end.cause, 'finished');
    cpuMs += end.cpuMs;
  }
  t.ok(cpuMs > 150);
});

void t.test('resident: a line without end is an error, and bounded', { skip: withoutAddon }, async (t) => {
  // Zeros, 64 KiB at a time.
  const endless = but('9', '(loop $again (call $print (i32.const 2048) (i32.const 65536)) (br $again))');
  const running = await start(t, endless, { limits: { cpuMs: 10_000 } });
  const { heard, instance } = running;
  instance.begin(1, eventMessage(1, '9'), nothing);
  t.equal((await heard.ended(1)).cause, 'finished');
  t.ok(heard.lineOf(1, 'Z'));
  t.equal(heard.lineOf(1, 'R'), undefined);
  t.equal(await resultOf(running, '"next"'), '"next"');
});

void t.test('resident: a second line never answers the next call', { skip: withoutAddon }, async (t) => {
  // "2" is said twice.
  const twice = but('2', '(call $print (i32.const 1024) (local.get $length))');
  const running = await start(t, twice);
  for (let i = 0; i < 20; i++) {
    t.equal(await resultOf(running, '2'), '2');
    t.equal(await resultOf(running, `"own ${i}"`), `"own ${i}"`);
  }
});

void t.test('resident: lines without a byte are bounded like others', { skip: withoutAddon }, async (t) => {
  // 64 KiB of newlines at a time.
  const empty = but(
    '8',
    `(memory.fill (i32.const 2048) (i32.const 10) (i32.const 60000))
     (loop $again (call $print (i32.const 2048) (i32.const 60000)) (br $again))`,
  );
  const running = await start(t, empty, { limits: { cpuMs: 300 } });
  const { heard, instance } = running;
  const before = process.memoryUsage.rss();
  instance.begin(1, eventMessage(1, '8'), nothing);
  t.equal((await heard.ended(1)).cause, 'cpuMs');
  t.ok(process.memoryUsage.rss() - before < 512 * 2 ** 20, 'what waits for the main thread is bounded');
  t.equal(await resultOf(running, '"next"'), '"next"');
});

void t.test('resident: one that is dropped is not heard of again', { skip: withoutAddon }, async (t) => {
  const running = await start(t, events, { limits: { cpuMs: 300_000 } });
  const { heard, instance } = running;
  instance.begin(1, eventMessage(1, '0'), nothing);
  instance.drop(1);
  t.equal(await resultOf(running, '"next"'), '"next"');
  t.equal(heard.endsOf(1), 0);
});

void t.test(
  'resident: one that exits before its first line does not start',
  { skip: withoutAddon },
  async (t) => {
    const leaves = '(module (memory (export "memory") 1) (func (export "_start")))';
    await t.rejects(start(t, leaves), StartFailure);
  },
);

void t.test('resident: a disposed instance ends its calls as lost', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t);
  for (let i = 1; i <= 20; i++) instance.begin(i, eventMessage(i, '0'), nothing);
  instance.dispose();
  for (let i = 1; i <= 20; i++) t.equal((await heard.ended(i)).cause, 'instance');
  t.equal(instance.inFlight, 0);
});
