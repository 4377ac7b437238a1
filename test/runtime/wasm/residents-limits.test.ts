import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { but, events, resultOf, startResident } from '#test/support/wasm-resident.ts';
import { eventMessage, nothing } from '#test/support/wasm-start.ts';
import { wasmFolder, withoutAddon } from '#test/support/wasm.ts';

/** To standard error, a line of 10 bytes without end. */
const babbles = `
  (i32.store (i32.const 2048) (i32.const 0x33323130)) (i32.store (i32.const 2052) (i32.const 0x37363534))
  (i32.store16 (i32.const 2056) (i32.const 0x3938)) (i32.store8 (i32.const 2058) (i32.const 10))
  (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 11))
  (loop $again (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))`;
const recurses = (guest: string): string =>
  guest.replace(
    '(func (export "_start")',
    '(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (local.get 0)))\n$&',
  );

void t.test('resident limits: what ends one costs its call, and the next finds another', async (t) => {
  const grows =
    '(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable';
  const limits = { memoryMb: 16, logBytes: 1000, cpuMs: 5000 };
  for (const [what, guest, cause] of [
    ['memory', but('2', grows), 'memoryMb'],
    ['log', but('2', babbles), 'logBytes'],
    ['recursion', recurses(but('2', '(drop (call $deep (i32.const 1)))')), 'finished'],
  ] as const) {
    await t.test(`resident limits: ${what}`, { skip: withoutAddon }, async (t) => {
      const running = await startResident(t, guest, { limits });
      const { heard, instance } = running;
      t.equal(await resultOf(running, '"before"'), '"before"');
      for (const number of [1, 2]) {
        instance.begin(number, eventMessage(number, '2'), nothing);
        t.equal((await heard.ended(number)).cause, cause);
        t.equal(heard.lineOf(number, 'R'), undefined);
        t.equal(heard.lineOf(number, 'Z')?.[3], cause === 'finished' ? 'handler' : undefined);
        t.equal(await resultOf(running, '"after"'), '"after"');
      }
      t.ok(heard.logsOf(1).length <= 100, 'no more lines than there are bytes for');
      t.equal(heard.unhealthies, 0);
    });
  }
});

void t.test(
  'resident limits: an instance that fails to start three times more is given up',
  { skip: withoutAddon },
  async (t) => {
    const folder = 'app-needed';
    const file = join(wasmFolder, folder, 'needed');
    mkdirSync(join(wasmFolder, folder));
    writeFileSync(file, '');
    // Traps at its beginning where the file is not there: folder, flags, name, its length, no flags, rights to read.
    const needs = events
      .replace(
        '(memory (export "memory") 2)',
        `(import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        $& (data (i32.const 4096) "needed")`,
      )
      .replace(
        '(loop $more',
        `(if (call $open (i32.const 3) (i32.const 1) (i32.const 4096) (i32.const 6) (i32.const 0) (i64.const 2)
          (i64.const 0) (i32.const 0) (i32.const 16)) (then unreachable))
        $&`,
      );
    const running = await startResident(t, needs, { program: { folder } });
    const { heard, instance } = running;
    t.equal(await resultOf(running, '"one"'), '"one"');
    rmSync(file);
    t.equal(await resultOf(running, '"two"'), '"two"', 'it has started already');
    t.equal(await resultOf(running, 'null'), undefined, 'a trap');
    for (let number = 1; number <= 3; number++) {
      t.equal(heard.unhealthies, 0);
      instance.begin(number, eventMessage(number, '"lost"'), nothing);
      await heard.ended(number);
      t.equal(heard.lineOf(number, 'Z')?.[3], 'startup');
    }
    t.equal(heard.unhealthies, 1);
    t.equal(instance.inFlight, 0);
  },
);
