import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import type { Limits } from '#runtime/limits.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost, TestRequest } from '#test/support/host.ts';
import { command } from '#test/support/wasm-command.ts';
import { withoutAddon } from '#test/support/wasm.ts';

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

type Call = (letter: string, options?: TestRequest) => Promise<Answer>;

/** Deploys test/support/wasm-command.ts under a name of its own with these limits; gives how to call it. */
async function deploy(test: TestHost, name: string, limits: Partial<Limits>, more?: string): Promise<Call> {
  const module = command(more === undefined ? undefined : { letter: 'x', body: more });
  await test.host.deploy({ files: { 'main.wat': module } }, { name, manifest: { limits } });
  return async (letter, options) => {
    const { status, headers, text } = await test.request(`/${name}/${letter}`, options);
    return { status, code: headers['x-islet-error']?.[0], text };
  };
}

/** A call whose request body does not end until its client says so. */
async function open(test: TestHost, name: string): Promise<ReturnType<TestHost['client']>> {
  const client = test.client();
  client.send(`POST /${name}/e HTTP/1.1`, 'host: x', 'transfer-encoding: chunked');
  client.write('4', 'open', '');
  await client.until('open');
  return client;
}

const law = (name: string, body: (t: Test, test: TestHost) => Promise<void>): void =>
  void t.test(`command limits: ${name}`, { skip: withoutAddon }, async (t) => {
    await body(t, await openTestHost(t));
  });

law('memory: a page less is had, a page more ends the call, and others do not notice', async (t, test) => {
  // Two pages are there from the start; the table takes 8 bytes.
  const takes = (pages: number): string =>
    `(if (i32.eq (memory.grow (i32.const ${pages - 2})) (i32.const -1)) (then unreachable))`;
  const limits = { memoryMb: 16, cpuMs: 10_000 };
  const within = await deploy(test, 'within', limits, takes(255));
  const beyond = await deploy(test, 'beyond', limits, takes(256));
  t.match(await within('x'), { status: 200, text: 'hello' });
  const [over, beside] = await Promise.all([beyond('x'), within('')]);
  t.match(over, { status: 503, code: 'ERR_LIMIT_MEMORY' });
  t.match(beside, { status: 200 });
  t.match(await beyond(''), { status: 200 }, 'the function answers again');
});

law('cpu is counted, not waited for', async (t, test) => {
  const call = await deploy(test, 'cpu', { cpuMs: 40 });
  const waits = await open(test, 'cpu');
  const [loop, beside] = await Promise.all([call('l'), call('')]);
  t.match(loop, { status: 503, code: 'ERR_LIMIT_CPU' });
  t.match(beside, { status: 200 }, 'the function answers meanwhile');
  await sleep(200);
  waits.write('4', 'late', '0', '', '');
  await waits.until('late');
  await waits.until('\r\n0\r\n');
  t.pass('who only waited ends well');
});

law('wall clock, for who waits and for who computes', async (t, test) => {
  const call = await deploy(test, 'wall', { wallMs: 700, cpuMs: 10_000 }, '(drop (call $read))');
  t.match(await call('l'), { status: 504, code: 'ERR_LIMIT_WALL' });
  const waits = test.client();
  waits.send('POST /wall/x HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
  const { status, header } = await waits.response();
  t.same([status, header('x-islet-error')], [504, 'ERR_LIMIT_WALL'], 'a body that does not come');
  t.match(await call('x', { method: 'POST', body: 'it does' }), { status: 200, text: 'hello' });
});

law('body sizes: at the limit, and one byte over', async (t, test) => {
  const call = await deploy(test, 'taken', { requestBodyBytes: 5000 });
  const post = (bytes: number): TestRequest => ({ method: 'POST', body: Buffer.alloc(bytes, 'x') });
  t.match(await call('e', post(5000)), { status: 200, text: 'x'.repeat(5000) });
  t.match(await call('e', post(5001)), { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' });
  const given = await deploy(test, 'given', { responseBodyBytes: 5000 });
  t.match(await given('e', post(5000)), { status: 200, text: 'x'.repeat(5000) });
  t.match(await given('e', post(5001)), { status: 502, code: 'ERR_LIMIT_RESPONSE_BODY' });
  await t.rejects(given('b'), 'a response without end is broken off');
  t.match(await given(''), { status: 200 });
});

law('log bytes', async (t, test) => {
  // 100 lines of 10 bytes.
  const within = await deploy(test, 'within', { logBytes: 10_000 });
  t.match(await within('o'), { status: 200, text: 'hello' });
  const beyond = await deploy(test, 'beyond', { logBytes: 900 });
  t.match(await beyond('o'), { status: 503, code: 'ERR_LIMIT_LOG' });
  t.match(await beyond(''), { status: 200 });
});

law('concurrency', async (t, test) => {
  const call = await deploy(test, 'few', { concurrency: 2 });
  const [one, other] = [await open(test, 'few'), await open(test, 'few')];
  t.match(await call(''), { status: 503, code: 'ERR_LIMIT_CONCURRENCY' });
  one.write('0', '', '');
  await one.until('\r\n0\r\n');
  await eventually('its place is free', async () => (await call('')).status === 200);
  other.write('0', '', '');
  await other.until('\r\n0\r\n');
});

law('a cell that dies takes nothing along but what was under way', async (t, test) => {
  const call = await deploy(test, 'dies', {}, '(drop (call $read))');
  await call('');
  const sent = test.client();
  sent.send('POST /dies/x HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
  const underWay = async (): Promise<boolean> =>
    (await test.host.health()).cells.some(({ inFlight }) => inFlight === 1);
  await eventually('it is under way', underWay);
  for (const { pid } of (await test.host.health()).cells) process.kill(pid, 'SIGKILL');
  const { status, header } = await sent.response();
  t.same([status, header('x-islet-error')], [502, 'ERR_CELL_LOST']);
  t.match(await call(''), { status: 200 });
});
