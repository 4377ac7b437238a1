import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import type { Test } from 'tap';
import { eventually, isAlive, openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';

const kv = { bindings: { KV: { kind: 'kv', namespace: 'begun' } } };

await t.test('processes: a cell is killed with calls in it', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  await test.deployGuest('waits', 'waits.js', kv);
  await test.deployGuest('streams', 'streams-and-waits.js');
  await test.deployGuest('echo', 'lambda-echo.cjs');

  const idempotent = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
  const others = ['POST', 'PATCH'];
  const calls = [...idempotent, ...others].map(async (method) => ({
    method,
    response: await test.request('/waits/?ms=500', { method }),
  }));
  const streaming = test.client().send('GET /streams/ HTTP/1.1', 'host: x');
  await streaming.until('first piece');
  await begun(host, calls.length);
  const before = await pids(test);
  t.equal(before.length, 1);
  for (const pid of before) process.kill(pid, 'SIGKILL');

  for (const { method, response } of await Promise.all(calls)) {
    if (idempotent.includes(method)) {
      t.equal(response.status, 200, `${method} is sent once more and answered`);
      if (method !== 'HEAD') t.equal(response.text, `${method} waited`);
      continue;
    }
    t.equal(response.status, 502, `${method} is not`);
    t.same(response.headers['x-islet-error'], ['ERR_CELL_LOST']);
    t.match(JSON.parse(response.text), {
      error: { code: 'ERR_CELL_LOST', id: response.headers['x-islet-id']?.[0] },
    });
  }
  t.notMatch(await streaming.rest(), /0\r\n\r\n/, 'a response that had begun is broken off');

  t.equal((await test.request('/waits/', { method: 'POST' })).status, 200, 'the next call works');
  const after = await pids(test);
  t.equal(after.length, 1);
  t.not(after[0], before[0], 'in another process');
  t.match(await host.invoke('echo', 1), { outcome: { kind: 'returned' } }, 'and so does the next event');
  t.ok(
    test.log.some(({ level, message }) => level === 'warn' && message.includes(`${before[0]}`)),
    'the operator is told',
  );
  const usage = (await host.usage('waits')).find((row) => row.outcomes['crashed'] !== undefined);
  t.match(usage, { outcomes: { crashed: 2 } });
});

await t.test('processes: an idle cell that is killed costs nobody anything', async (t) => {
  const test = await openTestHost(t, { cells: 2 });
  await test.deployGuest('waits', 'waits.js');
  for (let round = 0; round < 4; round++) {
    t.equal((await test.request('/waits/')).status, 200);
    const all = await pids(test);
    const victim = all[round % all.length];
    if (victim !== undefined) process.kill(victim, 'SIGKILL');
    t.equal((await test.request('/waits/')).status, 200, 'at once');
    t.equal((await test.request('/waits/', { method: 'POST' })).status, 200);
  }
  await eventually('there are two cells again', async () => {
    const { cells } = await test.host.health();
    return cells.length === 2 && cells.every((cell) => cell.state === 'ready');
  });
});

await t.test('processes: functions of different cordons never share a cell', async (t) => {
  const test = await openTestHost(t, { cells: 2 });
  await test.deployGuest('one', 'waits.js', { cordon: 'red' });
  await test.deployGuest('two', 'waits.js', { cordon: 'blue' });
  await test.deployGuest('three', 'waits.js');
  for (const name of ['one', 'two', 'three']) t.equal((await test.request(`/${name}/`)).status, 200);
  const cells = await eventually('three cells say what runs in them', async () => {
    const { cells } = await test.host.health();
    return cells.filter(({ instances }) => instances > 0).length === 3 ? cells : undefined;
  });
  const cordonOf = new Map(cells.map(({ pid, cordon }) => [pid, cordon]));
  t.equal(cordonOf.size, cells.length, 'each process belongs to one cordon');
  t.same([...new Set(cordonOf.values())].sort(), ['blue', 'default', 'red']);
  for (const { cordon, pid } of cells.filter((cell) => cell.cordon !== 'default')) {
    const others = cells.filter((cell) => cell.cordon !== cordon && cell.instances > 0);
    process.kill(pid, 'SIGKILL');
    t.ok(others.length > 0);
  }
  t.equal((await test.request('/three/')).status, 200, 'the others do not notice');
  t.equal((await test.request('/one/')).status, 200);
});

await t.test('processes: a cell has no disk, no network, no environment', { skip: !hasProc() }, async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('waits', 'waits.js');
  await test.request('/waits/');
  for (const pid of await pids(test)) {
    t.equal(readFileSync(`/proc/${pid}/environ`, 'utf8'), '', 'no environment');
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    t.ok(line.includes('--permission'));
    t.notOk(line.some((word) => /--allow-(?:fs-write|child-process|worker|net)/.test(word)));
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    t.same(
      open.filter((target) => target.startsWith('/') && target !== '/dev/null'),
      [],
      'no file is open',
    );
    t.equal(open.filter((target) => target.startsWith('socket:')).length, 2, 'the channel and stderr');
  }
});

await t.test('processes: no cell outlives its host', async (t) => {
  await t.test('that is killed', async (t) => {
    const service = await startService(t, {}, ['waits=waits.js={"cordon":"red"}']);
    t.ok(service.pids.length >= 2, 'a cell of the default cordon and a red one');
    t.ok(service.pids.every(isAlive));
    service.child.kill('SIGKILL');
    for (const pid of service.pids) {
      await eventually(`cell ${pid} ends`, () => !isAlive(pid) || isZombie(pid));
      t.pass('a cell has ended');
    }
  });

  await t.test('that is closed', async (t) => {
    const service = await startService(t, {}, ['waits=waits.js']);
    service.child.kill('SIGTERM');
    t.equal(await service.exited, 0, 'nothing holds the service');
    for (const pid of service.pids)
      await eventually(`cell ${pid} ends`, () => !isAlive(pid) || isZombie(pid));
  });

  await t.test('that exits without closing it', async (t) => {
    const service = await startService(t, {}, ['waits=waits.js']);
    service.child.kill('SIGUSR2');
    t.equal(await service.exited, 7);
    for (const pid of service.pids)
      await eventually(`cell ${pid} ends`, () => !isAlive(pid) || isZombie(pid));
  });
});

await t.test('processes: what a guest was told is stored survives kill -9 of the host', async (t) => {
  const service = await startService(t, {}, ['keeps=keeps-value.js={"bindings":{"KV":{"kind":"kv"}}}']);
  const acknowledged: string[] = [];
  const put = async (key: string): Promise<void> => {
    const response = await fetch(`${service.url}/keeps/${key}`, { method: 'PUT', body: `value of ${key}` });
    if (response.ok) acknowledged.push(key);
    await response.text();
  };
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; ; i++) await put(`${writer}-${i}`);
  });
  const stopped = Promise.allSettled(writers);
  await eventually('100 puts are acknowledged', () => acknowledged.length >= 100);
  service.child.kill('SIGKILL');
  await stopped;
  await service.exited;
  const keys = [...acknowledged];
  const next = await openTestHost(t, { dir: service.dir });
  for (const key of keys) {
    const { text } = await next.request(`/keeps/${key}`);
    if (text !== `value of ${key}`) t.fail(`${key} is gone`);
  }
  t.pass(`${keys.length} of ${keys.length} are there`);
});

await t.test('processes: isolation "none" runs the same guests in the process itself', async (t) => {
  const guests = [
    'counted=counts-starts.js',
    'shows=shows-request.js={"vars":{"MARK":"none"}}',
    'lambda=lambda-module.js',
  ];
  const service = await startService(t, { isolation: 'none' }, guests);
  t.equal(service.isolation, 'L0');
  t.same([...new Set(service.pids)], [service.child.pid], 'there is no other process');
  const get = async (path: string, init?: RequestInit): Promise<Response> => fetch(service.url + path, init);
  t.match(await (await get('/counted/')).json(), { starts: 1, calls: 1 });
  t.match(await (await get('/counted/')).json(), { starts: 1, calls: 2 });
  t.match(await (await get('/shows/x', { method: 'POST', body: 'sent' })).json(), {
    mark: 'none',
    method: 'POST',
    body: 'sent',
  });
  t.equal(await (await get('/lambda/y')).text(), 'module /y');
  service.child.kill('SIGTERM');
  t.equal(await service.exited, 0);
});

interface Service {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly dir: string;
  readonly url: string;
  readonly isolation: string;
  readonly pids: readonly number[];
}

async function startService(t: Test, options: object, guests: readonly string[]): Promise<Service> {
  const dir = await temporaryDir(t);
  const program = join(import.meta.dirname, '../support/service.ts');
  const given = JSON.stringify({ dir, cells: 1, ...options });
  const child = spawn(process.execPath, ['--no-node-snapshot', program, given, ...guests], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, exited, dir, ...(JSON.parse(line) as Pick<Service, 'url' | 'isolation' | 'pids'>) };
  }
  throw new Error(`the service ended with ${await exited} before it listened`);
}

async function begun(host: TestHost['host'], count: number): Promise<void> {
  await eventually(`${count} calls have begun`, async () =>
    (await host.kv.list('begun')).keys.length >= count ? true : undefined,
  );
}

async function pids({ host }: TestHost): Promise<readonly number[]> {
  return (await host.health()).cells.map((cell) => cell.pid);
}

function hasProc(): boolean {
  try {
    return readFileSync('/proc/self/stat', 'utf8').length > 0;
  } catch {
    return false;
  }
}

/** A process that ended and whose parent has not asked yet; an orphan's is init. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
