import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createHost } from '#host/index.ts';
import { mountSmallDisk } from '#test/support/small-disk.ts';
import { openTestHost, temporaryDir } from '#test/support/host.ts';

const source = `export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url);
  const key = searchParams.get('key');
  if (pathname === '/keys') return Response.json((await env.KV.list()).keys.map(({ name }) => name));
  try {
    await env.KV.put(key, new Uint8Array(400_000).fill(7));
    return new Response('kept');
  } catch (error) {
    return Response.json({ name: error.name, code: error.code }, { status: 507 });
  }
} };`;

const dir = await temporaryDir(t);
const refused = mountSmallDisk(dir, '16m');
const options = refused === undefined ? {} : { skip: `no small disk can be mounted here: ${refused}` };

void t.test('full disk: a host goes on, says what is wrong, and loses nothing', options, async (t) => {
  t.teardown(() => spawnSync('umount', ['-l', dir]));
  const ballast = join(dir, 'ballast');
  writeFileSync(ballast, new Uint8Array(2 ** 20));
  const test = await openTestHost(t, { dir, cells: 1 });
  await test.deploy('shop', source, { bindings: { KV: { kind: 'kv' } } });
  const kept: string[] = [];
  let full: unknown;
  for (let n = 0; n < 100 && full === undefined; n++) {
    const { status, text } = await test.request(`/shop/put?key=k${n}`);
    if (status === 200) kept.push(`k${n}`);
    else full = { status, ...(JSON.parse(text) as object) };
  }
  t.match(full, { status: 507, code: 'ERR_STORE_FULL' }, 'the guest is told');
  t.ok(kept.length > 3);
  const more = { 'index.js': `${source}//${'x'.repeat(2_000_000)}` };
  await t.rejects(
    test.host.deploy({ files: more }, { name: 'shop' }),
    { code: 'ERR_STORE_FULL', message: /free disk space/ },
    'so is who deploys',
  );
  const keys = async (of: typeof test): Promise<unknown> =>
    (JSON.parse((await of.request('/shop/keys')).text) as string[]).sort();
  t.same(await keys(test), [...kept].sort(), 'it answers as before');
  await test.host.close();
  const early = await createHost({ dir, cells: 1, log: () => undefined });
  const listening = early.listen({ port: 0, adminPort: 0 });
  await t.rejects(listening, { message: /free disk space, what is stored is kept/ }, 'no room to start');
  await early.close();
  rmSync(ballast);
  const again = await test.restart();
  t.same(await keys(again), [...kept].sort(), 'and after a restart');
  t.equal((await again.host.versions('shop')).length, 1);
});
