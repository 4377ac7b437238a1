import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { hashOfBlob } from '#bindings/assets/list.ts';
import { deploySite, echo, writeSite } from '#test/support/asset-host.ts';
import { cli } from '#test/support/cli.ts';
import { openTestHost } from '#test/support/host.ts';
import { openBench } from './deploy/opened.ts';

const big = Buffer.alloc(600_000, 7);

await t.test('assets: versions share files, and the last one takes them along', async (t) => {
  const { store, open } = openBench(t);
  const deployments = await open();
  const folder = await writeSite(t, { files: { 'public/big.bin': big, 'public/a.txt': 'one' } });
  const deploy = async (): Promise<number> =>
    (await deployments.commit(await deployments.draft(folder, { name: 'site' }))).version;
  const parts = async (): Promise<number> => (await store.list({ prefix: 'asset/', keysOnly: true })).length;
  t.equal(await deploy(), 1);
  t.equal(await parts(), 3 + 1 + 1, 'big, small, and the list');
  t.equal(await deploy(), 1, 'the same files are the same version');
  await writeFile(join(folder, 'public/a.txt'), 'two');
  t.equal(await deploy(), 2);
  t.equal(await parts(), 3 + 2 + 2);
  await deployments.vars.set('site', { MODE: 'x' });
  await deployments.rollback('site', 1);
  await deployments.delete('site', 2);
  t.equal(await parts(), 3 + 2 + 2, 'version 3 needs them');
  await deployments.delete('site', 3);
  t.equal(await parts(), 3 + 1 + 1);
  const stale = await deployments.draft(folder, { name: 'site' });
  await deployments.assets.put('other', Buffer.from('x'));
  t.equal(await parts(), 3 + 2 + 2 + 1);
  await deployments.delete('site');
  t.equal(await parts(), 3 + 1 + 1 + 1, 'what a deployment under way needs stays');
  t.equal((await deployments.commit(stale)).version, 4);
  await deployments.delete('site');
  t.equal(await parts(), 1, 'another function has its own');
});

await t.test('assets: what a deployment gave up left behind goes with the next version', async (t) => {
  const { store, open } = openBench(t);
  let now = Date.now();
  const deployments = await open({ ports: { now: () => now } });
  const folder = await writeSite(t, { files: { 'public/a.txt': 'one' } });
  const parts = async (): Promise<number> => (await store.list({ prefix: 'asset/', keysOnly: true })).length;
  await deployments.draft(folder, { name: 'site' });
  t.equal(await parts(), 2);
  await writeFile(join(folder, 'public/a.txt'), 'two');
  const draft = await deployments.draft(folder, { name: 'site' });
  now += 2 * 60 * 60_000;
  await deployments.commit(draft);
  await deployments.delete('site');
  t.equal(await parts(), 0);
});

await t.test('assets: a draft whose files were deleted meanwhile is refused', async (t) => {
  const { store, open } = openBench(t);
  const deployments = await open();
  const folder = await writeSite(t, { files: { 'public/a.txt': 'one' } });
  const draft = await deployments.draft(folder, { name: 'site' });
  const gone = await store.list({ prefix: 'asset/', keysOnly: true });
  await store.write(gone.map(({ key }) => ({ kind: 'delete', key })));
  await t.rejects(deployments.commit(draft), { code: 'ERR_CONFLICT' });
  t.same(await deployments.list(), []);
});

await t.test('assets: they follow the traffic, vars and restarts', async (t) => {
  const site = await deploySite(t, { files: { 'public/big.bin': big, 'public/a.txt': 'one' } });
  const { host, folder, request } = site;
  await writeFile(join(folder, 'public/a.txt'), 'two');
  t.equal((await host.deploy(folder)).version, 2);
  t.equal((await request('/site/a.txt')).text, 'two');
  t.equal((await request('/site@1/a.txt')).text, 'one');
  await host.vars.set('site', { MODE: 'x' });
  t.equal((await request('/site/a.txt')).text, 'two', 'with other vars it keeps its files');
  await host.rollback('site', 1);
  t.equal((await request('/site/a.txt')).text, 'one');
  const again = await site.restart();
  t.same((await again.request('/site/big.bin')).body, big, 'they are durable');
});

await t.test('assets: two deployments at once both have their files', async (t) => {
  const { host } = await openTestHost(t);
  const sites = await Promise.all(
    ['one', 'two', 'three'].map((text) =>
      writeSite(t, { files: { 'public/a.txt': text, 'public/b.txt': 'same' } }),
    ),
  );
  const versions = await Promise.all(sites.map((folder) => host.deploy(folder, { name: 'site' })));
  const texts = await Promise.all(
    versions.map(async ({ version }) =>
      (await host.fetch('site', new Request('http://localhost/a.txt'), { version })).text(),
    ),
  );
  t.same(texts, ['one', 'two', 'three']);
});

await t.test('assets: what cannot be deployed is refused with a code', async (t) => {
  const { host } = await openTestHost(t);
  const refused = async (
    code: string,
    site: Parameters<typeof writeSite>[1],
    spoil?: (folder: string) => unknown,
  ) => {
    const folder = await writeSite(t, site);
    await spoil?.(folder);
    await t.rejects(host.deploy(folder), { code });
  };
  const files = { 'public/a.txt': 'a' };
  await refused('ERR_SOURCE_NOT_FOUND', { files: {} });
  await refused('ERR_SOURCE_NOT_FOUND', { files: { 'public/.hidden': 'x' } });
  await refused('ERR_SOURCE_NOT_FOUND', { files, assets: 'index.js' });
  await refused('ERR_MANIFEST', { files, assets: '../public' });
  await refused('ERR_MANIFEST', { files, assets: { dir: 'public', fallback: '/index.html' } });
  await refused('ERR_BUILD', { files }, (folder) => symlink('/etc/hostname', join(folder, 'public/leak')));
  await refused('ERR_BUILD', { files }, (folder) => symlink('..', join(folder, 'public/up')));
  await refused('ERR_BUILD', { files }, (folder) => symlink('nowhere', join(folder, 'public/dead')));
  await refused('ERR_BUILD', { files: {} }, (folder) => symlink('/etc', join(folder, 'public')));
  const tooLarge = { 'public/large.bin': Buffer.alloc(25 * 2 ** 20 + 1) };
  await refused('ERR_DEPLOY_TOO_LARGE', { files: tooLarge });
  const inside = await writeSite(t, { files });
  await symlink('a.txt', join(inside, 'public/b.txt'));
  await host.deploy(inside, { name: 'linked' });
  t.equal(await (await host.fetch('linked', new Request('http://localhost/b.txt'))).text(), 'a');
});

await t.test('assets: a file of 25 MiB goes in, and comes out in pieces', async (t) => {
  const bytes = Buffer.alloc(25 * 2 ** 20);
  for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i, i);
  const { request } = await deploySite(t, { files: { 'public/large.bin': bytes } });
  const answer = await request('/site/large.bin');
  t.equal(answer.headers['content-length']?.[0], String(bytes.length));
  t.ok(answer.body.equals(bytes));
});

await t.test('assets: inline files and hashes of files that were sent', async (t) => {
  const { host } = await openTestHost(t);
  const manifest = { assets: 'public' };
  await host.deploy({ files: { 'index.js': echo, 'public/a.txt': 'inline' } }, { name: 'inline', manifest });
  t.equal(await (await host.fetch('inline', new Request('http://localhost/a.txt'))).text(), 'inline');
  const hash = await host.assets.put('sent', Buffer.from('sent before'));
  t.same(await host.assets.missing('sent', [hash, '0'.repeat(64)]), ['0'.repeat(64)]);
  t.same(await host.assets.missing('inline', [hash]), [hash], 'another function has none of it');
  const source = { files: { 'index.js': echo }, assets: { '/b.txt': hash } };
  await host.deploy(source, { name: 'sent', manifest });
  t.equal(await (await host.fetch('sent', new Request('http://localhost/b.txt'))).text(), 'sent before');
  const unknown = { ...source, assets: { '/b.txt': '0'.repeat(64) } };
  await t.rejects(host.deploy(unknown, { name: 'sent', manifest }), { code: 'ERR_BAD_INPUT' });
  for (const path of ['b.txt', '/../b.txt', '/', '/a//b', '/a\\b', '/a\0'])
    await t.rejects(host.deploy({ ...source, assets: { [path]: hash } }, { name: 'sent', manifest }), {
      code: 'ERR_BAD_INPUT',
    });
});

await t.test('assets: `islet deploy` sends the files that the host does not have', async (t) => {
  const test = await openTestHost(t);
  const folder = await writeSite(t, {
    files: { 'web/index.html': '<p>home</p>', 'web/big.bin': big, 'web/sub/a b.txt': 'spaced' },
    assets: { dir: './web', cache: { '/big.bin': 'no-store' } },
  });
  const deploy = async (): Promise<unknown> => {
    const ran = await cli(['deploy', folder, '--name', 'site', '--dir', test.dir, '--json'], { cwd: folder });
    t.equal(ran.code, 0, ran.err);
    return (JSON.parse(ran.out) as { version: number }).version;
  };
  t.equal(await deploy(), 1);
  t.equal((await test.request('/site/')).text, '<p>home</p>');
  t.same((await test.request('/site/big.bin')).body, big);
  t.same((await test.request('/site/big.bin')).headers['cache-control'], ['no-store']);
  t.equal((await test.request('/site/sub/a%20b.txt')).text, 'spaced');
  t.equal(await deploy(), 1);
  const sent = (await test.host.assets.missing('site', [hashOfBlob(big)])).length;
  t.equal(sent, 0, 'it is not asked for again');
  await mkdir(join(folder, 'web/new'));
  await writeFile(join(folder, 'web/new/c.txt'), 'new');
  await rm(join(folder, 'web/sub'), { recursive: true });
  t.equal(await deploy(), 2);
  t.equal((await test.request('/site/new/c.txt')).text, 'new');
  t.equal((await test.request('/site/sub/a%20b.txt')).text, 'function GET /sub/a%20b.txt');
});

await t.test('assets: a folder without code is a site', async (t) => {
  const test = await openTestHost(t);
  const folder = t.testdir({
    'islet.json': JSON.stringify({ name: 'plain', assets: { dir: 'public', notFound: '/404.html' } }),
    public: { 'index.html': 'home', '404.html': 'nothing here' },
  });
  await test.host.deploy(folder);
  t.equal((await test.request('/plain/')).text, 'home');
  const missing = await test.request('/plain/x', { headers: { accept: 'text/html' } });
  t.same([missing.status, missing.text], [404, 'nothing here']);
  t.equal((await test.request('/plain/x')).status, 404);
  const ran = await cli(['deploy', folder, '--name', 'again', '--dir', test.dir], { cwd: folder });
  t.equal(ran.code, 0, ran.err);
  t.equal((await test.request('/again/')).text, 'home');
  await t.rejects(test.host.deploy({ files: { 'a.txt': 'x' } }, { name: 'none' }), {
    code: 'ERR_SOURCE_NOT_FOUND',
  });
});

await t.test('assets: access rules hold for files, and keep them out of shared caches', async (t) => {
  const { request } = await deploySite(t, {
    files: { 'public/index.html': 'open', 'public/members/plan.txt': 'closed' },
    manifest: {
      bindings: { AUTH: { kind: 'auth' } },
      routes: [{ pattern: '/members/*', auth: 'required' }],
    },
  });
  t.equal((await request('/site/')).text, 'open');
  for (const path of [
    '/members/plan.txt',
    '/members/%70lan.txt',
    '/%6dembers/plan.txt',
    '/x/../members/plan.txt',
  ])
    t.equal(
      (await request(`/site${path}`)).status === 401 || (await request(`/site${path}`)).status === 400,
      true,
      path,
    );
});
