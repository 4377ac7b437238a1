import { readFile } from 'node:fs/promises';
import t from 'tap';
import { eventually, openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import { watGuest } from '#test/support/wasm-guests.ts';

/** Guests written by hand: these tests need no tool. */
const deploy = (
  { host }: TestHost,
  name: string,
  guest: string,
  manifest: Readonly<Record<string, unknown>> = {},
) => host.deploy(watGuest(guest), { name, manifest });

/** A copy of the guest's text with other words in it: another version of the same function. */
async function variant(guest: string, from: string, to: string): Promise<{ files: { 'index.wat': string } }> {
  const text = await readFile(watGuest(guest), 'utf8');
  return { files: { 'index.wat': text.replace(from, to) } };
}

void t.test('wasm: guests by hand', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  const { host } = test;

  await t.test('wasm: a command and a component answer like a script', async (t) => {
    for (const [name, guest] of [
      ['command', 'cgi'],
      ['component', 'http'],
    ] as const) {
      t.match(await deploy(test, name, guest), { function: name, version: 1, weight: 100 });
      for (const path of [`/${name}/`, `/${name}/?again`, `/${name}@1/`]) {
        const { status, text } = await test.request(path);
        t.same({ status, text }, { status: 200, text: 'Hello World!' }, path);
      }
      const named = await test.request('/', { host: `${name}.localhost` });
      t.equal(named.text, 'Hello World!', 'by host name');
      const embedded = await host.fetch(name, new Request('http://x.localhost/'));
      t.equal(await embedded.text(), 'Hello World!', 'embedded');
    }
    t.same((await test.request('/command/')).headers['content-type'], ['text/plain']);
    const head = await test.request('/component/', { method: 'HEAD' });
    t.same([head.status, head.text], [200, '']);
  });

  await t.test('wasm: many calls at once, each with an instance of its own', async (t) => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const body = `body ${i}`;
        return (await test.request('/component/e', { method: 'POST', body })).text === body;
      }),
    );
    t.ok(answers.every(Boolean));
  });

  await t.test('wasm: an instance answers one request, or as many as the manifest says', async (t) => {
    const count = async (name: string): Promise<string> => {
      let seen = '';
      for (let i = 0; i < 7; i++) seen += (await test.request(`/${name}/c`)).text;
      return seen;
    };
    t.equal(await count('component'), '1111111');
    await deploy(test, 'reused', 'http', { wasm: { reuse: 3 } });
    t.equal(await count('reused'), '1231231');
    t.equal((await test.request('/reused/t')).status, 500);
    t.equal(await count('reused'), '1231231', 'one that failed is not used again');
    const bodies = Array.from({ length: 20 }, (_, i) => `body ${i}`);
    const echoed = await Promise.all(
      bodies.map(async (body) => (await test.request('/reused/e', { method: 'POST', body })).text),
    );
    t.same(echoed, bodies, 'at once, each call has its own');
  });

  await t.test('wasm: bodies stream both ways', async (t) => {
    const client = test.client();
    client.send('POST /component/e HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
    client.write('5', 'first', '');
    t.match(await client.until('first'), /^HTTP\/1\.1 200 /, 'an answer before the request is complete');
    client.write('6', 'second', '0', '', '');
    await client.until('second');
    const large = Buffer.alloc(3 * 2 ** 20, 'abcdefg');
    const { body } = await test.request('/component/e', { method: 'POST', body: large });
    t.ok(body.equals(large), '3 MB in and out again');
  });

  await t.test('wasm: a guest that misbehaves loses its own call only', async (t) => {
    const cases = [
      ['t', 500, 'ERR_GUEST_THREW'],
      ['r', 500, 'ERR_GUEST_THREW'],
      ['l', 503, 'ERR_LIMIT_CPU'],
      ['g', 503, 'ERR_LIMIT_MEMORY'],
      ['n', 500, 'ERR_GUEST_RESULT'],
    ] as const;
    for (const [act, status, code] of cases) {
      const [bad, good] = await Promise.all([test.request(`/component/${act}`), test.request('/component/')]);
      t.same([bad.status, bad.headers['x-islet-error']], [status, [code]], `/${act}`);
      t.equal(good.status, 200, `beside /${act}`);
    }
    const { cells } = await host.health();
    t.equal(cells.length, 1, 'the cell is still there');
    t.equal((await test.request('/command/')).status, 200);
    const logs: string[] = [];
    for await (const { message } of host.logs({ function: 'component', tail: 100 })) logs.push(message);
    t.ok(
      logs.some((line) => /unreachable/.test(line)),
      'the trap is in the log',
    );
  });

  await t.test('wasm: an answer without end is stopped at its limit, its input unread', async (t) => {
    await deploy(test, 'babbles', 'http', { limits: { responseBodyBytes: 100_000, cpuMs: 5000 } });
    const babble = test.request('/babbles/b', { method: 'POST', body: 'x'.repeat(2 ** 20) });
    await t.rejects(babble, 'broken off: the head had gone out');
    const client = test.client();
    client.send('GET /component/b HTTP/1.1', 'host: x');
    await client.until('bbbb');
    client.close();
    const ended = () =>
      host.usage('component').then((rows) => rows.some(({ outcomes }) => (outcomes['cancelled'] ?? 0) > 0));
    await eventually('the call of a client that went away ends', ended);
  });

  await t.test('wasm: the wall clock ends a component that computes, and one that waits', async (t) => {
    await deploy(test, 'wall', 'http', { limits: { wallMs: 700, cpuMs: 60_000 } });
    const { status, headers } = await test.request('/wall/l');
    t.same([status, headers['x-islet-error']], [504, ['ERR_LIMIT_WALL']]);
    const client = test.client();
    client.send('POST /wall/e HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
    client.write('4', 'open', '');
    await client.until('open\r\n');
    t.equal(await client.rest(), '', 'broken off without an end');
    t.equal((await test.request('/wall/')).text, 'Hello World!', 'the function answers again');
  });

  await t.test('wasm: events', async (t) => {
    await deploy(test, 'loop', 'events', { wasm: { protocol: 'events' } });
    for (const value of [2, 'é', { a: [null] }]) {
      t.match(await host.invoke('loop', value), { outcome: { kind: 'returned' }, value });
    }
    t.match(await host.invoke('loop', null), { outcome: { kind: 'threw' } }, 'a trap');
    t.match(await host.invoke('loop', 5), { outcome: { kind: 'returned' } }, 'the next finds another one');
    t.match(await host.invoke('loop', 0), { outcome: { kind: 'exceeded', limit: 'cpuMs' } });
    const [bad, good] = await Promise.all([host.invoke('loop', 0), host.invoke('loop', 7)]);
    t.match([bad.outcome.kind, good.outcome.kind], ['exceeded', 'returned']);
    t.match(await host.invoke('component', 1), { outcome: { kind: 'refused', reason: 'no-handler' } });
  });

  await t.test('wasm: a command counts in KV through the imports named islet', async (t) => {
    await deploy(test, 'counter', 'counter', { bindings: { KV: { kind: 'kv', namespace: 'counted' } } });
    for (const value of [1, 2])
      t.match(JSON.parse((await test.request('/counter/')).text), { ok: { value } });
    t.equal(
      Buffer.from((await host.kv.get('counted', 'calls'))?.value ?? []).toString(),
      '2',
      'the host sees the same',
    );
    await deploy(test, 'unbound', 'counter');
    t.match(JSON.parse((await test.request('/unbound/')).text), { error: { name: /./ } }, 'no such binding');
  });
});

void t.test('wasm: what cannot run is refused at deploy', { skip: withoutAddon }, async (t) => {
  const { host, request } = await openTestHost(t);
  const refused = async (guest: string, code: string): Promise<string> => {
    const error = await host.deploy(watGuest(guest), { name: 'refused' }).then(
      () => undefined,
      (reason: unknown) => reason as { code: string; message: string },
    );
    t.equal(error?.code, code, guest);
    return error?.message ?? '';
  };
  const unknown = await refused('unknown-import', 'ERR_BUILD');
  for (const missing of ['env::teleport', 'wasi_snapshot_preview1::fd_teleport'])
    t.match(unknown, missing, 'names what is missing');
  t.notMatch(unknown, 'fd_write', 'and nothing else');
  t.match(await refused('other-world', 'ERR_BUILD'), 'acme:gadgets/levers@1.0.0');
  await refused('reactor', 'ERR_BUILD');
  await refused('traps-at-start', 'ERR_DEPLOY_FAILED');
  const limits = { memoryMb: 32 };
  await t.rejects(host.deploy(watGuest('starts-with-too-much'), { name: 'refused', manifest: { limits } }), {
    code: 'ERR_DEPLOY_FAILED',
  });
  t.match(await host.deploy(watGuest('starts-with-too-much'), { name: 'fits' }), { version: 1 });
  t.equal((await request('/fits/')).status, 200);
  t.same(
    (await host.list()).map(({ name }) => name),
    ['fits'],
  );
});

void t.test('wasm: versions move, and a restart keeps them', { skip: withoutAddon }, async (t) => {
  const dir = await temporaryDir(t);
  const test = await openTestHost(t, { dir });
  const { host } = test;
  await deploy(test, 'shop', 'cgi');
  const second = await variant('cgi', 'Hello World!', 'Hello again!');
  const kept = await host.deploy(second, { name: 'shop', activate: false });
  t.equal((await test.request('/shop/')).text, 'Hello World!');
  t.equal((await test.request(kept.preview.path)).text, 'Hello again!', 'the preview');
  await host.setWeights('shop', { 1: 50, 2: 50 });
  const seen = new Set<string>();
  for (let i = 0; i < 200 && seen.size < 2; i++) seen.add((await test.request('/shop/')).text);
  t.equal(seen.size, 2, 'both versions answer');
  await host.setWeights('shop', { 2: 100 });
  t.match(await host.deploy(second, { name: 'shop' }), { version: 2 }, 'the same bytes are the same version');
  t.match(await host.rollback('shop', 1), { version: 1 });
  t.equal((await test.request('/shop/')).text, 'Hello World!');
  await host.deploy(
    { files: { 'index.js': 'export default { fetch: () => new Response("js") };' } },
    { name: 'shop' },
  );
  t.equal((await test.request('/shop/')).text, 'js', 'a script takes over');
  await host.rollback('shop', 2);

  const before = (await host.health()).cells.map(({ pid }) => pid);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  t.equal((await test.request('/shop/')).text, 'Hello again!', 'after the cell was killed');

  const next = await test.restart();
  t.equal((await next.request('/shop/')).text, 'Hello again!', 'after a restart');
  t.equal((await next.request('/shop@1/')).text, 'Hello World!');
  await next.host.delete('shop');
  t.equal((await next.request('/shop/')).status, 404);
});

void t.test('wasm: what calls took is metered', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  await deploy(test, 'shop', 'http', { limits: { memoryMb: 64 } });
  await test.request('/shop/e', { method: 'POST', body: 'twelve bytes' });
  await test.request('/shop/');
  await test.request('/shop/t');
  const [usage] = await test.host.usage('shop');
  t.match(usage, { invocations: 3, cold: 1, outcomes: { responded: 2, threw: 1 }, bytesIn: 12 });
  t.ok((usage?.cpuMs ?? 0) > 0, 'CPU');
  t.ok((usage?.peakMemoryBytes ?? 0) >= 65_536, 'memory');
  t.ok((usage?.bytesOut ?? 0) >= 24, 'bytes out');
  const gbSeconds = ((usage?.wallMs ?? 0) / 1000) * (64 / 1024);
  t.ok(Math.abs((usage?.gbSeconds ?? 0) - gbSeconds) < gbSeconds * 1e-9, 'GB-seconds');
});

void t.test("wasm: in the host's own process too", { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t, { isolation: 'none' });
  await deploy(test, 'component', 'http');
  await deploy(test, 'command', 'cgi');
  for (const name of ['component', 'command'])
    t.equal((await test.request(`/${name}/`)).text, 'Hello World!');
  t.equal((await test.request('/component/l')).status, 503);
  t.equal((await test.request('/component/')).status, 200);
});
