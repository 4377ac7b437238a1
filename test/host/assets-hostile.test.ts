import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { hashOfBlob } from '#bindings/assets/list.ts';
import { echo } from '#test/support/asset-host.ts';
import { openTestHost } from '#test/support/host.ts';

type Body = NonNullable<RequestInit['body']>;

const test = await openTestHost(t);
const { host } = test;
const token = (await readFile(join(test.dir, 'token'), 'utf8')).trim();

async function admin(method: string, path: string, body?: Body, given = token): Promise<[number, string]> {
  const answer = await fetch(`${test.adminUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${given}` },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  });
  const text = await answer.text();
  return [
    answer.status,
    text === '' ? '' : ((JSON.parse(text) as { error: { code: string } }).error?.code ?? ''),
  ];
}

await t.test('assets: the admin API takes what it was told it would get, and nothing else', async (t) => {
  const bytes = Buffer.from('some bytes');
  const hash = hashOfBlob(bytes);
  const put = (to: string, body: Body, given?: string): Promise<[number, string]> =>
    admin('PUT', `/v1/functions/${to}`, body, given);
  t.same(await put(`up/assets/${hash}`, bytes), [204, '']);
  t.same(await put(`up/assets/${hash}`, bytes, 'wrong'), [401, 'ERR_UNAUTHORIZED']);
  t.same(await put(`up/assets/${hash}`, Buffer.from('others')), [400, 'ERR_BAD_INPUT'], 'other bytes');
  t.same(await put(`up/assets/${hash}`, Buffer.from('')), [400, 'ERR_BAD_INPUT']);
  for (const name of [
    hash.toUpperCase(),
    hash.slice(1),
    `${hash}0`,
    `..%2f..%2f${hash}`,
    'x'.repeat(64),
    '%00',
  ])
    t.equal((await put(`up/assets/${name}`, bytes))[0], 400, name);
  for (const name of ['Up', '..%2fup', '%2e%2e', 'a'.repeat(64), 'up%00'])
    t.not((await put(`${name}/assets/${hash}`, bytes))[0], 204, name);
  const most = new Uint8Array(25 * 2 ** 20);
  t.same(await put(`up/assets/${hashOfBlob(most)}`, most), [204, '']);
  const over = new Uint8Array(most.length + 1);
  t.same(await put(`up/assets/${hashOfBlob(over)}`, over), [413, 'ERR_DEPLOY_TOO_LARGE']);
  const streamed = new Blob([over]).stream() as ReadableStream<Uint8Array>;
  t.same(
    await put(`up/assets/${hashOfBlob(over)}`, streamed),
    [413, 'ERR_DEPLOY_TOO_LARGE'],
    'of no known length',
  );
});

await t.test('assets: a list of hashes has its bound and its shape', async (t) => {
  const ask = (hashes: unknown): Promise<[number, string]> =>
    admin('POST', '/v1/functions/listed/assets/missing', JSON.stringify({ hashes }));
  const hashes = Array.from({ length: 20_001 }, (_, i) => String(i).padStart(64, '0'));
  t.equal((await ask(hashes.slice(1)))[0], 200);
  t.same(await ask(hashes), [413, 'ERR_DEPLOY_TOO_LARGE']);
  for (const bad of [undefined, null, {}, 'x', [7], [null], [['0'.repeat(64)]], ['0'.repeat(63)]])
    t.same(await ask(bad), [400, 'ERR_BAD_INPUT'], JSON.stringify(bad));
});

await t.test('assets: a version has 20 000 files at most, each of them found', async (t) => {
  const hash = await host.assets.put('many', Buffer.from('the same'));
  const paths = Array.from({ length: 20_001 }, (_, i) => [`/f/${i % 100}/${i}.txt`, hash] as const);
  const deploy = (count: number): Promise<unknown> =>
    host.deploy(
      { files: { 'index.js': echo }, assets: Object.fromEntries(paths.slice(0, count)) },
      { name: 'many', manifest: { assets: 'public' } },
    );
  await t.rejects(deploy(20_001), { code: 'ERR_DEPLOY_TOO_LARGE' });
  await deploy(20_000);
  for (const path of ['/f/0/0.txt', '/f/99/19999.txt'])
    t.equal((await test.request(`/many${path}`)).text, 'the same', path);
  t.match((await test.request('/many/f/0/20000.txt')).text, /^function/);
});

await t.test('assets: files that were sent before count towards 512 MiB as well', async (t) => {
  const hash = await host.assets.put('heavy', new Uint8Array(25 * 2 ** 20));
  const rest = await host.assets.put('heavy', new Uint8Array(12 * 2 ** 20));
  const one = await host.assets.put('heavy', new Uint8Array(1));
  const paths = Array.from({ length: 20 }, (_, i) => [`/${i}.bin`, hash] as const);
  const deploy = (more: Readonly<Record<string, string>>): Promise<unknown> =>
    host.deploy(
      { files: { 'index.js': echo }, assets: { ...Object.fromEntries(paths), '/rest.bin': rest, ...more } },
      { name: 'heavy', manifest: { assets: 'public' } },
    );
  await t.rejects(deploy({ '/z.bin': one }), { code: 'ERR_DEPLOY_TOO_LARGE' });
  await deploy({});
  t.equal((await test.request('/heavy/19.bin')).body.length, 25 * 2 ** 20);
});

await t.test('assets: names that mean something to programs are names of files here', async (t) => {
  const files = {
    'index.js': echo,
    'public/__proto__': 'own',
    'public/constructor.html': 'page',
    'public/a%2fb.txt': 'percent',
    'public/é.txt': 'composed',
    'public/<script>.txt': 'angle',
  };
  await host.deploy({ files }, { name: 'names', manifest: { assets: 'public' } });
  const ask = async (path: string): Promise<string> => (await test.request(`/names${path}`)).text;
  t.equal(await ask('/__proto__'), 'own');
  t.equal(await ask('/constructor'), 'page');
  t.equal(await ask('/a%252fb.txt'), 'percent');
  t.match(await ask('/a%2fb.txt'), /^function/);
  for (const path of ['/%C3%A9.txt', '/e%CC%81.txt']) t.equal(await ask(path), 'composed', path);
  t.equal(await ask('/%3Cscript%3E.txt'), 'angle');
  for (const path of ['/toString', '/hasOwnProperty', '/%00', '/__proto__/x', '/names'])
    t.match(await ask(path), /^function|ERR_BAD_REQUEST/, path);
});

await t.test('assets: event handlers reach their files as context.env.NAME', async (t) => {
  const main = `exports.handler = async (event, { env }) => {
    const whole = await env.FILES.fetch('/a.txt');
    const part = await env.FILES.fetch('/a.txt', { headers: { range: 'bytes=-4' } });
    const missing = await env.FILES.fetch('/none');
    const head = await env.FILES.fetch(new Request('http://x/a.txt', { method: 'HEAD' }));
    return [await whole.text(), part.status, await part.text(), missing.status, head.headers.get('content-length')];
  };`;
  const files = { 'index.js': main, 'public/a.txt': 'a file' };
  const manifest = { assets: { dir: 'public', first: 'function' }, bindings: { FILES: { kind: 'assets' } } };
  await host.deploy({ files }, { name: 'lambda', manifest });
  t.same((await host.invoke('lambda', {})).value, ['a file', 206, 'file', 404, '6']);
});

await t.test('assets: a prefix that would lead elsewhere is none, whoever sends it', async (t) => {
  const manifest = {
    assets: 'public',
    bindings: { AUTH: { kind: 'auth' } },
    routes: [{ pattern: '/in/*', auth: 'required' }],
  };
  await host.deploy(
    { files: { 'index.js': echo, 'public/docs/index.html': 'x' } },
    { name: 'places', manifest },
  );
  const locationOf = async (path: string, prefix: string): Promise<string> => {
    const headers = { 'x-forwarded-prefix': prefix, accept: 'text/html' };
    return (
      (await host.fetch('places', new Request(`http://localhost${path}`, { headers }))).headers.get(
        'location',
      ) ?? ''
    );
  };
  t.equal(await locationOf('/docs', '/shop'), '/shop/docs/');
  t.match(await locationOf('/in/x', '/shop'), /^\/shop\/auth\//);
  for (const prefix of [
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'https://evil.example',
    '/a//b',
    'x',
  ]) {
    t.equal(await locationOf('/docs', prefix), '/docs/', prefix);
    t.match(await locationOf('/in/x', prefix), /^\/auth\/[^]*$/, prefix);
    t.notMatch(await locationOf('/in/x', prefix), /evil/, prefix);
  }
});
