import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { watGuest } from '#test/support/wasm-guests.ts';
import {
  eventMessage,
  nothing,
  startWasm,
  type StartedWasm,
  type StartWasmOptions,
} from '#test/support/wasm-start.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** Says each line again. */
const events = readFileSync(watGuest('events'), 'utf8');
const says = '(call $print (i32.const 1024) (local.get $length))\n      (br $more)';

/** `events`, with more to do after each line. */
function after(body: string): string {
  if (events.split(says).length !== 2) throw new TypeError('events.wat says its lines otherwise');
  return events.replace(says, says.replace('(br $more)', `${body}\n(br $more)`));
}

const start = async (t: Test, guest: string, options: StartWasmOptions = {}): Promise<StartedWasm> =>
  await startWasm(t, guest, { ...options, program: { protocol: 'events' } });

async function resultOf({ heard, instance }: StartedWasm, event: string): Promise<unknown> {
  const number = heard.nextNumber();
  instance.begin(number, eventMessage(number, event), nothing);
  await heard.ended(number);
  return heard.lineOf(number, 'R')?.[0] ?? heard.lineOf(number, 'Z');
}

void t.test(
  'out of step: a line begun for nobody is not the next answer',
  { skip: withoutAddon },
  async (t) => {
    // The first byte of the event, without a newline.
    const running = await start(t, after('(call $print (i32.const 1024) (i32.const 1))'));
    for (let i = 0; i < 20; i++) t.equal(await resultOf(running, `"own ${i}"`), `"own ${i}"`);
    t.equal(running.heard.unhealthies, 0);
  },
);

void t.test(
  'out of step: a line printed for nobody is not the next answer',
  { skip: withoutAddon },
  async (t) => {
    const again = '(call $print (i32.const 1024) (local.get $length))';
    const running = await start(t, after(again));
    for (let i = 0; i < 20; i++) t.equal(await resultOf(running, `"own ${i}"`), `"own ${i}"`);
  },
);

void t.test(
  'out of step: a line begun while it waits is not the next answer',
  { skip: withoutAddon },
  async (t) => {
    // Polls at 0: reading (1) at 8, descriptor 0 at 16; a clock (0) at 56, monotonic (1) at 64, 5 ms at 72. Events from 256,
    // their kind at 10. After the first time that only the clock has come, one byte without an end.
    const polls = events
      .replace(
        '(memory (export "memory") 2)',
        `(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      $& (global $begun (mut i32) (i32.const 0))`,
      )
      .replace(
        '(loop $more',
        `$&
      (block $ready (loop $again
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 96))
        (i32.store8 (i32.const 8) (i32.const 1))
        (i32.store (i32.const 64) (i32.const 1))
        (i64.store (i32.const 72) (i64.const 5000000))
        (br_if $ready (i32.ne (call $poll (i32.const 0) (i32.const 256) (i32.const 2) (i32.const 128)) (i32.const 0)))
        (br_if $ready (i32.eq (i32.load8_u (i32.const 266)) (i32.const 1)))
        (br_if $ready (i32.gt_u (i32.load (i32.const 128)) (i32.const 1)))
        (if (i32.eqz (global.get $begun)) (then
          (global.set $begun (i32.const 1))
          (i32.store8 (i32.const 1024) (i32.const 120))
          (call $print (i32.const 1024) (i32.const 1))))
        (br $again)))`,
      );
    const running = await start(t, polls);
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      t.equal(await resultOf(running, `"own ${i}"`), `"own ${i}"`);
    }
    t.equal(running.heard.unhealthies, 0);
  },
);

void t.test('out of step: what is printed while it starts is logged', { skip: withoutAddon }, async (t) => {
  const greets = events.replace(
    '(local $length i32)\n    (loop $more',
    `(local $length i32)
    (i32.store (i32.const 1024) (i32.const 0x69680a79))
    (call $print (i32.const 1024) (i32.const 4))
    (loop $more`,
  );
  t.not(greets, events);
  const running = await start(t, greets);
  t.equal(await resultOf(running, '"own"'), '"own"');
  // "y\\nhi": a whole line, and one that was begun.
  t.same(running.heard.logsOf(0), ['y', 'hi']);
});

void t.test(
  'out of step: one that leaves after its answer is followed by another',
  { skip: withoutAddon },
  async (t) => {
    const running = await start(t, after('(return)'));
    for (let i = 0; i < 20; i++) t.equal(await resultOf(running, `"own ${i}"`), `"own ${i}"`);
  },
);

void t.test(
  'out of step: one that leaves without reading is passed over once',
  { skip: withoutAddon },
  async (t) => {
    // Looks whether there is something to read, and goes either way.
    const leaves = `(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      ;; a subscription at 0: userdata, fd_read (1) at 8, descriptor 0 at 16
      (i32.store8 (i32.const 8) (i32.const 1))
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`;
    const running = await start(t, leaves);
    const error = await resultOf(running, '"own"');
    t.match(error, ['Error', String, null, 'handler']);
    t.equal(running.instance.inFlight, 0);
  },
);

void t.test('out of step: a line that is too long is a RangeError', { skip: withoutAddon }, async (t) => {
  const body = '(loop $again (call $print (i32.const 2048) (i32.const 65536)) (br $again))';
  const running = await start(t, events.replace(says, `${body}\n(br $more)`), { limits: { cpuMs: 10_000 } });
  t.match(await resultOf(running, '"own"'), ['RangeError', String, null, 'result']);
});
