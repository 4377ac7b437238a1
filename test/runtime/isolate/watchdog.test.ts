import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import t from 'tap';
import { Watchdog } from '#runtime/isolate/watchdog.ts';

const watched = { tick: (): void => undefined };

/** A thread beside this one that waits, or computes, for `ms` each time it is asked. */
const work = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', ({ ms, spin }) => {
    const end = performance.now() + ms;
    if (spin) while (performance.now() < end);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    parentPort.postMessage('done');
  });`;

await t.test('watchdog: an entry costs what its threads used, not how long it took', async (t) => {
  const worker = new Worker(work, { eval: true });
  t.teardown(() => worker.terminate());
  const watchdog = new Watchdog(
    () => undefined,
    () => 0,
  );
  const entry = async (message: object): Promise<number> => {
    watchdog.enter(watched);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(message);
    await once(worker, 'message');
    return watchdog.leave(watched);
  };
  await entry({ ms: 5, spin: true });
  const waited = await entry({ ms: 400, spin: false });
  const before = process.cpuUsage();
  const spun = await entry({ ms: 100, spin: true });
  const used = process.cpuUsage(before);
  t.ok(waited < 200, `waiting is free: ${waited} of 400 ms`);
  t.ok(spun > 0 && spun <= (used.user + used.system) / 1000 + 10, `${spun} ms`);
  t.ok(waited < spun * 3, 'whatever else runs here');
});

await t.test('watchdog: who was not there used nothing', (t) => {
  const watchdog = new Watchdog(
    () => undefined,
    () => 0,
  );
  t.equal(watchdog.leave(watched), 0);
  watchdog.enter(watched);
  t.ok(watchdog.leave(watched) < 50);
  t.end();
});

/** Computes until its thread had `ms` of CPU, which it keeps in `had`. */
const counting = `
  const { parentPort, workerData: had } = require('node:worker_threads');
  const threadMs = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
  parentPort.on('message', ({ ms }) => {
    const end = threadMs() + ms;
    while (threadMs() < end);
    had[0] = threadMs();
    parentPort.postMessage('done');
  });`;

await t.test("watchdog: what threads that run no isolate used is no entry's", async (t) => {
  const had = new Float64Array(new SharedArrayBuffer(8));
  const worker = new Worker(counting, { eval: true, workerData: had });
  t.teardown(() => worker.terminate());
  const [all, less] = [() => 0, () => had[0] ?? 0].map(
    (otherCpuMs) => new Watchdog(() => undefined, otherCpuMs),
  ) as [Watchdog, Watchdog];
  const entry = async (ms: number): Promise<readonly [number, number]> => {
    all.enter(watched);
    less.enter(watched);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage({ ms });
    await once(worker, 'message');
    return [all.leave(watched), less.leave(watched)];
  };
  await entry(5);
  const [counted, spared] = await entry(200);
  t.ok(counted > 100, `${counted} ms when nobody says whose they are`);
  t.ok(spared < counted / 2, `${spared} of ${counted} ms`);
});
