import t from 'tap';
import type { Test } from 'tap';
import { withoutAddon } from '#test/support/wasm.ts';
import { guestOrSkip } from '#test/support/wasm-guests.ts';
import { linesOf, openDeployed, openUpstream, stored, streams } from '#test/support/wasm-deployed.ts';

void t.test('components: JavaScript, wasi:http 0.2', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'component-js');
  if (test === undefined) return;
  const { host, name } = test;
  const ask = (path: string, options = {}) => test.request(`/${name}${path}`, options);
  const json = async (path: string, options = {}): Promise<unknown> =>
    JSON.parse((await ask(path, options)).text);

  await t.test('components: requests and responses', async (t) => {
    const headers = { 'content-type': ['text/plain'] };
    t.match(await ask('/'), { status: 200, text: 'Hello World!', headers });
    t.equal((await ask('/nothing')).status, 404);
    const sent = { 'x-say': 'hi', host: `${name}.localhost` };
    const seen = await test.request('/request', { method: 'POST', headers: sent, body: 'é' });
    t.match(JSON.parse(seen.text), {
      method: 'POST',
      url: new RegExp(`^http://${name}\\.localhost(:\\d+)?/request$`),
      say: 'hi',
      body: 'é',
    });
    const cookies = { 'set-cookie': ['a=1', 'b=2'] };
    t.match(await ask('/status'), { status: 418, text: 'short and stout', headers: cookies });
    for (let i = 0; i < 2; i++) t.equal((await ask('/calls')).text, '1', 'one instance answers one request');
  });

  await t.test('components: streams', async (t) => {
    t.equal((await ask('/stream')).text, '3\n2\n1\n');
    await streams(t, test, '/echo');
  });

  await t.test('components: wasi:keyvalue is the KV binding', async (t) => {
    t.match(await json('/kv?key=js', { method: 'POST', body: 'from a component' }), {
      before: null,
      after: 'from a component',
      exists: true,
      count: 2,
      older: 'from a component',
      many: [
        ['one', '1'],
        ['none', null],
        ['two', '2'],
      ],
      left: 0,
    });
    const again = await json('/kv?key=js', { method: 'POST', body: 'x' });
    t.match(again, { before: 'from a component', count: 4 });
    t.same(await json('/swap'), { current: 'first', failed: 'cas-failed', value: 'second' });
    t.equal((await ask('/no-store')).text, 'no-such-store');
    t.equal(await stored(test, 'js'), 'x', 'the host sees the same');
  });

  await t.test('components: wasi:config has vars and secrets', async (t) => {
    await host.secrets.put(name, 'SECRET', 'hidden');
    const all = { GREETING: 'hé', SECRET: 'hidden' };
    t.match(await json('/config'), { greeting: 'hé', missing: null, all });
  });

  await t.test('components: requests go out through the host', async (t) => {
    const upstream = await openUpstream(t);
    const fetched = await ask(`/fetch?url=${upstream}/y`, { method: 'POST', body: 'sent on' });
    t.match(fetched, { status: 203, text: 'POST /y sent on', headers: { 'x-upstream': ['yes'] } });
    t.equal((await ask('/fetch?url=http://127.0.0.1:1/')).status, 500, 'nobody listens there');
  });

  await t.test('components: three ways into the log', async (t) => {
    await ask('/log');
    const lines = await linesOf(test);
    for (const pattern of [/^warn .*through wasi:logging$/, /^log through stdout$/, /^error through stderr$/])
      t.ok(
        lines.some((line) => pattern.test(line)),
        String(pattern),
      );
  });

  await t.test('components: failures', async (t) => {
    await failures(t, ask, { '/throw': [500], '/recurse': [500], '/grow': [500, 503], '/never': [500] });
    t.match(await ask('/'), { status: 200 });
  });
});

void t.test('components: JavaScript, wasi:http 0.3', { skip: withoutAddon }, async (t) => {
  const test = await openDeployed(t, 'component-0.3', { limits: { cpuMs: 500, wallMs: 1000 } });
  if (test === undefined) return;
  const ask = (path: string, options = {}) => test.request(`/${test.name}${path}`, options);
  const headers = { 'content-type': ['text/plain'] };
  t.match(await ask('/'), { status: 200, text: 'hello', headers });
  t.equal((await ask('/x')).status, 404);
  await streams(t, test, '/echo');
  await failures(t, ask, { '/fail': [500], '/throw': [500], '/loop': [503], '/never': [500] });
  t.match(await ask('/'), { status: 200 });

  await t.test('components: 0.3, the wall clock', async (t) => {
    const { host, name } = test;
    const limits = { cpuMs: 60_000, wallMs: 1500, concurrency: 200 };
    await host.deploy((await guestOrSkip(t, 'component-0.3')) ?? '', { name, manifest: { limits } });
    t.match(await ask('/loop'), { status: 504, headers: { 'x-islet-error': ['ERR_LIMIT_WALL'] } });
    // More than there are places for stores: each is held until the host drops its call.
    const waiting = Array.from({ length: 150 }, async () => {
      const client = test.client();
      client.send(
        `POST /${name}/echo HTTP/1.1`,
        'host: x',
        'connection: close',
        'transfer-encoding: chunked',
      );
      client.write('4', 'open', '');
      return await client.rest();
    });
    const texts = await Promise.all(waiting);
    const begun = texts.filter((text) => text.endsWith('open\r\n'));
    const refused = texts.filter((text) => /^HTTP\/1\.1 504 [^]*ERR_LIMIT_WALL/.test(text));
    t.ok(begun.length > 50, `${begun.length} had begun and were broken off`);
    t.equal(begun.length + refused.length, texts.length, 'none passes for a whole answer');
    t.match(await ask('/'), { status: 200, text: 'hello' }, 'their places came back');
    t.equal((await host.health()).cells.length, 1);
  });
});

/** Each path answers with one of these statuses. */
async function failures(
  t: Test,
  ask: (path: string) => Promise<{ readonly status: number }>,
  expected: Readonly<Record<string, readonly number[]>>,
): Promise<void> {
  for (const [path, statuses] of Object.entries(expected)) {
    const { status } = await ask(path);
    t.ok(statuses.includes(status), `${path}: ${status}`);
  }
}
