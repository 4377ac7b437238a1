import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openApiDocument } from '#host/admin/openapi.ts';
import type { Answer } from '#host/admin/openapi.ts';
import { createAdmin } from '#host/admin/app.ts';
import { MemoryHost } from '#test/support/memory-host.ts';
import { startAdmin } from '#test/support/admin-server.ts';
import type { TestAdmin } from '#test/support/admin-server.ts';
import { openTestHost } from '#test/support/host.ts';

type Tap = typeof t;

const document = openApiDocument('0.0.0');
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema({ $id: 'islet:', ...document });

const echo = 'exports.handler = async (event) => { console.log("got", event.n); return event; }';
const files = { 'index.js': echo };

/** Calls, checks the status and holds the answer to the document's schema for it. */
async function call(
  t: Pick<Tap, 'equal' | 'ok' | 'same'>,
  admin: Pick<TestAdmin, 'call'>,
  [route, path, status, body]: readonly [route: string, path: string, status: number, body?: unknown],
): Promise<unknown> {
  const method = route.slice(0, route.indexOf(' '));
  const template = route.slice(method.length + 1);
  const operation = document.paths[template]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`not documented: ${route}`);
  const response = await admin.call(method, path, body);
  const text = await response.text();
  t.equal(response.status, status, `${route} ${text.slice(0, 200)}`);
  const key = String(status) in operation.responses ? String(status) : 'default';
  const answer = operation.responses[key] as Answer;
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  t.same(
    Object.keys(answer.content ?? {}),
    type === '' ? [] : [type],
    `${route}: content type as documented`,
  );
  if (type !== 'application/json') return text;
  const pointer = `islet:#/paths/${escape(template)}/${method.toLowerCase()}/responses/${key}/content/application~1json/schema`;
  const validate = ajv.getSchema(pointer);
  if (validate === undefined) throw new Error(`no schema at ${pointer}`);
  const value: unknown = JSON.parse(text);
  t.ok(validate(value), `${route}: answer fits its schema ${ajv.errorsText(validate.errors)}`);
  return value;
}

function escape(text: string): string {
  return encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
}

void t.test('openapi: the document names exactly the routes the app has', async (t) => {
  const admin = createAdmin({ host: new MemoryHost(), token: 'x', version: '1' });
  const served = admin.routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  t.same(served.sort(), documented.sort());
});

void t.test('openapi: path parameters are the ones in the path, operation ids are unique', async (t) => {
  const ids = new Set<string>();
  for (const [path, operations] of Object.entries(document.paths)) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    for (const operation of Object.values(operations)) {
      const given = (operation.parameters ?? []).filter((parameter) => parameter['in'] === 'path');
      t.same(
        given.map((parameter) => parameter['name']),
        wanted,
        path,
      );
      t.notOk(ids.has(operation.operationId));
      ids.add(operation.operationId);
    }
  }
});

void t.test('admin: a life of a function, every answer in its documented shape', async (t) => {
  await liveOnce(t, await startAdmin(t));
});

void t.test('admin: the same life on a real host, over its own listener', async (t) => {
  const { adminUrl, dir } = await openTestHost(t);
  const token = (await readFile(join(dir, 'token'), 'utf8')).trim();
  const call: TestAdmin['call'] = (method, path, body) =>
    fetch(`${adminUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  await liveOnce(t, { call });
});

async function liveOnce(
  t: Pick<Tap, 'equal' | 'ok' | 'same'>,
  admin: Pick<TestAdmin, 'call'>,
): Promise<void> {
  const second = { 'index.js': `${echo}\n//2` };
  const fn = '/v1/functions/shop';
  const name = '/v1/functions/{name}';
  /** Of "{}". */
  const hash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
  const steps: readonly (readonly [string, string, number, unknown?])[] = [
    ['GET /v1/functions', '/v1/functions', 200],
    [`POST ${name}/assets/missing`, `${fn}/assets/missing`, 200, { hashes: [hash] }],
    [`PUT ${name}/assets/{hash}`, `${fn}/assets/${hash}`, 204, {}],
    [`PUT ${name}/assets/{hash}`, `${fn}/assets/${'0'.repeat(64)}`, 400, {}],
    [`POST ${name}/deployments`, `${fn}/deployments`, 201, { files, manifest: { vars: { MODE: 'a' } } }],
    [
      `POST ${name}/deployments`,
      `${fn}/deployments`,
      201,
      { files: second, main: 'index.js', activate: false },
    ],
    ['GET /v1/functions', '/v1/functions', 200],
    [`GET ${name}`, fn, 200],
    [`GET ${name}/versions`, `${fn}/versions`, 200],
    [`PUT ${name}/weights`, `${fn}/weights`, 200, { weights: { 1: 90, 2: 10 } }],
    [`POST ${name}/rollback`, `${fn}/rollback`, 200, { version: 2 }],
    [`POST ${name}/rollback`, `${fn}/rollback`, 200],
    [`PUT ${name}/secrets/{key}`, `${fn}/secrets/API_KEY`, 204, { value: 'hush' }],
    [`GET ${name}/secrets`, `${fn}/secrets`, 200],
    [`DELETE ${name}/secrets/{key}`, `${fn}/secrets/API_KEY`, 204],
    [`DELETE ${name}/secrets/{key}`, `${fn}/secrets/API_KEY`, 404],
    [`GET ${name}/vars`, `${fn}/vars`, 200],
    [`PATCH ${name}/vars`, `${fn}/vars`, 200, { vars: { MODE: 'b', EXTRA: 'x' } }],
    [`POST ${name}/invoke`, `${fn}/invoke`, 200, { n: 1 }],
    [`POST ${name}/invoke`, `${fn}/invoke?version=1`, 200, { n: 1 }],
    [`POST ${name}/invoke`, `${fn}/invoke?version=9`, 404, { n: 1 }],
    [`GET ${name}/logs`, `${fn}/logs`, 200],
    ['GET /v1/logs', '/v1/logs?tail=1', 200],
    ['GET /v1/usage', '/v1/usage', 200],
    ['GET /v1/usage', '/v1/usage?function=shop', 200],
    ['GET /v1/health', '/v1/health', 200],
    ['GET /healthz', '/healthz', 200],
    ['GET /metrics', '/metrics', 200],
    ['GET /openapi.json', '/openapi.json', 200],
    ['GET /v1/kv', '/v1/kv', 200],
    ['PUT /v1/kv/{namespace}/values/{key}', '/v1/kv/ns/values/a', 204, 'one'],
    ['PUT /v1/kv/{namespace}/values/{key}', '/v1/kv/ns/values/b?expirationTtl=60', 204, 'two'],
    ['GET /v1/kv/{namespace}/keys', '/v1/kv/ns/keys?limit=1', 200],
    ['GET /v1/kv/{namespace}/values/{key}', '/v1/kv/ns/values/a', 200],
    ['DELETE /v1/kv/{namespace}/values/{key}', '/v1/kv/ns/values/a', 204],
    ['GET /v1/kv/{namespace}/values/{key}', '/v1/kv/ns/values/a', 404],
    [
      'POST /v1/kv/{namespace}/import',
      '/v1/kv/ns/import?ifAbsent',
      200,
      '{"key":"i","value":"1"}\n{"key":7}\n',
    ],
    ['GET /v1/kv/{namespace}/export', '/v1/kv/ns/export?prefix=i', 200],
    ['PUT /v1/kv/{namespace}/grants/{cordon}', '/v1/kv/ns/grants/partner', 204, { access: 'read' }],
    ['PUT /v1/kv/{namespace}/grants/{cordon}', '/v1/kv/ns/grants/partner', 400, { access: 'all' }],
    ['GET /v1/kv-grants', '/v1/kv-grants', 200],
    ['DELETE /v1/kv/{namespace}/grants/{cordon}', '/v1/kv/ns/grants/partner', 204],
    [
      'POST /2015-03-31/functions/{name}/invocations',
      '/2015-03-31/functions/shop/invocations',
      200,
      { n: 1 },
    ],
    [
      'POST /2015-03-31/functions/{name}/invocations',
      '/2015-03-31/functions/none/invocations',
      404,
      { n: 1 },
    ],
    [`DELETE ${name}/versions/{version}`, `${fn}/versions/2`, 204],
    [`DELETE ${name}/versions/{version}`, `${fn}/versions/3`, 409],
    [`DELETE ${name}`, fn, 204],
    [`GET ${name}`, fn, 404],
  ];
  for (const step of steps) await call(t, admin, step);
  const untried = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .map((method) => `${method.toUpperCase()} ${path}`)
      .filter((route) => !steps.some((step) => step[0] === route)),
  );
  t.same(untried, [], 'every operation was called');
}

void t.test('admin: an invocation tells its outcome, value and logs once', async (t) => {
  const admin = await startAdmin(t);
  await admin.call('POST', '/v1/functions/e/deployments', { files });
  const result = (await (await admin.call('POST', '/v1/functions/e/invoke', { n: 7 })).json()) as never;
  t.match(result, {
    outcome: { kind: 'returned' },
    value: { n: 7 },
    version: 1,
    logs: [{ message: 'got 7' }],
  });
  t.notOk('value' in result['outcome']);
});

void t.test('admin: binary files arrive as they were', async (t) => {
  const admin = await startAdmin(t);
  const base64 = Buffer.from('exports.handler = () => "é"').toString('base64');
  await admin.call('POST', '/v1/functions/b/deployments', { files: { 'index.js': { base64 } } });
  t.match(await (await admin.call('POST', '/v1/functions/b/invoke')).json(), { value: 'é' });
});

void t.test('admin: KV keys and values of any bytes survive the address', async (t) => {
  const admin = await startAdmin(t);
  for (const key of ['a/b', 'a%2Fb', 'sp ace', 'ключ', '?x=1#y', '100%', 'a//b', '+']) {
    const path = `/v1/kv/my%3Ans/values/${encodeURIComponent(key)}`;
    const value = new Uint8Array([0, 255, 10, 13]);
    const metadata = encodeURIComponent(JSON.stringify({ k: `${key} ü` }));
    t.equal((await admin.call('PUT', `${path}?metadata=${metadata}`, value)).status, 204, key);
    t.same((await admin.host.kv.get('my:ns', key))?.value, Buffer.from(value), key);
    const response = await admin.call('GET', path);
    t.same(new Uint8Array(await response.arrayBuffer()), value, key);
    t.same(JSON.parse(response.headers.get('x-islet-kv-metadata') ?? ''), { k: `${key} ü` }, key);
  }
});
