import t from 'tap';
import type { Test } from 'tap';
import type { Limits } from '#runtime/limits.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost, TestRequest } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import { buildGuest, guestOrSkip, watGuest } from '#test/support/wasm-guests.ts';

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

type Call = (query: string, options?: TestRequest) => Promise<Answer>;

/** Deploys the C guest under a name of its own with these limits; gives how to call it. */
async function deploy(test: TestHost, name: string, limits: Partial<Limits>): Promise<Call> {
  const built = await buildGuest('c/cgi');
  if (built.kind === 'missing') throw new Error(built.missing);
  await test.host.deploy(built.file, { name, manifest: { limits } });
  return async (query, options) => {
    const { status, headers, text } = await test.request(`/${name}/?act=${query}`, options);
    return { status, code: headers['x-islet-error']?.[0], text };
  };
}

const law = (name: string, body: (t: Test, test: TestHost) => Promise<void>): void =>
  void t.test(`wasm limits: ${name}`, { skip: withoutAddon }, async (t) => {
    if ((await guestOrSkip(t, 'c/cgi')) !== undefined) await body(t, await openTestHost(t));
  });

law('memory', async (t, test) => {
  const call = await deploy(test, 'memory', { memoryMb: 32, cpuMs: 10_000 });
  const witness = await deploy(test, 'witness', {});
  t.match(await call('take&n=20'), { status: 200, text: 'taken' }, 'under: 20 MB of 32');
  t.match(await call('take&n=40'), { status: 200, text: 'not enough' }, 'over: it is told so, and goes on');
  t.match(await call('grow'), { status: 503, code: 'ERR_LIMIT_MEMORY' }, 'over: it gives up');
  t.match(await witness(''), { status: 200 }, 'others keep answering');
  await test.host.deploy(watGuest('grows-table'), {
    name: 'table',
    manifest: { limits: { memoryMb: 32, cpuMs: 10_000 } },
  });
  const { status, headers } = await test.request('/table/');
  t.same([status, headers['x-islet-error']], [503, ['ERR_LIMIT_MEMORY']], 'tables count');
  t.match(await call('take&n=20'), { status: 200 }, 'the function answers again');
});

law('cpu is counted, not waited for', async (t, test) => {
  const free = await deploy(test, 'free', { cpuMs: 60_000 });
  await free('burn&n=20');
  const before = await cpuOf(test, 'free');
  for (let i = 0; i < 3; i++) await free('burn&n=20');
  const millionMs = ((await cpuOf(test, 'free')) - before) / 60;
  const budget = 200;
  const millions = (share: number): number => Math.max(1, Math.round((budget * share) / millionMs));
  const call = await deploy(test, 'cpu', { cpuMs: budget });
  t.match(await call(`burn&n=${millions(0.5)}`), { status: 200 }, 'under: half the budget');
  t.match(
    await call(`burn&n=${millions(2)}`),
    { status: 503, code: 'ERR_LIMIT_CPU' },
    'over: twice the budget',
  );
  t.match(await call('sleep&n=500'), { status: 200, text: 'slept' }, 'waiting is free');
  const [loop, beside] = await Promise.all([call('loop'), call('')]);
  t.match([loop.code, beside.status], ['ERR_LIMIT_CPU', 200], 'the function answers meanwhile');
});

law('wall clock', async (t, test) => {
  const call = await deploy(test, 'wall', { wallMs: 1000, cpuMs: 10_000 });
  t.match(await call('sleep&n=10'), { status: 200 }, 'under');
  t.match(await call('sleep&n=3000'), { status: 504, code: 'ERR_LIMIT_WALL' }, 'over');
  const body = Buffer.alloc(2 ** 20);
  t.match(
    await call('never-reads', { method: 'POST', body }),
    { status: 504, code: 'ERR_LIMIT_WALL' },
    'a body that nobody reads',
  );
  t.match(await call(''), { status: 200 });
});

law('body sizes', async (t, test) => {
  const call = await deploy(test, 'bodies', { requestBodyBytes: 5000, responseBodyBytes: 5000 });
  const post = (bytes: number) => call('count', { method: 'POST', body: new Uint8Array(bytes) });
  t.match(await post(5000), { status: 200, text: '5000' }, 'request: at the limit');
  t.match(await post(5001), { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' }, 'request: one byte over');
  t.match(await call('body&n=5000'), { status: 200, text: 'x'.repeat(5000) }, 'response: at the limit');
  t.match(
    await call('body&n=5001'),
    { status: 502, code: 'ERR_LIMIT_RESPONSE_BODY' },
    'response: one byte over, its head not sent yet',
  );
  await t.rejects(call('flood'), 'a response without end is broken off');
  t.match(await call(''), { status: 200 });
});

law('log bytes', async (t, test) => {
  const call = await deploy(test, 'logs', { logBytes: 2000, cpuMs: 10_000 });
  t.match(await call('log&n=1000'), { status: 200, text: 'logged' }, 'under');
  t.match(await call('log&n=100000'), { status: 503, code: 'ERR_LIMIT_LOG' }, 'over');
});

law('subrequests', async (t, test) => {
  const bindings = { KV: { kind: 'kv' } };
  for (const [subrequests, status] of [
    [1, 200],
    [0, 503],
  ] as const) {
    await test.host.deploy(watGuest('counter'), {
      name: `counter-${subrequests}`,
      manifest: { bindings, limits: { subrequests } },
    });
    const answer = await test.request(`/counter-${subrequests}/`);
    t.equal(answer.status, status, `${subrequests} allowed, one made`);
    t.equal(answer.headers['x-islet-error']?.[0], status === 200 ? undefined : 'ERR_LIMIT_SUBREQUESTS');
  }
});

law('concurrency', async (t, test) => {
  const call = await deploy(test, 'few', { concurrency: 2 });
  const all = await Promise.all(['sleep&n=500', 'sleep&n=500', 'sleep&n=500'].map((act) => call(act)));
  t.same(
    all.map(({ status }) => status).sort((a, b) => a - b),
    [200, 200, 503],
  );
  t.ok(all.some(({ code }) => code === 'ERR_LIMIT_CONCURRENCY'));
  t.match(await call(''), { status: 200 });
});

law('a cell that dies takes nothing along but what was under way', async (t, test) => {
  const call = await deploy(test, 'sleeps', {});
  await call('');
  const get = call('sleep&n=700');
  const post = call('sleep&n=700', { method: 'POST' });
  const underWay = async () => (await test.host.health()).cells.some(({ inFlight }) => inFlight === 2);
  await eventually('both calls are under way', underWay);
  for (const { pid } of (await test.host.health()).cells) process.kill(pid, 'SIGKILL');
  t.match(await get, { status: 200, text: 'slept' }, 'a GET is sent once more');
  t.match(await post, { status: 502, code: 'ERR_CELL_LOST' }, 'a POST is not');
  t.match(await call(''), { status: 200 });
});

async function cpuOf({ host }: TestHost, name: string): Promise<number> {
  return (await host.usage(name)).reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}
