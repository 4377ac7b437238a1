import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Watchdog } from '#runtime/isolate/watchdog.ts';

/** Takes CPU and says how much, in ms, until it is told to stop. */
const burner = `
const { workerData, parentPort } = require('node:worker_threads');
const cpuMs = new Float64Array(workerData);
while (cpuMs[1] === 0) {
  const { user, system } = process.threadCpuUsage();
  cpuMs[0] = (user + system) / 1000;
}
parentPort.close();`;

/** CPU that another thread took while an entry did nothing: what it was, and what the entry was charged. */
async function charge(subtract: boolean): Promise<{ readonly burntMs: number; readonly chargedMs: number }> {
  const shared = new SharedArrayBuffer(16);
  const cpuMs = new Float64Array(shared);
  const worker = new Worker(burner, { eval: true, workerData: shared });
  const burnt = (): number => cpuMs[0] ?? 0;
  while (burnt() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const watchdog = new Watchdog(
    () => undefined,
    () => (subtract ? burnt() : 0),
  );
  let chargedMs = 0;
  const watched = { tick: (ms: number) => (chargedMs += ms) };
  const before = burnt();
  watchdog.enter(watched);
  while (burnt() - before < 100) await new Promise((resolve) => setTimeout(resolve, 5));
  watchdog.leave(watched);
  const burntMs = burnt() - before;
  cpuMs[1] = 1;
  await worker.terminate();
  return { burntMs, chargedMs };
}

void t.test("watchdog: another engine's CPU is not put down to an entry", async (t) => {
  const { burntMs, chargedMs } = await charge(true);
  t.ok(chargedMs < burntMs / 2, `${chargedMs} of ${burntMs}`);
});

void t.test('watchdog: CPU nobody accounts for is', async (t) => {
  const { burntMs, chargedMs } = await charge(false);
  t.ok(chargedMs > burntMs / 2, `${chargedMs} of ${burntMs}`);
});
