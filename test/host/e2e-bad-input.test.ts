import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestResponse } from '#test/support/host.ts';

interface Expected {
  readonly status: number;
  readonly code: string;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const threw: Expected = { status: 500, code: 'ERR_GUEST_THREW' };
const garbage: Expected = { status: 500, code: 'ERR_GUEST_RESULT' };
const wall: Expected = { status: 504, code: 'ERR_LIMIT_WALL' };

await t.test('bad input: fetch handlers that give no Response', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('odd', 'odd-handlers.js', { limits: { wallMs: 300 } });
  const table: Record<string, Expected> = {
    '/nothing': garbage,
    '/null': garbage,
    '/text': garbage,
    '/number': garbage,
    '/plain': garbage,
    '/forged': garbage,
    '/subclass-of-nothing': garbage,
    '/used': garbage,
    '/error-response': garbage,
    '/throws': threw,
    '/throws-text': threw,
    '/throws-nothing': threw,
    '/rejects': threw,
    '/thenable': threw,
    '/unknown-path': threw,
    '/never': wall,
  };
  for (const [path, expected] of Object.entries(table)) {
    refusedAs(t, path, await test.request(`/odd${path}`), expected);
    t.match(await test.request('/odd/fine'), { status: 200, text: 'fine' }, `${path}: the next call is fine`);
  }
  t.equal((await test.request('/odd/twice')).text, 'shared');
  refusedAs(t, '/twice', await test.request('/odd/twice'), garbage);

  const lines = await Array.fromAsync(test.host.logs({ function: 'odd', tail: 1000 }));
  t.ok(
    lines.some(({ level, message }) => level === 'error' && message.includes('secret words')),
    "the function's own log says why",
  );
});

await t.test('bad input: a thrown value whose own getters throw and loop', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('odd', 'odd-handlers.js', { limits: { wallMs: 2000 } });
  const { status } = await test.request('/odd/throws-hostile');
  t.ok(status === 500 || status === 503 || status === 504, `a coded answer: ${status}`);
  t.match(await test.request('/odd/fine'), { status: 200 });
});

await t.test('bad input: event handlers that give no answer', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('odd', 'odd-events.cjs');
  for (const path of [
    '/status-range',
    '/status-word',
    '/body-object',
    '/bad-header-name',
    '/bad-header-value',
    '/bad-base64',
    '/circular',
    '/bigint',
  ]) {
    const response = await test.request(`/odd${path}`);
    refusedAs(t, path, response, garbage);
    t.equal(response.headers['set-cookie'], undefined);
  }
});

await t.test('bad input: nobody to answer', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('only-scheduled', 'export default { scheduled() {} };');
  refusedAs(t, 'no handler', await test.request('/only-scheduled/'), { status: 501, code: 'ERR_NO_HANDLER' });
  for (const path of ['/', '/nobody/', '/nobody@1/', '/..%2f/', '/%00/', '/only-scheduled@2/'])
    refusedAs(t, path, await test.request(path), { status: 404, code: 'ERR_NO_FUNCTION' });
  refusedAs(t, 'host', await test.request('/', { host: 'nobody.localhost' }), {
    status: 404,
    code: 'ERR_NO_FUNCTION',
  });
  await test.deploy('shop', 'export default { fetch: () => new Response("shop") };');
  const near = await test.request('/shopp/');
  t.equal(near.status, 404);
  const response = await fetch(`${test.url}/shop/`);
  t.equal(response.headers.get('x-islet-error'), null, 'a good answer has no error');
});

await t.test('bad input: a top level that fails only later', async (t) => {
  const test = await openTestHost(t);
  const source =
    'if (process.env.BROKEN) throw new Error("secret words"); export default { fetch: () => new Response("ok") };';
  await test.deploy('moody', source);
  t.equal((await test.request('/moody/')).status, 200);
  await test.host.secrets.put('moody', 'BROKEN', 'yes');
  refusedAs(t, 'startup', await test.request('/moody/'), { status: 500, code: 'ERR_GUEST_STARTUP' });
  await test.host.secrets.delete('moody', 'BROKEN');
  t.equal((await test.request('/moody/')).status, 200);
});

await t.test('bad input: options of createHost', async (t) => {
  const { createHost } = await import('#host/index.ts');
  for (const options of [
    { cels: 2 },
    { cells: 0 },
    { isolation: 'some' },
    { caps: { memoryMB: 1 } },
    { store: 'nats://x' },
    { store: 'redis' },
    { store: '' },
  ])
    await t.rejects(createHost(options as object), { code: 'ERR_BAD_INPUT' }, JSON.stringify(options));
  await t.rejects(createHost({ dir: '/proc/nowhere' }), { code: 'ERR_DATA_DIR' });
});

await t.test('bad input: a disk that is full when a host starts', { skip: noFullDevice() }, async (t) => {
  const { createHost } = await import('#host/index.ts');
  const dir = join(await temporaryDir(t), 'data');
  await mkdir(dir);
  await symlink('/dev/full', join(dir, 'host.json'));
  const host = await createHost({ dir, cells: 1 });
  t.teardown(() => host.close());
  await t.rejects(host.listen({ port: 0, adminPort: 0 }), {
    code: 'ERR_DATA_DIR',
    message: /free disk space/,
  });
  t.match(await host.listen({ port: 0, adminPort: 0 }), { url: /^http:/ }, 'with room it listens');
  await host.close();
  await symlink('/dev/full', join(dir, 'host.pid'));
  await t.rejects(createHost({ dir }), { code: 'ERR_DATA_DIR', message: /free disk space/ });
});

function noFullDevice(): string | false {
  return existsSync('/dev/full') ? false : 'needs /dev/full, which this platform has not';
}

/** The one shape of every answer islet gives in a function's place, and nothing of the guest's or the host's in it. */
function refusedAs(t: Test, what: string, response: TestResponse, { status, code }: Expected): void {
  t.equal(response.status, status, what);
  t.same(response.headers['x-islet-error'], [code], what);
  const id = response.headers['x-islet-id']?.[0] ?? '';
  t.match(id, uuid);
  t.match(JSON.parse(response.text), { error: { code, id } });
  t.notMatch(response.text, /secret words|\bat .*:\d+:\d+|\.ts:|node:/, `${what}: no stack`);
}
