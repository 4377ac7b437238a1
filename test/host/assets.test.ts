import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import { deploySite, writeSite } from '#test/support/asset-host.ts';
import { openTestHost } from '#test/support/host.ts';
import type { TestResponse } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const page = '<!doctype html><title>Site</title>';
const script = `console.log(${JSON.stringify('long enough to be compressed '.repeat(100))});`;
const picture = Uint8Array.from({ length: 700_000 }, (_, i) => (i * 2654435761) >>> 24);
const files = {
  'public/index.html': page,
  'public/about.html': '<p>about</p>',
  'public/docs/index.html': '<p>docs</p>',
  'public/app.js': script,
  'public/picture.png': picture,
  'public/empty.txt': '',
  'public/a b ü.txt': 'spaced',
  'public/.secret': 'no',
  'public/.well-known/security.txt': 'Contact: mailto:a@example.com',
  'public/node_modules/x/index.js': 'no',
};
const header = (response: TestResponse, name: string): string | undefined =>
  response.headers[name]?.join(', ');

const shared = await deploySite(t, { files });

await t.test('assets: files are answered before the function, the rest is its own', async (t) => {
  const { request } = shared;
  const home = await request('/site/');
  t.equal(home.text, page);
  t.equal(home.status, 200);
  t.equal(header(home, 'content-type'), 'text/html;charset=utf-8');
  t.equal(header(home, 'cache-control'), 'public, max-age=0, must-revalidate');
  t.equal(header(home, 'x-content-type-options'), 'nosniff');
  t.equal(header(home, 'content-length'), String(page.length));
  t.equal((await request('/', { host: 'site.localhost' })).text, page);
  t.equal((await request('/site/about')).text, '<p>about</p>');
  t.equal((await request('/site/about.html')).text, '<p>about</p>');
  t.equal((await request('/site/docs/')).text, '<p>docs</p>');
  t.equal((await request('/site/a%20b%20%C3%BC.txt')).text, 'spaced');
  t.equal((await request('/site/a%20b%20u%CC%88.txt')).text, 'spaced', 'as other systems write the letter');
  t.equal((await request('/site/empty.txt')).text, '');
  t.match((await request('/site/.well-known/security.txt')).text, 'Contact');
  t.equal((await request('/site/nothing')).text, 'function GET /nothing');
  t.equal((await request('/site/index.html', { method: 'POST' })).text, 'function POST /index.html');
  for (const path of ['/.secret', '/node_modules/x/index.js', '/ABOUT', '/index.js', '/islet.json'])
    t.equal((await request(`/site${path}`)).text, `function GET ${path}`);
});

await t.test('assets: no path reaches what is no file', async (t) => {
  const { request } = shared;
  for (const path of [
    '/..%2findex.js',
    '/docs%2findex.html',
    '/docs/..%5c..%5cindex.js',
    '/index.html%00',
    '/%00',
    '/about%2ehtml%00.png',
    '//docs/index.html',
    '/docs//index.html',
    '/%ff',
    '/%zz',
    '/__proto__',
    '/constructor',
  ]) {
    const answer = await request(`/site${path}`);
    t.match(answer.text, /^function GET|ERR_BAD_REQUEST/, path);
  }
});

await t.test('assets: a folder has its index, with a slash; a page has none', async (t) => {
  const { request, host } = shared;
  const moved = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    const answer = await request(path, { headers });
    return [answer.status, header(answer, 'location')];
  };
  t.same(await moved('/site/docs'), [308, '/site/docs/']);
  t.same(await moved('/site/docs?a=1&b=%2f'), [308, '/site/docs/?a=1&b=%2f']);
  t.same(await moved('/site/about/'), [308, '/site/about']);
  t.same(await moved('/site@1/docs'), [308, '/site@1/docs/']);
  const direct = await request('/docs', { host: 'site.localhost' });
  t.equal(header(direct, 'location'), '/docs/');
  const locationBehind = async (prefix: string): Promise<unknown> => {
    const asked = new Request('http://localhost/docs', { headers: { 'x-forwarded-prefix': prefix } });
    return (await host.fetch('site', asked)).headers.get('location');
  };
  t.equal(await locationBehind('/shop'), '/shop/docs/');
  for (const prefix of ['//evil.example', '/\\evil.example', 'https://evil.example'])
    t.equal(await locationBehind(prefix), '/docs/', prefix);
});

await t.test('assets: text is sent compressed to those who take it', async (t) => {
  const { request } = shared;
  const ask = async (accept: string | undefined, path = '/site/app.js'): Promise<TestResponse> =>
    request(path, { headers: accept === undefined ? {} : { 'accept-encoding': accept } });
  const br = await ask('gzip, deflate, br');
  t.equal(header(br, 'content-encoding'), 'br');
  t.equal(brotliDecompressSync(br.body).toString(), script);
  const gz = await ask('br;q=0.5, gzip;q=0.9');
  t.equal(header(gz, 'content-encoding'), 'gzip');
  t.equal(gunzipSync(gz.body).toString(), script);
  const plain = await ask(undefined);
  t.equal(header(plain, 'content-encoding'), undefined);
  t.equal(plain.text, script);
  t.equal(
    new Set([br, gz, plain].map((answer) => header(answer, 'etag'))).size,
    3,
    'each coding has its own etag',
  );
  for (const answer of [br, gz, plain]) t.equal(header(answer, 'vary'), 'accept-encoding');
  const codings = new Map([
    ['identity', undefined],
    ['br;q=0', undefined],
    ['gzip;q=0, *', 'br'],
    ['*;q=0', undefined],
    ['br;q=0.1, identity;q=1', undefined],
    ['x-gzip', 'gzip'],
    ['BR', 'br'],
    ['br;q=nonsense, gzip', 'gzip'],
    ['', undefined],
  ]);
  for (const [accept, coding] of codings)
    t.equal(header(await ask(accept), 'content-encoding'), coding, accept);
  for (const path of ['/site/', '/site/picture.png']) {
    const answer = await ask('br, gzip', path);
    t.equal(header(answer, 'content-encoding'), undefined, 'short ones and pictures are not');
    t.equal(header(answer, 'vary'), undefined);
  }
});

await t.test('assets: conditions are answered with 304 and 412', async (t) => {
  const { request } = shared;
  const etag = header(await request('/site/app.js'), 'etag') ?? '';
  t.match(etag, /^"[0-9a-f]{32}"$/);
  const ask = async (headers: Readonly<Record<string, string>>, method = 'GET'): Promise<TestResponse> =>
    request('/site/app.js', { headers, method });
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const answer = await ask({ 'if-none-match': value });
    t.equal(answer.status, 304, value);
    t.equal(answer.body.length, 0);
    t.equal(header(answer, 'etag'), etag);
    t.equal(header(answer, 'cache-control'), 'public, max-age=0, must-revalidate');
    t.equal(header(answer, 'vary'), 'accept-encoding');
  }
  t.equal((await ask({ 'if-none-match': etag }, 'HEAD')).status, 304);
  t.equal((await ask({ 'if-none-match': '"x"' })).status, 200);
  t.equal(
    (await ask({ 'if-none-match': etag, 'accept-encoding': 'br' })).status,
    200,
    'another coding is another thing',
  );
  t.equal((await ask({ 'if-match': etag })).status, 200);
  t.equal((await ask({ 'if-match': '*' })).status, 200);
  t.equal((await ask({ 'if-match': `W/${etag}` })).status, 412);
  t.equal((await ask({ 'if-match': '"x"' })).status, 412);
});

await t.test('assets: parts of a file, across the parts it is stored in', async (t) => {
  const { request } = shared;
  const size = picture.length;
  const whole = await request('/site/picture.png');
  t.same(whole.body, Buffer.from(picture));
  t.equal(header(whole, 'accept-ranges'), 'bytes');
  const part = await request('/site/picture.png', { headers: { range: 'bytes=262000-600000' } });
  t.equal(part.status, 206);
  t.equal(header(part, 'content-range'), `bytes 262000-600000/${size}`);
  t.same(part.body, Buffer.from(picture.subarray(262_000, 600_001)));
  const beyond = await request('/site/picture.png', { headers: { range: `bytes=${size}-` } });
  t.equal(beyond.status, 416);
  t.equal(header(beyond, 'content-range'), `bytes */${size}`);
  const etag = header(whole, 'etag') ?? '';
  const status = async (headers: Readonly<Record<string, string>>, method = 'GET'): Promise<number> =>
    (await request('/site/picture.png', { headers: { range: 'bytes=0-9', ...headers }, method })).status;
  t.equal(await status({ 'if-range': etag }), 206);
  t.equal(await status({ 'if-range': '"other"' }), 200);
  t.equal(await status({ 'if-range': 'Tue, 24 Nov 2026 00:00:00 GMT' }), 200);
  t.equal(await status({ 'if-range': `W/${etag}` }), 200);
  t.equal(await status({ 'if-none-match': etag }), 304);
  t.equal(await status({}, 'HEAD'), 200);
  const text = await request('/site/app.js', { headers: { range: 'bytes=0-6', 'accept-encoding': 'br' } });
  t.equal(text.text, script.slice(0, 7), 'of the file as it is, not compressed');
  const head = await request('/site/picture.png', { method: 'HEAD' });
  t.equal(header(head, 'content-length'), String(size));
  t.equal(head.body.length, 0);
});

const navigate = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' };

await t.test('assets: an application with routes of its own answers pages, not programs', async (t) => {
  const { request } = await deploySite(t, { files, assets: { dir: 'public', fallback: '/index.html' } });
  const answer = await request('/site/inbox/7', { headers: navigate });
  t.equal(answer.status, 200);
  t.equal(answer.text, page);
  t.equal(
    (await request('/site/inbox/7', { headers: { accept: 'text/html' } })).text,
    page,
    'an old browser',
  );
  t.equal((await request('/site/api', { headers: { accept: '*/*' } })).text, 'function GET /api');
  const cors = { accept: 'text/html', 'sec-fetch-mode': 'cors' };
  t.equal((await request('/site/api', { headers: cors })).text, 'function GET /api');
  t.equal((await request('/site/form', { headers: navigate, method: 'POST' })).text, 'function POST /form');
});

await t.test('assets: a page for what is not there, cache rules and headers', async (t) => {
  const { request } = await deploySite(t, {
    files: {
      ...files,
      'public/404.html': 'not here',
      'public/assets/app-1a2b.js': '1',
      'public/assets/sw.js': '2',
    },
    assets: {
      dir: 'public',
      notFound: '/404.html',
      cache: { '/assets/*': 'public, max-age=31536000, immutable', '/assets/sw.js': 'no-cache' },
      headers: { '/*': { 'X-Frame-Options': 'DENY', 'x-a': '1' }, '/assets/*.js': { 'x-a': '2' } },
    },
  });
  const missing = await request('/site/nothing', { headers: navigate });
  t.equal(missing.status, 404);
  t.equal(missing.text, 'not here');
  t.equal((await request('/site/nothing')).text, 'function GET /nothing');
  const etag = header(missing, 'etag') ?? '';
  t.equal((await request('/site/nothing', { headers: { ...navigate, 'if-none-match': etag } })).status, 404);
  const hashed = await request('/site/assets/app-1a2b.js');
  t.equal(header(hashed, 'cache-control'), 'public, max-age=31536000, immutable');
  t.equal(header(hashed, 'x-frame-options'), 'DENY');
  t.equal(header(hashed, 'x-a'), '2');
  t.equal(header(await request('/site/assets/sw.js'), 'cache-control'), 'no-cache');
  t.equal(header(await request('/site/'), 'x-a'), '1');
});

await t.test(
  'assets: a function reaches its files as env.NAME, streamed, and lets others see them or not',
  async (t) => {
    const main = `export default {
    async fetch(request, env) {
      const { pathname } = new URL(request.url);
      if (pathname === '/logo') {
        const answer = await env.FILES.fetch('/picture.png', { headers: { range: 'bytes=0-3' } });
        return Response.json([answer.status, [...new Uint8Array(await answer.arrayBuffer())]]);
      }
      if (pathname === '/post') return Response.json((await env.FILES.fetch('/', { method: 'POST' })).status);
      if (pathname === '/wrong') return env.FILES.call('x').catch((error) => Response.json(error.name));
      const answer = await env.FILES.fetch(request);
      const headers = new Headers(answer.headers);
      headers.set('x-by', 'function');
      return new Response(answer.body, { status: answer.status, headers });
    },
  };`;
    const { request, host } = await deploySite(t, {
      files,
      main,
      assets: { dir: 'public', first: 'function' },
      manifest: { bindings: { FILES: { kind: 'assets' } }, limits: { cpuMs: 2000 } },
    });
    const answer = await request('/site/picture.png');
    t.same(answer.body, Buffer.from(picture));
    t.equal(header(answer, 'x-by'), 'function');
    const text = await request('/site/app.js', { headers: { 'accept-encoding': 'br' } });
    t.equal(text.text, script, 'never compressed: the function reads it');
    t.equal((await request('/site/nothing')).status, 404);
    const moved = await request('/site/docs');
    t.same([moved.status, header(moved, 'location')], [308, '/site/docs/']);
    t.equal((await request('/site/logo')).text, JSON.stringify([206, [...picture.subarray(0, 4)]]));
    t.equal((await request('/site/post')).text, '405');
    const bound = { bindings: { FILES: { kind: 'assets' } } };
    await t.rejects(host.deploy({ files: { 'index.js': main } }, { name: 'bare', manifest: bound }), {
      code: 'ERR_MANIFEST',
    });
  },
);

await t.test(
  'assets: Python reaches the files, and has none of them in its own folder',
  { skip: withoutAddon },
  async (t) => {
    const test = await openTestHost(t);
    const folder = await writeSite(t, {
      files: {
        'public/hello.txt': 'hello',
        'handler.py': [
          'import os',
          'from islet import env',
          'def lambda_handler(event, context):',
          '    answer = env.FILES.call("fetch", {"url": "http://localhost/hello.txt"})',
          '    return [answer["status"], os.path.exists("/app/public"), os.path.exists("/app/handler.py")]',
        ].join('\n'),
      },
      manifest: { main: 'handler.py', limits: { cpuMs: 2000 }, bindings: { FILES: { kind: 'assets' } } },
    });
    await test.host.deploy(folder, { name: 'snake' });
    t.same((await test.host.invoke('snake', {})).value, [200, false, true]);
    t.equal((await test.request('/snake/hello.txt')).text, 'hello');
  },
);
