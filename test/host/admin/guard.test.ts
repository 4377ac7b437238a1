import { request } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { createAdmin } from '#host/admin/app.ts';
import { serveAdmin } from '#host/admin/serve.ts';
import { MemoryHost } from '#test/support/memory-host.ts';
import { deploy, startAdmin, token } from '#test/support/admin-server.ts';
import type { TestAdmin } from '#test/support/admin-server.ts';

interface Reply {
  readonly status: number;
  readonly code: string | undefined;
}

/** Over node:http, which sends Host and Origin as told. */
function send(admin: TestAdmin, path: string, headers: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request(`${admin.server.url}${path}`, { headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => {
        const code = (JSON.parse(text) as { error?: { code: string } }).error?.code;
        resolve({ status: response.statusCode ?? 0, code });
      });
    })
      .on('error', reject)
      .end();
  });
}

async function codeOf(response: Response): Promise<Reply> {
  const { error } = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: error?.code };
}

void t.test('guard: without the right token every route but healthz answers 401', async (t) => {
  const admin = await startAdmin(t);
  const refused = { status: 401, code: 'ERR_UNAUTHORIZED' };
  const headers = [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer wrong' },
    { authorization: `Bearer ${token}x` },
    { authorization: `Bearer ${token.slice(1)}` },
    { authorization: `Basic ${btoa(`islet:${token}`)}` },
    { authorization: token },
  ];
  for (const header of headers) {
    for (const path of ['/v1/functions', '/v1/health', '/metrics', '/openapi.json', '/nowhere', '/']) {
      t.same(await send(admin, path, header), refused, `${path} ${JSON.stringify(header)}`);
    }
    t.same(await send(admin, '/healthz', header), { status: 200, code: undefined });
  }
  const response = await fetch(`${admin.server.url}/v1/functions`);
  t.equal(response.headers.get('www-authenticate'), 'Bearer');
  t.same(await send(admin, '/v1/functions', { authorization: `bearer  ${token}` }), {
    status: 200,
    code: undefined,
  });
});

void t.test(
  'guard: a Host that is a name of somebody else is refused, ours and addresses are not',
  async (t) => {
    const admin = await startAdmin(t);
    const authorization = `Bearer ${token}`;
    for (const host of [
      'evil.example',
      'localhost.evil.example:8788',
      'a@localhost',
      'evil.localhost',
      'local host',
    ]) {
      t.same(
        await send(admin, '/v1/health', { authorization, host }),
        { status: 400, code: 'ERR_BAD_REQUEST' },
        host,
      );
      t.same(await send(admin, '/healthz', { host }), { status: 400, code: 'ERR_BAD_REQUEST' }, host);
    }
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8788', '[::1]:8788', '10.0.0.7']) {
      t.equal((await send(admin, '/v1/health', { authorization, host })).status, 200, host);
    }
  },
);

void t.test('guard: a further host name answers when the listener is given it', async (t) => {
  const admin = createAdmin({ host: new MemoryHost(), token, version: '1', hostnames: ['islet.internal'] });
  const headers = { authorization: `Bearer ${token}` };
  const ours = await admin.fetch(new Request('http://islet.internal:1/v1/health', { headers }));
  const theirs = await admin.fetch(new Request('http://islet.external:1/v1/health', { headers }));
  t.same([ours.status, theirs.status], [200, 400]);
});

void t.test('guard: pages of other origins are refused, with the token too', async (t) => {
  const admin = await startAdmin(t);
  const { host } = new URL(admin.server.url);
  const authorization = `Bearer ${token}`;
  for (const origin of ['http://evil.example', 'http://hello.localhost:8787', 'null', `http://${host}0`]) {
    t.same(await send(admin, '/v1/health', { authorization, origin }), {
      status: 400,
      code: 'ERR_BAD_REQUEST',
    });
  }
  t.equal((await send(admin, '/v1/health', { authorization, origin: `http://${host}` })).status, 200);
});

void t.test('admin: bad input is answered with its code', async (t) => {
  const admin = await startAdmin(t);
  await deploy(admin, 'f', 'exports.handler = () => 1');
  const files = { 'index.js': '' };
  const f = '/v1/functions/f';
  const rows: readonly (readonly [string, string, unknown, number, string])[] = [
    ['GET', '/v1/nowhere', undefined, 404, 'ERR_NO_ROUTE'],
    ['PATCH', '/v1/functions', {}, 404, 'ERR_NO_ROUTE'],
    ['GET', '/v1/functions/none', undefined, 404, 'ERR_NO_FUNCTION'],
    ['GET', '/v1/functions/No_Name', undefined, 400, 'ERR_BAD_NAME'],
    ['GET', '/v1/functions/%2e%2e%2f', undefined, 400, 'ERR_BAD_NAME'],
    ['GET', '/v1/functions/none/logs', undefined, 404, 'ERR_NO_FUNCTION'],
    ['GET', '/v1/logs?tail=-1', undefined, 400, 'ERR_BAD_INPUT'],
    ['GET', '/v1/logs?follow=maybe', undefined, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, '{', 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, new Uint8Array([34, 255, 34]), 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, '[]', 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, {}, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files: {} }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files, Main: 'x' }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files, main: 'toString' }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files, activate: 'yes' }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files, manifest: [] }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files: { 'a.js': { base64: '*' } } }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, { files: { 'a.js': 7 } }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/deployments`, '{"files":{"__proto__":"x"},"activate":null}', 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/rollback`, { version: 0 }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/rollback`, { version: 1.5 }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/rollback`, { version: 7 }, 404, 'ERR_NO_VERSION'],
    ['PUT', `${f}/weights`, { weights: { 1: 99 } }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/weights`, { weights: { 1: 101, 2: -1 } }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/weights`, { weights: { 1: 50, 2: 25, 3: 25 } }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/weights`, { weights: { x: 100 } }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/weights`, {}, 400, 'ERR_BAD_INPUT'],
    ['DELETE', `${f}/versions/latest`, undefined, 400, 'ERR_BAD_INPUT'],
    ['DELETE', `${f}/versions/1`, undefined, 409, 'ERR_VERSION_IN_USE'],
    ['PUT', `${f}/secrets/KEY`, { value: 7 }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/secrets/NOT-A-NAME`, { value: '' }, 400, 'ERR_BAD_INPUT'],
    ['PUT', `${f}/secrets/KEY`, { value: 'x'.repeat(2 ** 18) }, 400, 'ERR_BAD_INPUT'],
    ['DELETE', `${f}/secrets/NONE`, undefined, 404, 'ERR_NO_SECRET'],
    ['PATCH', `${f}/vars`, { vars: { A: 1 } }, 400, 'ERR_BAD_INPUT'],
    ['PATCH', `${f}/vars`, { vars: {} }, 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/invoke`, 'not json', 400, 'ERR_BAD_INPUT'],
    ['POST', `${f}/invoke?version=x`, '1', 400, 'ERR_BAD_INPUT'],
    ['GET', '/v1/kv/ns/keys?limit=0', undefined, 400, 'ERR_BAD_INPUT'],
    ['GET', '/v1/kv/ns/values/none', undefined, 404, 'ERR_NO_KEY'],
    ['PUT', '/v1/kv/ns/values/k?ttl=60', 'x', 400, 'ERR_BAD_INPUT'],
    ['PUT', '/v1/kv/ns/values/k?metadata=%7B', 'x', 400, 'ERR_BAD_INPUT'],
    ['PUT', `/v1/kv/ns/values/${'k'.repeat(513)}`, 'x', 400, 'ERR_KV_KEY'],
  ];
  for (const [method, path, body, status, code] of rows) {
    t.same(await codeOf(await admin.call(method, path, body)), { status, code }, `${method} ${path}`);
  }
});

void t.test('admin: paths of files that leave the deployment are refused', async (t) => {
  const admin = await startAdmin(t);
  const paths = [
    '../x.js',
    '/etc/x.js',
    'a/../../x.js',
    'a//b.js',
    './x.js',
    'a\\b.js',
    'C:x.js',
    '',
    'a/',
    'x\0.js',
  ];
  for (const path of paths) {
    const response = await admin.call('POST', '/v1/functions/f/deployments', { files: { [path]: '' } });
    t.same(await codeOf(response), { status: 400, code: 'ERR_BAD_INPUT' }, JSON.stringify(path));
  }
});

void t.test('admin: bodies are taken up to their bound and refused one byte over', async (t) => {
  const admin = await startAdmin(t);
  await deploy(admin, 'f', 'exports.handler = (event) => event.length');
  const event = (bytes: number): string => JSON.stringify('x'.repeat(bytes - 2));
  const most = 6 * 2 ** 20;
  t.equal((await admin.call('POST', '/v1/functions/f/invoke', event(most))).status, 200);
  t.same(await codeOf(await admin.call('POST', '/v1/functions/f/invoke', event(most + 1))), {
    status: 400,
    code: 'ERR_BAD_INPUT',
  });
  const value = new Uint8Array(25 * 2 ** 20 + 1);
  t.equal((await admin.call('PUT', '/v1/kv/ns/values/k', value.subarray(1))).status, 204);
  t.same(await codeOf(await admin.call('PUT', '/v1/kv/ns/values/k', value)), {
    status: 413,
    code: 'ERR_KV_VALUE',
  });
});

void t.test('admin: a chunked body over the bound is refused though its length is not told', async (t) => {
  const admin = await startAdmin(t);
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(2 ** 20));
    },
  });
  const response = await fetch(`${admin.server.url}/v1/kv/ns/values/k`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body,
    duplex: 'half',
  });
  t.same(await codeOf(response), { status: 413, code: 'ERR_KV_VALUE' });
});

void t.test(
  'admin: an error that is not the caller’s is 500 without detail, and the host is told',
  async (t) => {
    const seen: unknown[] = [];
    const host = new MemoryHost();
    const broken = new TypeError('Cannot read properties of undefined, at /secret/path');
    host.list = () => Promise.reject(broken);
    const admin = createAdmin({ host, token, version: '1', onInternalError: (error) => seen.push(error) });
    const request = new Request('http://localhost/v1/functions', {
      headers: { authorization: `Bearer ${token}` },
    });
    const response = await admin.fetch(request);
    const text = await response.text();
    t.equal(response.status, 500);
    t.equal((JSON.parse(text) as { error: { code: string } }).error.code, 'ERR_INTERNAL');
    t.notMatch(text, /secret/);
    t.same(seen, [broken]);
  },
);

void t.test('serve: a port in use is told by its code', async (t) => {
  const admin = await startAdmin(t);
  const second = createAdmin({ host: new MemoryHost(), token, version: '1' });
  await t.rejects(serveAdmin(second, { port: admin.server.port }), { code: 'ERR_PORT_IN_USE' });
});

void t.test('serve: bytes that are not HTTP are answered with 400 and the server stays', async (t) => {
  const admin = await startAdmin(t);
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    connect(admin.server.port, '127.0.0.1')
      .on('data', (piece) => (text += String(piece)))
      .on('close', () => resolve(text))
      .on('error', reject)
      .end('\0\0 nonsense\r\n\r\n');
  });
  t.match(answer, /^HTTP\/1\.1 400 /);
  t.equal((await admin.call('GET', '/healthz')).status, 200);
});

void t.test('serve: globals of the process stay its own', async (t) => {
  const own = [globalThis.Request, globalThis.Response];
  await startAdmin(t);
  t.same([globalThis.Request, globalThis.Response], own);
  t.ok(globalThis.Request === own[0] && globalThis.Response === own[1]);
});
