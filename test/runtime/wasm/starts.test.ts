import { readFileSync } from 'node:fs';
import t from 'tap';
import { StartFailure } from '#runtime/engine.ts';
import { command, loopsAtStart } from '#test/support/wasm-command.ts';
import { watGuest } from '#test/support/wasm-guests.ts';
import {
  nothing,
  openWasm,
  requestMessage as request,
  startSpecOn,
  startWasm as start,
  startWasmOn,
  toWasmSpec,
  type StartedWasm,
} from '#test/support/wasm-start.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const component = readFileSync(watGuest('http'), 'utf8');

async function bodyOf({ heard, instance }: StartedWasm, path: string): Promise<string> {
  const number = heard.nextNumber();
  instance.begin(number, request(number, path), nothing);
  await heard.ended(number);
  return heard.bodyOf(number);
}

void t.test('start: what has started before starts without running', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t);
  for (const guest of [component, command()]) {
    const spec = await toWasmSpec(guest, { program: { reuse: 9 } });
    const first = await startSpecOn(engine, spec);
    t.ok(first.phases.topLevel > 0);
    t.match(await bodyOf(first, '/'), /^hello/i);
    first.instance.dispose();
    const second = await startSpecOn(engine, spec);
    t.equal(second.phases.topLevel, 0);
    t.match(await bodyOf(second, '/'), /^hello/i);
    if (guest === component) t.equal(await bodyOf(second, '/c'), '2', 'with stores of its own');
    t.ok((await startSpecOn(engine, { ...spec })).phases.topLevel > 0, 'not the same object');
  }
});

void t.test('start: what starts at once has its limits', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t);
  const spec = await toWasmSpec(command(), { limits: { cpuMs: 60 } });
  for (const expected of ['first', 'again']) {
    const { heard, instance } = await startSpecOn(engine, spec);
    instance.begin(1, request(1, '/l'), nothing);
    t.equal((await heard.ended(1)).cause, 'cpuMs', expected);
  }
});

void t.test('start: what did not start is tried again each time', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t);
  for (let i = 0; i < 3; i++) {
    await t.rejects(startWasmOn(engine, loopsAtStart, { limits: { startupCpuMs: 20 } }), StartFailure);
  }
});

void t.test(
  'start: one that takes neither CPU nor an end is a start that takes too long',
  { skip: withoutAddon },
  async (t) => {
    // A subscription at 0: clock (0) at 8, monotonic (1) at 16, nanoseconds at 24.
    const sleeps = (start: string): string => `(module
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func $sleep
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
      ${start})`;
    const engine = openWasm(t);
    const starts = [
      startWasmOn(engine, sleeps('(start $sleep) (func (export "_start"))')),
      startWasmOn(engine, sleeps('(func (export "_start") (call $sleep))'), {
        program: { protocol: 'events' },
      }),
    ];
    for (const failure of await Promise.all(
      starts.map((starting) => starting.catch((error: unknown) => error)),
    )) {
      t.ok(failure instanceof StartFailure);
      t.match(failure, { problem: { kind: 'exceeded', limit: 'startupCpuMs' } });
    }
    t.match(await bodyOf(await startWasmOn(engine, component), '/'), /^hello/i, 'the engine goes on');
  },
);

void t.test('start: the store made at the start serves one request', { skip: withoutAddon }, async (t) => {
  const running = await start(t, component);
  // `c` counts the calls of its store.
  for (let i = 0; i < 3; i++) t.equal(await bodyOf(running, '/c'), '1');
});

void t.test('start: stores that wait give their slots to calls', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t, { slots: 4 });
  const waiting = [];
  for (let i = 0; i < 6; i++) waiting.push(await startWasmOn(engine, component));
  const { heard, instance } = await startWasmOn(engine, command());
  for (const number of [1, 2, 3]) instance.begin(number, request(number, '/'), nothing);
  for (const number of [1, 2, 3]) t.equal((await heard.ended(number)).cause, 'finished');
  for (const running of waiting) t.equal(await bodyOf(running, '/c'), '1');
});

void t.test('start: one under way ends when the engine closes', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t, { workers: 1 });
  const starting = startWasmOn(engine, loopsAtStart, { limits: { startupCpuMs: 60_000 } });
  const failed = t.rejects(starting, StartFailure);
  await new Promise((resolve) => setTimeout(resolve, 50));
  engine.close();
  await failed;
});

void t.test('start: the CPU of its threads is counted', { skip: withoutAddon }, async (t) => {
  const engine = openWasm(t);
  t.equal(engine.cpuMs, 0);
  const { heard, instance } = await startWasmOn(engine, command(), { limits: { cpuMs: 60 } });
  const before = engine.cpuMs;
  instance.begin(1, request(1, '/l'), nothing);
  const { cpuMs } = await heard.ended(1);
  t.ok(engine.cpuMs - before >= Math.min(cpuMs, 60) * 0.9);
});

void t.test('reuse: a body left open costs the store, not its slot', { skip: withoutAddon }, async (t) => {
  const finish =
    '(call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))))\n  (core instance $p';
  t.equal(component.split(finish).length, 2);
  // Returns with both handles of its body.
  const leaves = component
    .replace(finish, '))\n  (core instance $p')
    .replace('(call $drop-output (local.get $out))\n', '');
  const { heard, instance } = await start(t, leaves, { slots: 1, program: { reuse: 100 } });
  for (const number of [1, 2, 3]) {
    instance.begin(number, request(number, '/c'), nothing);
    t.equal((await heard.ended(number)).cause, 'finished');
    t.equal(heard.bodyOf(number), '1');
  }
});

void t.test('reuse: what each call took is its own', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, component, { program: { reuse: 9 } });
  const bodies = [];
  for (let number = 1; number <= 9; number++) {
    instance.begin(number, request(number, '/c'), nothing);
    t.ok((await heard.ended(number)).peakBytes >= 65_536);
    bodies.push(heard.bodyOf(number));
  }
  t.same(bodies, ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
});
