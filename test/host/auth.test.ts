import t from 'tap';
import { Mails } from '#test/support/mails.ts';
import { eventually, openTestHost, type TestHost } from '#test/support/host.ts';

const guest = `export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/verify') return Response.json(await env.AUTH.verify(request));
    if (pathname === '/admin') {
      const user = await env.AUTH.users.create({ email: 'bob@example.com', name: 'Bob', roles: ['editor'], claims: { plan: 'pro' } });
      const key = await env.AUTH.apiKeys.create(user.id, { name: 'ci' });
      const found = await env.AUTH.users.get(user.id);
      return Response.json({ found, key, users: (await env.AUTH.users.list({ limit: 10 })).total });
    }
    if (pathname === '/wrong') {
      const failures = [];
      for (const work of [
        () => env.AUTH.users.create({ email: 7 }),
        () => env.AUTH.users.setRoles('x', [7]),
        () => env.AUTH.users.list({ limit: 'many' }),
        () => env.AUTH.verify(7),
        () => env.AUTH.users.setRoles('nobody', ['a']),
      ]) await work().catch((error) => failures.push([error.name, error.code ?? null]));
      return Response.json(failures);
    }
    return Response.json({ user: ctx.user ?? null });
  },
};`;

interface Program {
  post(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; json: Record<string, unknown> }>;
}

function program(host: TestHost, name = 'shop'): Program {
  return {
    async post(path, body, headers = {}) {
      const answer = await host.request(`/auth${path}`, {
        method: 'POST',
        host: `${name}.localhost:${host.port}`,
        headers: { 'content-type': 'application/json', 'x-auth-tokens': '1', ...headers },
        body: JSON.stringify(body),
      });
      return { status: answer.status, json: JSON.parse(answer.text) as Record<string, unknown> };
    },
  };
}

const ada = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };

async function signedIn(host: TestHost): Promise<{ readonly access: string; readonly refresh: string }> {
  const { post } = program(host);
  const up = await post('/sign-up/email', ada);
  if (up.status !== 200) throw new Error(`Sign-up: ${up.status} ${JSON.stringify(up.json)}`);
  const link = await new Mails(host.dir).linkTo(ada.email);
  await host.request(link.pathname + link.search, { host: link.host });
  const { json } = await post('/sign-in/email', { email: ada.email, password: ada.password });
  return { access: String(json['access_token']), refresh: String(json['refresh_token']) };
}

function bearer(token: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

void t.test(
  'auth: the host checks tokens before a function starts, and the guest reads ctx.user',
  async (t) => {
    const host = await openTestHost(t);
    await host.deploy('shop', guest, {
      bindings: { AUTH: { kind: 'auth' } },
      routes: [{ pattern: '/me', auth: 'required' }],
    });
    const at = { host: `shop.localhost:${host.port}` };
    const refused = await host.request('/me', at);
    t.equal(refused.status, 401);
    t.match(refused.headers['www-authenticate'], [/^Bearer/]);
    t.equal((await host.request('/me', { ...at, ...bearer('a.b.c') })).status, 401);
    const { access } = await signedIn(host);
    const me = await host.request('/me', { ...at, ...bearer(access) });
    t.equal(me.status, 200);
    t.match(JSON.parse(me.text), {
      user: { email: ada.email, roles: ['user'], claims: { iss: `http://shop.localhost:${host.port}/auth` } },
    });
    const verified = await host.request('/verify', { ...at, ...bearer(access) });
    t.match(JSON.parse(verified.text), { email: ada.email }, verified.text);
    t.equal((await host.request('/verify', at)).text, 'null');
  },
);

void t.test('auth: a Lambda handler reads requestContext.authorizer', async (t) => {
  const host = await openTestHost(t);
  const bindings = { AUTH: { kind: 'auth', pool: 'main' } };
  await host.deploy('shop', guest, { bindings });
  await host.deploy('api', 'exports.handler = async (event) => event.requestContext.authorizer ?? null;', {
    bindings,
    auth: 'required',
  });
  const { access } = await signedIn(host);
  const answer = await host.request('/x', { host: `api.localhost:${host.port}`, ...bearer(access) });
  t.equal(answer.status, 200);
  t.match(answer.text, ada.email);
});

void t.test(
  'auth: env.AUTH does admin work where the config allows it, and mistakes are TypeErrors',
  async (t) => {
    const host = await openTestHost(t);
    await host.deploy('shop', guest, {
      bindings: { AUTH: { kind: 'auth', admin: true } },
      routes: [{ pattern: '/me', auth: 'required' }],
    });
    const at = { host: `shop.localhost:${host.port}` };
    const answered = await host.request('/admin', at);
    t.equal(answered.status, 200, answered.text);
    const made = JSON.parse(answered.text) as {
      readonly found: unknown;
      readonly key: { readonly key: string };
      readonly users: number;
    };
    t.match(made, {
      found: { email: 'bob@example.com', roles: ['editor'], claims: { plan: 'pro' } },
      users: 1,
    });
    const byKey = await host.request('/me', { ...at, headers: { 'x-api-key': made.key.key } });
    t.match(JSON.parse(byKey.text), {
      user: { email: 'bob@example.com', claims: { plan: 'pro', apiKey: { name: 'ci' } } },
    });
    t.equal((await host.request('/me', { ...at, headers: { 'x-api-key': `${made.key.key}x` } })).status, 401);
    const wrong = JSON.parse((await host.request('/wrong', at)).text) as unknown;
    t.same(wrong, [...Array.from({ length: 4 }, () => ['TypeError', null]), ['Error', 'ERR_AUTH']]);
  },
);

void t.test('auth: endpoints are where the function says', async (t) => {
  const host = await openTestHost(t);
  await host.deploy('shop', guest, {
    bindings: { AUTH: { kind: 'auth', path: '/account/id' } },
    routes: [{ pattern: '/me', auth: 'required' }],
  });
  const at = { host: `shop.localhost:${host.port}` };
  const base = `http://shop.localhost:${host.port}/account/id`;
  const json = { 'content-type': 'application/json' };
  const page = await host.request('/me', { ...at, headers: { accept: 'text/html' } });
  t.equal(page.status, 303);
  t.match(page.headers['location']?.[0], '/account/id/sign-in?to=');
  t.match((await host.request('/account/id/sign-in', at)).text, `"${base}"`);
  const body = JSON.stringify(ada);
  const up = await host.request('/account/id/sign-up/email', { ...at, method: 'POST', headers: json, body });
  t.equal(up.status, 200, up.text);
  const link = await new Mails(host.dir).linkTo(ada.email);
  t.match(link.href, `${base}/verify-email?`);
  const opened = await host.request(link.pathname + link.search, { host: link.host });
  t.match(opened.headers['set-cookie']?.[0], /islet\.session_token=.*Path=\/;/);
  const cookie = opened.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  t.match((await host.request('/me', { ...at, headers: { cookie } })).text, ada.email);
  const found = await host.request('/account/id/.well-known/openid-configuration', at);
  t.match(JSON.parse(found.text), {
    issuer: base,
    jwks_uri: `${base}/jwks`,
    token_endpoint: `${base}/oauth2/token`,
  });
  const keys = await host.request('/account/id/jwks', at);
  t.equal((await host.request('/.well-known/jwks.json', at)).text, keys.text);
  const signIn = await host.request('/account/id/sign-in/email', {
    ...at,
    method: 'POST',
    headers: { ...json, 'x-auth-tokens': '1' },
    body,
  });
  const { access_token: access } = JSON.parse(signIn.text) as { readonly access_token: string };
  const me = await host.request('/me', { ...at, ...bearer(access) });
  t.match(JSON.parse(me.text), { user: { claims: { iss: base } } });
  for (const path of ['/auth/jwks', '/account', '/account/idle'])
    t.equal((await host.request(path, at)).text, '{"user":null}', `${path} is the function's`);
});

void t.test('auth: users, sessions and keys outlive a restart', async (t) => {
  const host = await openTestHost(t);
  await host.deploy('shop', guest, {
    bindings: { AUTH: { kind: 'auth' } },
    routes: [{ pattern: '/me', auth: 'required' }],
  });
  const { access, refresh } = await signedIn(host);
  const again = await host.restart();
  const at = { host: `shop.localhost:${again.port}` };
  const meAgain = await again.request('/me', { ...at, ...bearer(access) });
  t.equal(meAgain.status, 200, meAgain.text);
  const next = await program(again).post('/token', { grant_type: 'refresh_token', refresh_token: refresh });
  t.equal(next.status, 200);
});

void t.test('auth: hooks call functions, which add claims, refuse, or fail and so refuse', async (t) => {
  const host = await openTestHost(t);
  const hook = `exports.handler = async ({ type, user, pool }, { env }) => {
    await env.KV.put(type + ' ' + user.email, pool);
    if (user.email.startsWith('bad')) return { refuse: 'not you' };
    if (user.email.startsWith('broken')) throw new Error('broken');
    if (type === 'auth.beforeSignIn') return { claims: { tier: 'gold' } };
    if (type === 'auth.beforeSignUp') return { roles: ['member'] };
  };`;
  await host.deploy('gate', hook, { bindings: { KV: { kind: 'kv', namespace: 'asked' } } });
  const hooks = { beforeSignUp: 'gate', afterSignUp: 'gate', beforeSignIn: 'gate', afterSignIn: 'gate' };
  await host.deploy('shop', guest, {
    bindings: { AUTH: { kind: 'auth', hooks } },
    routes: [{ pattern: '/me', auth: 'required' }],
  });
  const { post } = program(host);
  const bad = await post('/sign-up/email', { ...ada, email: 'bad@example.com' });
  t.match(bad, { status: 422, json: { code: 'REFUSED', message: 'not you' } });
  t.equal((await post('/sign-up/email', { ...ada, email: 'broken@example.com' })).status, 422);
  const { access } = await signedIn(host);
  const me = await host.request('/me', { host: `shop.localhost:${host.port}`, ...bearer(access) });
  t.match(JSON.parse(me.text), { user: { roles: ['member'], claims: { tier: 'gold' } } });
  const asked = await eventually('the hooks that come after', async () => {
    const { keys } = await host.host.kv.list('asked');
    return keys.length === 6 ? keys.map(({ name }) => name) : undefined;
  });
  t.same(asked, [
    `auth.afterSignIn ${ada.email}`,
    `auth.afterSignUp ${ada.email}`,
    `auth.beforeSignIn ${ada.email}`,
    `auth.beforeSignUp ${ada.email}`,
    'auth.beforeSignUp bad@example.com',
    'auth.beforeSignUp broken@example.com',
  ]);
});
