import t from 'tap';
import { openTestHost, type TestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const auth = { kind: 'auth', pool: 'main' };

const manager = `export default { async fetch(request, env) {
  const { email, roles, claims } = await request.json();
  const user = await env.AUTH.users.create({ email, name: 'Zoë', roles, claims });
  return Response.json({ ...(await env.AUTH.apiKeys.create(user.id, { name: 'test' })), id: user.id });
} };`;

interface Someone {
  readonly id: string;
  readonly key: string;
}

/** Makes a user with an API key, through a function that may. */
async function someone(host: TestHost, email: string, roles: readonly string[]): Promise<Someone> {
  await host.deploy('manager', manager, { bindings: { AUTH: { ...auth, admin: true } } });
  const body = JSON.stringify({ email, roles, claims: { plan: 'pro', level: 7 } });
  const made = await host.request('/manager/', { method: 'POST', body });
  return JSON.parse(made.text) as Someone;
}

async function instancesOf(host: TestHost): Promise<number> {
  const { cells } = await host.host.health();
  return cells.reduce((sum, { instances }) => sum + instances, 0);
}

await t.test('access: an intruder starts nothing, whatever they try', async (t) => {
  const host = await openTestHost(t);
  await host.deploy('shop', 'export default { fetch: () => new Response("inside") };', {
    bindings: { AUTH: auth },
    auth: 'required',
    routes: [{ pattern: '/open/*', auth: 'none' }, 'shop.example.com/*'],
  });
  const before = await instancesOf(host);
  const attempts: readonly (readonly [
    string,
    { host?: string; method?: string; headers?: Record<string, string>; body?: string },
  ])[] = [
    ['/shop/', {}],
    ['/shop', {}],
    ['/shop@1/', {}],
    ['/', { host: 'shop.localhost' }],
    ['/', { host: '1--shop.localhost' }],
    ['/', { host: 'SHOP.localhost.' }],
    ['/', { host: 'shop.example.com' }],
    ['/shop/', { method: 'POST', body: 'x'.repeat(10_000) }],
    [
      '/shop/',
      {
        method: 'OPTIONS',
        headers: { origin: 'http://evil.example', 'access-control-request-method': 'GET' },
      },
    ],
    ['/shop/', { headers: { 'x-islet-user': '{"id":"ada","roles":["admin"],"claims":{}}' } }],
    ['/shop/', { headers: { authorization: 'Bearer x' } }],
    ['/shop/', { headers: { authorization: 'Bearer a.b.c' } }],
    ['/shop/', { headers: { 'x-api-key': 'guess' } }],
    ['/shop/', { headers: { cookie: '__Secure-session=guess; session=guess' } }],
    ['/shop/open/..%2fsecret', {}],
    ['/shop/open%2f..%2fsecret', {}],
    ['/shop//open/x', {}],
    ['/shop/OPEN/x', {}],
  ];
  for (const [path, options] of attempts) {
    const { status, text } = await host.request(path, options);
    t.ok(status === 400 || status === 401 || status === 404, `${path} ${JSON.stringify(options)}: ${status}`);
    t.notMatch(text, 'inside');
  }
  t.same(await host.host.usage('shop'), [], 'no invocation, cold or warm');
  t.equal(await instancesOf(host), before, 'and no instance');
  t.match(
    await host.host.metrics(),
    /islet_front_requests_total\{function="shop",version="1",kind="refused"\} \d+/,
  );
  t.equal((await host.request('/shop/open/x')).text, 'inside');
  t.match(await host.host.usage('shop'), [{ invocations: 1 }]);
});

await t.test('access: a caller is told to functions of every shape, and to nobody else', async (t) => {
  const host = await openTestHost(t);
  const ada = await someone(host, 'ada@example.com', ['admin', 'editor']);
  const guarded = { bindings: { AUTH: auth }, auth: 'required' };
  await host.deploy(
    'web',
    'export default { fetch: (request, env, ctx) => Response.json({ user: ctx.user, header: request.headers.get("x-islet-user") }) };',
    guarded,
  );
  await host.deploy('lambda', 'exports.handler = async (event) => event.requestContext.authorizer;', guarded);
  const headers = { 'x-api-key': ada.key, 'x-islet-user': '{"id":"eve"}' };
  const ask = async (name: string): Promise<unknown> =>
    JSON.parse((await host.request(`/${name}/`, { headers })).text);
  t.match(await ask('web'), {
    user: {
      id: ada.id,
      email: 'ada@example.com',
      name: 'Zoë',
      roles: ['admin', 'editor'],
      claims: { plan: 'pro', level: 7 },
    },
    header: null,
  });
  const authorizer = {
    jwt: {
      claims: {
        sub: ada.id,
        email: 'ada@example.com',
        name: 'Zoë',
        roles: '[admin editor]',
        plan: 'pro',
        level: '7',
      },
      scopes: null,
    },
  };
  t.match(await ask('lambda'), authorizer);
  // A function that another one calls learns of its caller only what is sent on.
  await host.deploy(
    'front',
    'export default { fetch: (request, env) => env.WEB.fetch(new URL(request.url).pathname === "/on" ? request : "/") };',
    {
      bindings: { AUTH: auth, WEB: { kind: 'function', function: 'web' } },
      auth: 'required',
    },
  );
  t.equal((await host.request('/front/', { headers })).status, 401, 'the rules of the callee hold');
  t.match(JSON.parse((await host.request('/front/on', { headers })).text), { user: { id: ada.id } });
  t.equal((await host.host.fetch('web', new Request('http://web/'))).status, 401, 'embedders are asked too');
  t.match(await (await host.host.fetch('web', new Request('http://web/', { headers }))).json(), {
    user: { id: ada.id },
  });
});

await t.test('access: Python reads the authorizer, and the header', { skip: withoutAddon }, async (t) => {
  const host = await openTestHost(t);
  const ada = await someone(host, 'ada@example.com', ['admin']);
  const source = `def lambda_handler(event, context):
    return {'authorizer': event['requestContext'].get('authorizer'), 'user': event['headers'].get('x-islet-user')}
`;
  const manifest = { bindings: { AUTH: auth }, auth: 'optional', limits: { cpuMs: 5000 } };
  await host.host.deploy({ files: { 'handler.py': source } }, { name: 'snake', manifest });
  t.same(JSON.parse((await host.request('/snake/', { headers: { 'x-islet-user': '{"id":"eve"}' } })).text), {
    authorizer: null,
    user: null,
  });
  const told = JSON.parse((await host.request('/snake/', { headers: { 'x-api-key': ada.key } })).text) as {
    readonly authorizer: unknown;
    readonly user: string;
  };
  t.match(told.authorizer, { jwt: { claims: { sub: ada.id, roles: '[admin]', level: '7' } } });
  t.match(JSON.parse(told.user), { id: ada.id, name: 'Zoë', roles: ['admin'] });
  t.match(told.user, /^[\x20-\x7e]+$/, 'ASCII');
});

await t.test('access: roles, and who may call is part of what a version says of itself', async (t) => {
  const host = await openTestHost(t);
  const ada = await someone(host, 'ada@example.com', ['editor']);
  const info = await host.deploy('shop', 'export default { fetch: () => new Response("inside") };', {
    bindings: { AUTH: auth },
    routes: [
      { pattern: '/admin/*', roles: ['admin'] },
      { pattern: '/edit/*', roles: ['admin', 'editor'] },
    ],
  });
  t.match(info.access, [{ pattern: '/admin/*', auth: 'required', binding: 'AUTH', roles: ['admin'] }, {}]);
  const headers = { 'x-api-key': ada.key };
  const status = async (path: string): Promise<number> => (await host.request(path, { headers })).status;
  t.same(
    [await status('/shop/admin/x'), await status('/shop/edit/x'), await status('/shop/x')],
    [403, 200, 200],
  );
  const restarted = await host.restart();
  t.equal((await restarted.request('/shop/admin/x', { headers })).status, 403, 'after a restart too');
  t.equal((await restarted.request('/shop/admin/x')).status, 401);
});
