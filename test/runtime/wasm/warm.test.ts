import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import type { CellConfig, CellReport, LoadedReport, StartSpec } from '#runtime/frames.ts';
import { In } from '#runtime/guest/protocol.ts';
import { CellHarness } from '#test/support/cell.ts';
import { command } from '#test/support/wasm-command.ts';
import { eventMessage } from '#test/support/wasm-start.ts';
import { compileWasm, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

const skip = withoutAddon;
const MB = 2 ** 20;
const head = '{"function":"f","version":1,"memoryMb":64,"vars":{},"bindings":[],"agent":"islet/test"}';
const limits = { memoryMb: 64, cpuMs: 1000, startupCpuMs: 1000, logBytes: 1000 };

/** A resident of so many pages of 64 KiB: it says each line again, and grows by 160 pages for the line "1". */
const resident = (pages: number): string => `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") ${pages})
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 32768))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then return))
      (if (i32.eqz (i32.load (i32.const 8))) (then return))
      (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 49)) (then (drop (memory.grow (i32.const 160)))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more))))`;

interface Desk {
  readonly cell: CellHarness;
  /** Starts the module as instance `id`; gives what it takes, in bytes. */
  readonly load: (id: number, text: string, more?: Partial<StartSpec>) => Promise<number>;
  /** Hands it an event; its result, or Returned when it is gone. */
  readonly event: (id: number, event: string) => Promise<string>;
  readonly report: () => Promise<CellReport>;
}

async function open(t: Test, config: Partial<CellConfig>): Promise<Desk> {
  const cell = await CellHarness.open({ wasmFolder, ...config });
  // The cache's own clock keeps no process alive.
  const awake = setInterval(() => undefined, 1000);
  t.teardown(() => {
    clearInterval(awake);
    cell.close();
  });
  let last = 0;
  return {
    cell,
    load: async (id, text, more = {}) => {
      const wasm = await compileWasm(text, { protocol: text === command() ? 'cgi' : 'events' });
      cell.load(id, {
        ...limits,
        codeId: wasm.artifact,
        sourceBytes: 0,
        cacheBytes: 0,
        head,
        keep: false,
        wasm,
        ...more,
      });
      const { text: report } = await cell.wait(['Loaded', 'NotLoaded'], id);
      return (JSON.parse(report) as LoadedReport).memoryBytes;
    },
    event: async (id, event) => {
      const invocation = ++last;
      cell.send('Begin', invocation, `${id}\n${eventMessage(invocation, event)}`);
      const { type } = await cell.wait(['Ended', 'Answered', 'Returned'], invocation);
      return cell.find(['Line'], invocation)?.text ?? type;
    },
    report: async () => {
      const ping = ++last;
      cell.send('Ping', ping);
      return JSON.parse((await cell.wait(['Pong'], ping)).text) as CellReport;
    },
  };
}

void t.test(
  'warm: wasm counts with its memory, and the least recently used makes room',
  { skip },
  async (t) => {
    const { cell, load, event, report } = await open(t, { warmBytes: 25 * MB });
    for (const id of [1, 2]) t.ok((await load(id, resident(160))) >= 10 * MB, 'as much as its memory');
    t.equal(await event(1, '"used"'), 'R["\\"used\\""]');
    await load(3, resident(160));
    t.equal((await cell.wait(['Gone'], 2)).text, 'full', 'the second: the first was used since');
    t.equal(await event(2, '2'), 'Returned');
    t.equal(await event(1, '3'), 'R["3"]');
    const { warmBytes, instances, evictions } = await report();
    t.equal(evictions['full'], 1);
    t.equal(instances, 2);
    t.ok(warmBytes >= 20 * MB && warmBytes <= 25 * MB, `${warmBytes}`);
  },
);

void t.test('warm: wasm that grows while it is warm makes others go', { skip }, async (t) => {
  const { cell, load, event } = await open(t, { warmBytes: 15 * MB });
  await load(1, resident(80));
  await load(2, resident(80));
  await event(1, '1');
  // Sizes are taken half a second apart at the most.
  await sleep(600);
  await event(1, '2');
  t.equal((await cell.wait(['Gone'], 2)).text, 'full');
  t.equal(await event(1, '3'), 'R["3"]', 'the one that grew was used last, and stays');
});

void t.test('warm: wasm and scripts are in one order', { skip }, async (t) => {
  const { cell, load, event } = await open(t, { warmBytes: 13 * MB });
  const source = Buffer.from('export default { fetch: () => new Response("script") };');
  const { memoryMb, cpuMs, startupCpuMs, logBytes } = limits;
  const script: StartSpec = {
    codeId: 'script',
    sourceBytes: source.length,
    cacheBytes: 0,
    head,
    memoryMb,
    cpuMs,
    startupCpuMs,
    logBytes,
    keep: false,
  };
  await load(1, resident(160));
  cell.load(2, script, source);
  await cell.wait(['Loaded'], 2);
  await load(3, resident(160));
  t.equal((await cell.wait(['Gone'], 1)).text, 'full', 'the oldest, though it is of the other engine');
  cell.load(4, script, source);
  await cell.wait(['Loaded'], 4);
  t.equal(await event(3, '1'), 'R["1"]');
});

void t.test(
  'warm: wasm that nobody calls for idleMs goes; what is busy or kept does not',
  { skip },
  async (t) => {
    const { cell, load, event, report } = await open(t, { idleMs: 400 });
    await load(1, resident(2));
    await load(2, resident(2), { keep: true });
    await load(3, command());
    const message = { m: 'POST', u: 'http://f/e', h: [], b: 2, id: 'id', d: Date.now() + 30_000 };
    cell.send('Begin', 1000, `3\n[${In.Request},1000,${JSON.stringify(message)},0,0]`);
    t.equal((await cell.wait(['Gone'], 1)).text, 'idle');
    await sleep(800);
    t.equal(cell.find(['Gone'], 3), undefined, 'it waits for a body');
    t.equal((await report()).instances, 2);
    cell.send('Message', 1000, `[${In.End},1000,0]`);
    await cell.wait(['Ended', 'Answered'], 1000);
    t.equal((await cell.wait(['Gone'], 3)).text, 'idle', 'when it is done');
    t.equal(await event(2, '5'), 'R["5"]', 'minWarm keeps it');
    t.equal(cell.find(['Gone'], 2), undefined);
    t.equal((await report()).evictions['idle'], 2);
  },
);

void t.test('warm: what is kept never makes room, and is counted', { skip }, async (t) => {
  const { cell, load, event, report } = await open(t, { warmBytes: 15 * MB });
  await load(1, resident(160), { keep: true });
  for (const id of [2, 3]) await load(id, resident(160));
  t.equal((await cell.wait(['Gone'], 2)).text, 'full');
  t.equal(await event(1, '1'), 'R["1"]');
  t.ok((await report()).warmBytes >= 20 * MB);
});
