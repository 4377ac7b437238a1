import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

const source = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/throws') throw new Error('as asked');
    await env.KV.put('a', 'b');
    await env.KV.get('a');
    const text = await request.text();
    let x = 1;
    for (let i = 0; i < 3e6; i++) x = (x * 3 + i) % 1000003;
    return new Response(text + text, { headers: { 'x-sum': String(x) } });
  },
};`;
const manifest = { limits: { memoryMb: 64, cpuMs: 5000 }, bindings: { KV: { kind: 'kv' } } };

await t.test('meter: what calls took is summed by function, version and outcome', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shop', source, manifest);
  const post = { method: 'POST', body: 'twelve bytes' };
  t.equal((await test.request('/shop/', post)).status, 200);
  t.equal((await test.request('/shop/', post)).status, 200);
  t.equal((await test.request('/shop/throws')).status, 500);
  await test.deploy('shop', `${source}\n// newer`, manifest);
  t.equal((await test.request('/shop/', post)).status, 200);

  const [first, second, ...more] = await test.host.usage('shop');
  t.same(more, []);
  t.match(first, {
    function: 'shop',
    version: 1,
    invocations: 3,
    cold: 1,
    outcomes: { responded: 2, threw: 1 },
    bytesIn: 24,
    operations: 4,
  });
  t.ok((first?.bytesOut ?? 0) >= 48, 'bytes out');
  t.ok((first?.cpuMs ?? 0) > 0 && (first?.wallMs ?? 0) > 0, 'CPU and wall clock');
  t.ok((first?.peakMemoryBytes ?? 0) > 2 ** 20, 'memory');
  const gbSeconds = ((first?.wallMs ?? 0) / 1000) * (64 / 1024);
  t.ok(
    Math.abs((first?.gbSeconds ?? 0) - gbSeconds) < 1e-9,
    'GB-seconds are the memory limit times wall clock',
  );
  t.match(second, { version: 2, invocations: 1, outcomes: { responded: 1 } });
  t.equal((await test.host.usage()).length, 2);

  const next = await test.restart();
  t.same(await next.host.usage('shop'), [first, second], 'a restart keeps the sums');
});

await t.test('meter: an invocation tells its own usage', async (t) => {
  const { host } = await openTestHost(t);
  const handler = `exports.handler = async () => { await new Promise((done) => setTimeout(done, 30)); return 1; };`;
  await host.deploy({ files: { 'index.js': handler } }, { name: 'one' });
  const first = await host.invoke('one', {});
  t.match(first, { value: 1, usage: { cold: true, bytesIn: 2, operations: 0 } });
  t.ok(first.usage.wallMs > first.usage.cpuMs && first.usage.cpuMs > 0);
  t.ok(first.usage.peakMemoryBytes > 0);
  t.match((await host.invoke('one', {})).usage, { cold: false });
});

await t.test('meter: the same figures for Prometheus, behind the token', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shop', source, manifest);
  await test.request('/shop/');
  await test.request('/shop/throws');
  const text = await test.host.metrics();
  for (const line of [
    'islet_invocations_total{function="shop",version="1",outcome="responded"} 1',
    'islet_invocations_total{function="shop",version="1",outcome="threw"} 1',
    'islet_cold_starts_total{function="shop",version="1"} 1',
    'islet_operations_total{function="shop",version="1"} 2',
    'islet_cells{cordon="default",state="ready"} 1',
  ])
    t.ok(text.split('\n').includes(line), line);
  for (const name of ['islet_cpu_seconds_total', 'islet_gb_seconds_total', 'islet_peak_memory_bytes'])
    t.match(text, new RegExp(`^${name}\\{function="shop",version="1"\\} [0-9.e-]*[1-9]`, 'm'));
  t.equal((await fetch(`${test.adminUrl}/metrics`)).status, 401);
});

await t.test(
  'meter: a name that never was is ERR_NO_FUNCTION; figures of a deleted function stay',
  async (t) => {
    const test = await openTestHost(t);
    await t.rejects(test.host.usage('nobody'), { code: 'ERR_NO_FUNCTION' });
    await test.deploy('shop', source, manifest);
    t.same(await test.host.usage('shop'), [], 'no call yet');
    await test.request('/shop/');
    await test.host.delete('shop');
    t.match(await test.host.usage('shop'), [{ invocations: 1 }]);
  },
);
