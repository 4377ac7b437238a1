import { defaultEgress } from '#runtime/deployment.ts';
import t from 'tap';
import { join } from 'node:path';
import { Channel, memoryPipes } from '#runtime/channel.ts';
import type { DeploymentHead, DeploymentId, FunctionName } from '#runtime/deployment.ts';
import { Frame, longestToCell } from '#runtime/frames.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { CellClient } from '#host/cells/cell-client.ts';
import { CodeCache } from '#host/cells/code-cache.ts';
import { WasmCache } from '#host/cells/wasm-cache.ts';
import { WasmCompiler } from '#host/cells/wasm-compiler.ts';
import { HostInstance } from '#host/dispatch/host-instance.ts';
import { usual } from '#host/dispatch/start-texts.ts';
import { Invocation } from '#host/dispatch/invocation.ts';
import { Pool } from '#host/dispatch/pool.ts';
import { Starter } from '#host/dispatch/starter.ts';
import { eventually, openTestHost, temporaryDir, type TestHost } from '#test/support/host.ts';

const hello = `export default { fetch: () => new Response('hello') }`;

const head: DeploymentHead = {
  id: 'a'.repeat(32) as DeploymentId,
  function: 'x' as FunctionName,
  version: 1,
  limits: defaultLimits,
  bindings: [],
  vars: {},
  cordon: 'x',
  minWarm: 0,
  routes: [],
  access: [],
  egress: defaultEgress,
  createdAt: 0,
};

void t.test('lifetimes: minWarm holds again after its cell was killed', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('kept', hello, { minWarm: 1 });
  await eventually('it is warm', async () => (await instances(test)) === 1);
  const [before] = (await test.host.health()).cells;
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await eventually('it is warm in the next cell', async () => {
    const { cells } = await test.host.health();
    return cells.length === 1 && cells[0]?.pid !== before?.pid && (await instances(test)) === 1;
  });
  t.pass('without a call');
});

void t.test('lifetimes: a POST that comes as its instance goes for being idle is answered', async (t) => {
  const test = await openTestHost(t, { idleMs: 4 });
  await test.deploy(
    'brief',
    `export default { async fetch(request) {
    return new Response(await request.text());
  } }`,
  );
  const body = 'x'.repeat(300_000);
  for (let round = 0; round < 40; round++) {
    const { status, text } = await test.request('/brief/', { method: 'POST', body });
    if (status !== 200 || text !== body) t.fail(`round ${round}: ${status}, ${text.length} characters`);
    await new Promise((resolve) => setTimeout(resolve, round % 16));
  }
  t.pass('40 times');
});

void t.test('lifetimes: a loop that outlives its wall clock does not hold its instance', async (t) => {
  const test = await openTestHost(t);
  await test.deploy(
    'stuck',
    `export default { fetch(request) {
      if (request.url.endsWith('loop')) for (;;);
      return new Response('free');
    } }`,
    { limits: { wallMs: 300, cpuMs: 60_000 } },
  );
  t.equal((await test.request('/stuck/loop')).status, 504);
  await eventually(
    'the next call is answered',
    async () => (await test.request('/stuck/')).status === 200,
    5000,
  );
  t.pass('long before the loop has used its CPU');
});

void t.test('lifetimes: a function that hands over too much at once ends alone', async (t) => {
  const test = await openTestHost(t);
  const limits = { memoryMb: 1024, cpuMs: 20_000 };
  await test.deploy('large', `export const handler = async () => 'x'.repeat(70e6)`, { limits });
  await test.deploy('beside', hello);
  t.equal((await test.request('/beside/')).status, 200);
  const [before] = (await test.host.health()).cells;
  const { outcome } = await test.host.invoke('large', {});
  t.match(outcome, { kind: 'threw', error: { name: 'RangeError', phase: 'result' } });
  t.equal((await test.request('/beside/')).status, 200);
  t.equal((await test.host.health()).cells[0]?.pid, before?.pid, 'in the same cell');
});

void t.test('lifetimes: a call that waits for the code of an instance just let go is begun', async (t) => {
  const { far, near } = memoryPipes();
  const sent: number[] = [];
  const cell = new Channel(far, longestToCell, {
    frame: (type) => sent.push(type),
    turn: () => undefined,
    closed: () => undefined,
  });
  const events = { ready: () => undefined, condemned: () => undefined, closed: () => undefined };
  const client = new CellClient(
    { pid: 1, pipe: near, kill: () => undefined, lastWords: () => '' },
    'x',
    events,
  );
  const fail = (): void => {
    t.fail('not expected here');
  };
  const dir = await temporaryDir(t);
  const starter = new Starter({
    codeCache: new CodeCache(dir, async () => undefined),
    wasmCache: new WasmCache(join(dir, 'wasm'), new WasmCompiler()),
    agent: 'test',
    started: () => undefined,
    failed: fail,
  });
  const load = async () => ({ kind: 'script' as const, source: hello });
  const target = { deployment: head, secrets: {}, key: 'x', load };
  const instance = new HostInstance(client, usual);
  let closing = false;
  const owner = {
    place: fail,
    messages: fail,
    log: fail,
    over: () => (closing ? undefined : fail()),
    failed: fail,
  };
  const call = { kind: 'event', event: '{}' } as const;
  const sink = {
    head: fail,
    chunk: fail,
    end: fail,
    wants: fail,
    done: () => (closing ? undefined : fail()),
  };
  const invocation = new Invocation(owner, new Pool(target, new Map()), call, { id: 'x', sink });
  invocation.join(instance);
  instance.waiting.add(invocation);
  starter.load(target, instance, {
    loading: () => invocation.begin(instance),
    loaded: fail,
    notLoaded: fail,
    gone: fail,
    // The end of this test is the end of the cell.
    lost: () => undefined,
    log: fail,
  });
  instance.state = 'gone';
  await eventually('the cell has its orders', () => sent.length === 3);
  t.same(sent, [Frame.Load, Frame.Begin, Frame.Retire]);
  closing = true;
  cell.close();
});

void t.test('lifetimes: log lines without text are not free', async (t) => {
  const test = await openTestHost(t);
  await test.deploy(
    'empty',
    `export default { fetch() {
    for (let i = 0; i < 5000; i++) console.log('');
    return new Response('logged');
  } }`,
    { limits: { logBytes: 1000, cpuMs: 5000 } },
  );
  const { status, headers } = await test.request('/empty/');
  t.equal(status, 503);
  t.same(headers['x-islet-error'], ['ERR_LIMIT_LOG']);
});

async function instances({ host }: TestHost): Promise<number> {
  const { cells } = await host.health();
  return cells.reduce((sum, cell) => sum + cell.instances, 0);
}
