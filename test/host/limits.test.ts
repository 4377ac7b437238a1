import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Limits } from '#runtime/limits.ts';
import { eventually, openTestHost, type TestHost } from '#test/support/host.ts';

const source = readFileSync(new URL('../guests/limits.js', import.meta.url), 'utf8');

interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly text: string;
  readonly retryAfter: string | null;
}

/** Deploys the guest under a name of its own with these limits; gives how to call it. */
async function guest(
  { host, url }: TestHost,
  name: string,
  limits: Partial<Limits>,
): Promise<(query: string, init?: RequestInit) => Promise<Answer>> {
  await host.deploy(
    { files: { 'index.js': source } },
    { name, manifest: { limits, bindings: { KV: { kind: 'kv' } }, egress: { private: ['127.0.0.1'] } } },
  );
  return async (query, init = {}) => {
    const response = await fetch(`${url}/${name}/?${query}`, init);
    return {
      status: response.status,
      code: response.headers.get('x-islet-error'),
      retryAfter: response.headers.get('retry-after'),
      text: await response.text().catch(() => 'broken off'),
    };
  };
}

void t.test('limits: memory', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'memory', { memoryMb: 32, cpuMs: 10_000 });
  const witness = await guest(test, 'witness', {});
  t.match(await call('act=array&n=8'), { status: 200, text: '8' }, 'under: 8 MB of arrays fit in 32');
  t.match(await call('act=array&n=64'), { status: 503, code: 'ERR_LIMIT_MEMORY' }, 'over: 64 MB of arrays');
  t.match(
    await call('act=strings&n=0'),
    { status: 503, code: 'ERR_LIMIT_MEMORY' },
    'over: strings without end',
  );
  t.match(await call('act=buffer&n=24'), { status: 200 }, 'under: a buffer of 24 MB');
  t.match(
    await call('act=buffer&n=33'),
    { status: 500, code: 'ERR_GUEST_THREW' },
    'over: a buffer of 33 MB is refused',
  );
  t.match(await call('act=resizable&n=24'), { status: 200 }, 'under: one that may grow to 24 MB');
  t.match(
    await call('act=resizable&n=33'),
    { status: 500, code: 'ERR_GUEST_THREW' },
    'over: a buffer that may grow to 33 MB is refused',
  );
  t.match(
    await call('act=recursion&n=0'),
    { status: 500, code: 'ERR_GUEST_THREW' },
    'endless recursion throws',
  );
  t.match(await witness('act=body&n=3'), { status: 200, text: 'xxx' }, 'others keep answering');
});

void t.test('limits: cpu is counted, not waited for', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const free = await guest(test, 'free', { cpuMs: 10_000 });
  await free('act=burn&n=200');
  await free('act=burn&n=200');
  const before = await cpuOf(test, 'free');
  for (let i = 0; i < 5; i++) await free('act=burn&n=200');
  const roundMs = ((await cpuOf(test, 'free')) - before) / 1000;
  const budget = 200;
  const rounds = (share: number): number => Math.round((budget * share) / roundMs);
  const call = await guest(test, 'cpu', { cpuMs: budget });
  // As warm as the one that was measured: cold code costs several times as much.
  for (let i = 0; i < 8; i++) await call(`act=burn&n=${rounds(0.1)}`);
  t.match(await call(`act=burn&n=${rounds(0.5)}`), { status: 200 }, 'under: half the budget');
  t.match(
    await call(`act=burn&n=${rounds(2)}`),
    { status: 503, code: 'ERR_LIMIT_CPU' },
    'over: twice the budget',
  );
  t.match(await call('act=wait&n=600'), { status: 200, text: 'waited' }, 'waiting is free');
  for (const act of ['loop', 'chain', 'rejectedLoop', 'timerLoop'])
    t.match(await call(`act=${act}`), { status: 503, code: 'ERR_LIMIT_CPU' }, `${act} ends`);
  t.match(await call('act=body&n=1'), { status: 200 }, 'the function answers again');
});

void t.test('limits: a neighbour of a spinning call keeps its answer', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'shared', { cpuMs: 100 });
  const other = await guest(test, 'other', { cpuMs: 100 });
  await call('act=body&n=1');
  const waiting = call('act=wait&n=900');
  await call('act=wait&n=20');
  const spinning = call('act=loop');
  t.match(await other('act=body&n=2'), { status: 200, text: 'xx' }, 'another function answers meanwhile');
  t.match(await spinning, { status: 503, code: 'ERR_LIMIT_CPU' });
  t.match(await waiting, { status: 200, text: 'waited' }, 'the same instance finishes its other call');
});

void t.test('limits: wall clock', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'wall', { wallMs: 1000 });
  t.match(await call('act=wait&n=10'), { status: 200 }, 'well under');
  t.match(await call('act=wait&n=600'), { status: 200 }, 'under');
  t.match(await call('act=wait&n=1100'), { status: 504, code: 'ERR_LIMIT_WALL' }, 'over');
  t.match(await call('act=never'), { status: 504, code: 'ERR_LIMIT_WALL' }, 'a promise that never settles');
});

void t.test('limits: work after the answer has the same wall clock', async (t) => {
  const { host, url } = await openTestHost(t, { cells: 1 });
  const source = `export default { fetch(request, env, ctx) {
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, Number(new URL(request.url).search.slice(1)))));
    return new Response('answered');
  } };`;
  await host.deploy(
    { files: { 'index.js': source } },
    { name: 'later', manifest: { limits: { wallMs: 1000 } } },
  );
  for (const ms of [600, 1100]) {
    const response = await fetch(`${url}/later/?${ms}`);
    t.equal(await response.text(), 'answered', 'the answer is there at once');
  }
  const outcomes = await eventually('both are over', async () => {
    const [usage] = await host.usage('later');
    return usage?.invocations === 2 ? usage.outcomes : undefined;
  });
  t.same(outcomes, { responded: 1, 'exceeded:wallMs': 1 });
});

void t.test('limits: start-up', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const files = (rounds: number) => ({
    'index.js': `let x = 1; for (let i = 0; i < ${rounds} * 1e6; i++) x = (x * 3 + i) % 1000003;
      export default { fetch: () => new Response(String(x)) };`,
  });
  const limits = { startupCpuMs: 300 };
  const deployed = await host.deploy({ files: files(1) }, { name: 'quick', manifest: { limits } });
  t.equal(deployed.version, 1, 'under');
  const over = host.deploy({ files: files(100_000) }, { name: 'slow', manifest: { limits } });
  await t.rejects(over, { code: 'ERR_DEPLOY_FAILED', message: /startupCpuMs/ }, 'over');
  const stuck = { 'index.js': 'await new Promise(() => {}); export default { fetch() {} };' };
  await t.rejects(
    host.deploy({ files: stuck }, { name: 'stuck' }),
    { code: 'ERR_DEPLOY_FAILED' },
    'never done',
  );
});

void t.test('limits: body sizes', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'bodies', { requestBodyBytes: 5000, responseBodyBytes: 5000 });
  const post = (bytes: number) => call('act=read', { method: 'POST', body: new Uint8Array(bytes) });
  const chunked = (bytes: number) =>
    call('act=read', {
      method: 'POST',
      duplex: 'half',
      body: new ReadableStream({
        start(controller) {
          for (let left = bytes; left > 0; left -= 1000)
            controller.enqueue(new Uint8Array(Math.min(left, 1000)));
          controller.close();
        },
      }),
    });
  t.match(await post(5000), { status: 200, text: '5000' }, 'request: at the limit');
  t.match(await post(5001), { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' }, 'request: one byte over');
  t.match(await chunked(5000), { status: 200, text: '5000' }, 'chunked request: at the limit');
  t.match(
    await chunked(5001),
    { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' },
    'chunked request: one byte over',
  );
  t.match(await call('act=body&n=5000'), { status: 200 }, 'response: at the limit');
  t.match(
    await call('act=body&n=5001'),
    { status: 502, code: 'ERR_LIMIT_RESPONSE_BODY' },
    'response: one byte over',
  );
  t.equal((await call('act=stream&n=5000')).text.length, 5000, 'streamed response: at the limit');
  t.not(
    (await call('act=stream&n=5001')).text.length,
    5001,
    'streamed response: one byte over is broken off',
  );
});

void t.test('limits: subrequests, log bytes', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'counts', { subrequests: 3, logBytes: 100 });
  t.match(await call('act=kv&n=3'), { status: 200, text: 'read' }, 'subrequests: at the limit');
  t.match(await call('act=kv&n=4'), { status: 503, code: 'ERR_LIMIT_SUBREQUESTS' }, 'subrequests: one over');
  t.match(await call('act=fetch&n=3'), { status: 200, text: 'fetched' }, 'fetch: at the limit');
  t.match(await call('act=fetch&n=4'), { status: 503, code: 'ERR_LIMIT_SUBREQUESTS' }, 'fetch: one over');
  t.match(await call('act=log&n=100'), { status: 200, text: 'logged' }, 'log: at the limit');
  t.match(await call('act=log&n=101'), { status: 503, code: 'ERR_LIMIT_LOG' }, 'log: one byte over');
});

void t.test('limits: concurrency', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'busy', { concurrency: 2 });
  await call('act=body&n=1');
  const first = [call('act=wait&n=1500'), call('act=wait&n=1500')];
  await new Promise((resolve) => setTimeout(resolve, 300));
  const third = await call('act=body&n=1');
  t.match(third, { status: 503, code: 'ERR_LIMIT_CONCURRENCY' }, 'one over');
  t.ok(Number(third.retryAfter) >= 1, 'with Retry-After');
  for (const answer of await Promise.all(first)) t.match(answer, { status: 200 }, 'at the limit');
  t.match(await call('act=body&n=1'), { status: 200 }, 'room again');
});

void t.test('limits: every one is named in the usage', async (t) => {
  const test = await openTestHost(t, { cells: 1 });
  const call = await guest(test, 'named', { cpuMs: 50, logBytes: 10 });
  await call('act=loop');
  await call('act=log&n=11');
  const [report] = await test.host.usage('named');
  t.match(report?.outcomes, { 'exceeded:cpuMs': 1, 'exceeded:logBytes': 1 });
});

async function cpuOf({ host }: TestHost, name: string): Promise<number> {
  return (await host.usage(name))[0]?.cpuMs ?? 0;
}
