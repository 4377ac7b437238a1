import t from 'tap';
import { createHost } from '#host/create-host.ts';
import { eventually, openTestHost, temporaryDir, type TestHost } from '#test/support/host.ts';

const hello = 'export default { fetch: () => new Response("hello") };';

/** Instances that left the warm caches so far, by reason, all cells together. */
async function evictions({ host }: TestHost): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const cell of (await host.health()).cells)
    for (const [reason, count] of Object.entries(cell.evictions)) sums[reason] = (sums[reason] ?? 0) + count;
  return sums;
}

async function instances({ host }: TestHost): Promise<number> {
  return (await host.health()).cells.reduce((sum, cell) => sum + cell.instances, 0);
}

await t.test(
  'warm: minWarm instances are there before the first request, and again after a restart',
  async (t) => {
    const test = await openTestHost(t, { idleMs: 50 });
    await test.deploy('ready', hello, { minWarm: 2 });
    await eventually('two instances', async () => (await instances(test)) === 2);
    t.equal((await test.request('/ready/')).text, 'hello');
    t.match(await test.host.usage('ready'), [{ invocations: 1, cold: 0 }], 'the first request found one');
    t.equal((await evictions(test))['idle'], 0, 'being idle does not end them');

    const next = await test.restart();
    await eventually('two instances', async () => (await instances(next)) === 2);
    t.equal((await next.request('/ready/')).text, 'hello');
    t.match(await next.host.usage('ready'), [{ invocations: 2, cold: 0 }]);
  },
);

await t.test('warm: an instance that is idle for idleMs goes, and is counted', async (t) => {
  const test = await openTestHost(t, { idleMs: 100 });
  await test.deploy('short', hello);
  await test.request('/short/');
  await eventually('it goes', async () => ((await evictions(test))['idle'] ?? 0) > 0);
  t.equal(await instances(test), 0);
  t.equal((await test.request('/short/')).status, 200, 'the next request starts another');
  t.match(await test.host.usage('short'), [{ invocations: 2, cold: 2 }]);
  t.match(await test.host.metrics(), /islet_evictions_total\{cordon="default",reason="idle"\} [1-9]/);
});

await t.test('warm: instances of an old version go as replaced, ones that spin as unhealthy', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('moves', hello);
  await test.request('/moves/');
  await test.deploy('moves', `${hello}//2`);
  await test.request('/moves/');
  await eventually('the old one goes', async () => ((await evictions(test))['replaced'] ?? 0) > 0);
  t.equal((await evictions(test))['unhealthy'], 0);

  await test.deploy('spins', 'export default { fetch() { for (;;); } };', { limits: { cpuMs: 50 } });
  t.equal((await test.request('/spins/')).status, 503);
  await eventually('it goes', async () => ((await evictions(test))['unhealthy'] ?? 0) > 0);
  const metrics = await test.host.metrics();
  for (const reason of ['replaced', 'unhealthy'])
    t.match(metrics, new RegExp(`islet_evictions_total\\{cordon="default",reason="${reason}"\\} [1-9]`));
});

await t.test(
  'warm: when bytes run out the least recently used function makes room, and is counted',
  async (t) => {
    const test = await openTestHost(t, { warmBytes: 4 * 2 ** 20, idleMs: 600_000 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) {
      await test.deploy(name, hello);
      t.equal((await test.request(`/${name}/`)).text, 'hello');
    }
    const { full = 0 } = await evictions(test);
    t.ok(full > 0, `${full} made room`);
    t.ok((await instances(test)) < names.length);
    for (const name of names) t.equal((await test.request(`/${name}/`)).text, 'hello');
  },
);

await t.test(
  'cold: the first request after a deployment, and after a restart, has compiled code',
  async (t) => {
    const dir = await temporaryDir(t);
    const cached: boolean[] = [];
    const open = () => createHost({ dir, cells: 1 }, { started: (_, report) => cached.push(report.cached) });
    const first = await open();
    t.teardown(() => first.close());
    await first.deploy({ files: { 'index.js': hello } }, { name: 'hello' });
    cached.length = 0;
    t.equal((await first.fetch('hello', new Request('http://hello/'))).status, 200);
    // Told after the answer that the start was made for.
    await eventually('the start is told', () => cached.length > 0);
    t.same(cached, [true]);
    await first.close();
    const second = await open();
    t.teardown(() => second.close());
    t.equal((await second.fetch('hello', new Request('http://hello/'))).status, 200);
    await eventually('the start is told', () => cached.length > 1);
    t.same(cached, [true, true]);
  },
);
