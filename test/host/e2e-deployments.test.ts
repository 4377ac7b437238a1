import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createHost } from '#host/index.ts';
import { eventually, openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';

const answer = (text: string): string =>
  `export default { fetch: () => new Response(${JSON.stringify(text)}) };`;

await t.test('deployments: traffic moves without a failed request', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  await test.deploy('shop', answer('v1'));
  const load = openLoad(test, '/shop/');
  await load.answered(20);
  for (const version of ['v2', 'v3', 'v4']) {
    await test.deploy('shop', answer(version));
    t.equal((await test.request('/shop/')).text, version, 'the next request after the deploy sees it');
    await load.answered(20);
  }
  await host.rollback('shop');
  t.equal((await test.request('/shop/')).text, 'v3');
  await load.answered(20);
  const { statuses, bodies } = await load.stop();
  t.same([...statuses], [200], 'no request failed');
  t.same([...bodies].sort(), ['v1', 'v2', 'v3', 'v4'], 'each answer is one of the versions');
});

await t.test('deployments: versions are immutable and named by their content', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  const first = await test.deploy('shop', answer('same'));
  const second = await test.deploy('shop', answer('other'));
  const again = await test.deploy('shop', answer('same'));
  t.not(second.id, first.id);
  t.match(again, { id: first.id, version: first.version }, 'the same content is the same version');
  t.equal((await test.request('/shop/')).text, 'same');
  t.equal((await host.versions('shop')).length, 2);
  const limited = await test.deploy('shop', answer('same'), { limits: { cpuMs: 51 } });
  t.not(limited.id, first.id, 'the manifest is part of it');
});

await t.test('deployments: rollback, preview, weights, delete', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  await test.deploy('shop', answer('v1'));
  await test.deploy('shop', answer('v2'));

  const kept = await host.deploy({ files: { 'index.js': answer('v3') } }, { name: 'shop', activate: false });
  t.match(kept, { version: 3, weight: 0 });
  t.equal((await test.request('/shop/')).text, 'v2', 'a version that is not activated has no traffic');
  t.equal((await test.request(kept.preview.path)).text, 'v3', 'its preview answers');
  t.equal((await test.request('/', { host: `${kept.preview.host}:${test.port}` })).text, 'v3');

  t.match(await host.rollback('shop'), { version: 1, weight: 100 });
  t.equal((await test.request('/shop/')).text, 'v1');
  t.match(await host.rollback('shop', 3), { version: 3 });
  await t.rejects(host.rollback('shop', 4), { code: 'ERR_NO_VERSION' });

  t.match(await host.setWeights('shop', { 1: 50, 2: 50 }), { weights: { 1: 50, 2: 50 } });
  const seen = new Set<string>();
  for (let i = 0; i < 200 && seen.size < 2; i++) seen.add((await test.request('/shop/')).text);
  t.same([...seen].sort(), ['v1', 'v2'], 'both answer, and nothing else');
  for (const wrong of [{ 1: 50 }, { 1: 50, 2: 51 }, { 1: 30, 2: 30, 3: 40 }, { x: 100 }, { 1: -1, 2: 101 }])
    await t.rejects(host.setWeights('shop', wrong), { code: 'ERR_BAD_INPUT' }, JSON.stringify(wrong));
  await t.rejects(host.setWeights('shop', { 9: 100 }), { code: 'ERR_NO_VERSION' });

  await t.rejects(host.delete('shop', 1), { code: 'ERR_VERSION_IN_USE' });
  await host.setWeights('shop', { 2: 100 });
  await host.delete('shop', 1);
  t.equal((await test.request('/shop@1/')).status, 404, 'its preview is gone');
  t.same(
    (await host.versions('shop')).map(({ version }) => version),
    [2, 3],
  );

  await host.delete('shop');
  t.match(await test.request('/shop/'), { status: 404, headers: { 'x-islet-error': ['ERR_NO_FUNCTION'] } });
  t.same(await host.list(), []);
  await t.rejects(host.delete('shop'), { code: 'ERR_NO_FUNCTION' });
});

await t.test('deployments: vars and secrets', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  const env = async (): Promise<unknown> => JSON.parse((await test.request('/shop/')).text);
  await host.secrets.put('shop', 'EARLY', 'put before the first deploy');
  await test.deployGuest('shop', 'shows-env.js', { vars: { MODE: 'test' } });
  const first = { MODE: 'test', EARLY: 'put before the first deploy' };
  t.match(await env(), { env: first, process: first });

  await host.secrets.put('shop', 'TOKEN', 'do-not-show-me');
  t.match(await env(), { env: { TOKEN: 'do-not-show-me' } }, 'the next call has it');
  await host.secrets.put('shop', 'TOKEN', 'changed-value');
  t.match(await env(), { env: { TOKEN: 'changed-value' } });
  t.same([...(await host.secrets.list('shop'))].sort(), ['EARLY', 'TOKEN'], 'names are listed');
  const shown = JSON.stringify([
    await host.secrets.list('shop'),
    await host.list(),
    await host.versions('shop'),
    await host.vars.get('shop'),
    await host.health(),
  ]);
  t.notMatch(shown, /do-not-show-me|changed-value/, 'values nowhere');
  await host.secrets.delete('shop', 'TOKEN');
  t.notMatch(await env(), { env: { TOKEN: String } });
  await t.rejects(host.secrets.delete('shop', 'TOKEN'), { code: 'ERR_NO_SECRET' });
  await t.rejects(host.secrets.put('shop', 'MODE', 'x'), { code: 'ERR_BAD_INPUT' }, 'a var has that name');

  const changed = await host.vars.set('shop', { MODE: 'live', MORE: 'yes' });
  t.equal(changed.version, 2, 'a change of vars is a new version');
  t.match(await env(), { env: { MODE: 'live', MORE: 'yes' } });
  await host.vars.set('shop', { MORE: null });
  t.same(await host.vars.get('shop'), { MODE: 'live' });

  await test.host.close();
  const stored = await readFile(join(test.dir, 'islet.db'));
  t.notOk(stored.includes('put before the first deploy'), 'secrets are sealed at rest');
});

await t.test('deployments: a restart keeps everything', async (t) => {
  const before = await openTestHost(t, { dir: await temporaryDir(t) });
  await before.deployGuest('keeps', 'keeps-value.js', {
    bindings: { KV: { kind: 'kv' } },
    routes: ['own.example/*'],
  });
  await before.deployGuest('env', 'shows-env.js');
  await before.deploy('split', answer('v1'));
  await before.deploy('split', answer('v2'));
  await before.host.setWeights('split', { 1: 25, 2: 75 });
  await before.host.secrets.put('env', 'TOKEN', 'sealed');
  await before.request('/keeps/a', { method: 'PUT', body: 'stored' });
  const described = async ({ host }: TestHost): Promise<unknown> =>
    Promise.all([host.list(), host.versions('split'), host.versions('keeps'), host.secrets.list('env')]);
  const was = await described(before);

  const after = await before.restart();
  t.same(await described(after), was);
  t.equal((await after.request('/a', { host: 'own.example' })).text, 'stored');
  t.match(JSON.parse((await after.request('/env/')).text), { env: { TOKEN: 'sealed' } });
  t.equal((await after.request('/split@1/')).text, 'v1');
  t.equal((await after.host.usage('keeps'))[0]?.invocations, 2, 'usage goes on counting');
  t.match(await after.deploy('split', answer('v2')), { version: 2 }, 'the same content is still version 2');
});

await t.test('deployments: what cannot be deployed changes nothing', async (t) => {
  const dir = await temporaryDir(t);
  const test = await openTestHost(t);
  const { host } = test;
  await test.deploy('shop', answer('v1'));
  const refused = async (source: string, code: string, says?: RegExp, manifest = {}): Promise<void> => {
    const error = await test.deploy('shop', source, manifest).then(
      () => undefined,
      (reason: unknown) => reason as { code?: string; message: string },
    );
    t.equal(error?.code, code, source.slice(0, 60));
    if (says !== undefined) t.match(error?.message, says);
  };
  await refused('export default {};\nconst a = ;', 'ERR_BUILD', /index\.js:2:\d+/);
  await refused('import x from "./nothing.js"; export default x;', 'ERR_BUILD', /index\.js:1:/);
  await refused('throw new RangeError("at the top");', 'ERR_DEPLOY_FAILED', /RangeError: at the top/);
  await refused('await Promise.reject(new Error("later")); export default {};', 'ERR_DEPLOY_FAILED');
  await refused('await new Promise(() => {}); export default {};', 'ERR_DEPLOY_FAILED');
  await refused('for (;;);', 'ERR_DEPLOY_FAILED', /startupCpuMs/, { limits: { startupCpuMs: 50 } });
  await refused('export const nothing = 1;', 'ERR_DEPLOY_FAILED');
  await refused(answer('x'), 'ERR_MANIFEST', /memoryMb/, { limits: { memoryMB: 64 } });
  await refused(answer('x'), 'ERR_MANIFEST', /kv/, { bindings: { KV: { kind: 'kvs' } } });
  await refused(answer('x'.repeat(2000)), 'ERR_DEPLOY_TOO_LARGE', /bundleBytes/, {
    limits: { bundleBytes: 1000 },
  });

  await mkdir(join(dir, 'broken'));
  await writeFile(join(dir, 'broken', 'islet.json'), '{\n  "nam": "shop"\n}');
  await writeFile(join(dir, 'broken', 'index.js'), answer('x'));
  await t.rejects(host.deploy(join(dir, 'broken')), {
    code: 'ERR_MANIFEST',
    message: /islet\.json:2:\d+.*name/,
  });
  await t.rejects(host.deploy(join(dir, 'missing')), { code: 'ERR_SOURCE_NOT_FOUND' });
  await t.rejects(host.deploy({ files: {} }, { name: 'shop' }), { code: 'ERR_SOURCE_NOT_FOUND' });
  await t.rejects(test.deploy('Not A Name', answer('x')), { code: 'ERR_BAD_NAME' });
  await t.rejects(test.deploy('2--shop', answer('x')), { code: 'ERR_BAD_NAME' });

  t.equal((await test.request('/shop/')).text, 'v1', 'the version before answers');
  t.equal((await host.versions('shop')).length, 1, 'and none was stored');
  await test.deploy('owner', answer('x'), { routes: ['taken.example/*'] });
  await t.rejects(test.deploy('thief', answer('x'), { routes: ['taken.example/*'] }), {
    code: 'ERR_ROUTE_TAKEN',
  });
});

await t.test('deployments: two hosts on one directory', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shop', answer('v1'));
  await t.rejects(createHost({ dir: test.dir }), {
    code: 'ERR_STORE_LOCKED',
    message: new RegExp(`${process.pid}`),
  });
  t.equal((await test.request('/shop/')).text, 'v1', 'the first does not notice');
  await test.host.close();
  const next = await createHost({ dir: test.dir, cells: 1 });
  t.equal((await next.list()).length, 1, 'when it has closed, the next one may');
  await next.close();
});

await t.test('deployments: a database that is damaged is refused and left as it is', async (t) => {
  const test = await openTestHost(t, { dir: await temporaryDir(t) });
  await test.deploy('shop', answer('v1'));
  await test.host.close();
  const file = join(test.dir, 'islet.db');
  const good = await readFile(file);
  for (const damaged of [Buffer.from('not a database at all, but text'.repeat(40)), scrambled(good)]) {
    await writeFile(file, damaged);
    await t.rejects(createHost({ dir: test.dir, cells: 1 }), { code: 'ERR_STORE_CORRUPT' });
    t.ok((await readFile(file)).equals(damaged), 'not a byte of it changed');
  }
  await writeFile(file, good);
  const mended = await createHost({ dir: test.dir, cells: 1 });
  t.equal((await mended.list()).length, 1, 'with a good copy all is there');
  await mended.close();
});

await t.test('deployments: a port in use', async (t) => {
  const test = await openTestHost(t);
  const other = await createHost({ dir: await temporaryDir(t), cells: 1 });
  t.teardown(() => other.close());
  await t.rejects(other.listen({ port: test.port, adminPort: 0 }), { code: 'ERR_PORT_IN_USE' });
  const adminPort = Number(new URL(test.adminUrl).port);
  await t.rejects(other.listen({ port: 0, adminPort }), { code: 'ERR_PORT_IN_USE' });
  t.match(await other.listen({ port: 0, adminPort: 0 }), { url: /^http:/ }, 'a free one still works');
});

/** Four clients that ask over and over until they are stopped. */
function openLoad(
  test: TestHost,
  path: string,
): {
  answered(count: number): Promise<void>;
  stop(): Promise<{ statuses: Set<number | string>; bodies: Set<string> }>;
} {
  const statuses = new Set<number | string>();
  const bodies = new Set<string>();
  const progress = { count: 0, stopped: false };
  const client = async (): Promise<void> => {
    while (!progress.stopped) {
      try {
        const { status, text } = await test.request(path);
        statuses.add(status);
        bodies.add(text);
      } catch (error) {
        statuses.add(String(error));
      }
      progress.count += 1;
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));
  return {
    answered: async (more) => {
      const goal = progress.count + more;
      await eventually(`${more} more answers`, () => progress.count >= goal);
    },
    stop: async () => {
      progress.stopped = true;
      await clients;
      return { statuses, bodies };
    },
  };
}

/** The header stays, the pages do not. */
function scrambled(good: Buffer): Buffer {
  const damaged = Buffer.from(good);
  damaged.fill(0x5a, 200);
  return damaged;
}

await t.test('deployments: the next request of a connection gets the version that answers now', async (t) => {
  const test = await openTestHost(t);
  const source = (text: string): string => `export default { fetch: () => new Response('${text}') }`;
  const client = test.client();
  const ask = async (): Promise<string> => {
    // Byte by byte the same each time.
    client.send('GET /moving/x HTTP/1.1', 'Host: h');
    return (await client.response()).body;
  };
  await test.deploy('moving', source('one'));
  t.equal(await ask(), 'one');
  t.equal(await ask(), 'one');
  await test.deploy('moving', source('two'));
  t.equal(await ask(), 'two');
  await test.host.rollback('moving');
  t.equal(await ask(), 'one');
  await test.host.delete('moving');
  t.match(await ask(), /ERR_NO_FUNCTION/);
});
