import t from 'tap';
import { openTestHost, type TestHost } from '#test/support/host.ts';
import { anyVerb } from '#test/support/any-verb.ts';

type Ask = <T = Record<string, unknown>>(path: string, ...args: readonly unknown[]) => Promise<T>;

const auth = { kind: 'auth', pool: 'main', admin: true };

async function openPool(t: Parameters<typeof openTestHost>[0]): Promise<{ host: TestHost; ask: Ask }> {
  const host = await openTestHost(t);
  await host.deploy('shop', anyVerb('AUTH'), { bindings: { AUTH: auth } });
  const ask: Ask = async (path, ...args) => {
    const body = JSON.stringify({ path: path.split('.'), args });
    const { text } = await host.request('/shop/', { method: 'POST', body });
    const answer = JSON.parse(text) as { readonly value?: unknown };
    return ('value' in answer ? answer.value : answer) as never;
  };
  return { host, ask };
}

interface Made {
  readonly id: string;
}

const password = 'correct horse battery';

async function signIn(
  host: TestHost,
  email: string,
  secret: string,
): Promise<{ status: number; cookie: string; token: string }> {
  const send = async (headers: Record<string, string>): ReturnType<TestHost['request']> =>
    await host.request('/auth/sign-in/email', {
      method: 'POST',
      host: `shop.localhost:${host.port}`,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ email, password: secret }),
    });
  const browser = await send({ origin: `http://shop.localhost:${host.port}` });
  if (browser.status !== 200) return { status: browser.status, cookie: '', token: '' };
  const program = await send({ 'x-auth-tokens': '1' });
  const { access_token: token } = JSON.parse(program.text) as { readonly access_token: string };
  return { status: 200, cookie: browser.headers['set-cookie']?.[0]?.split(';')[0] ?? '', token };
}

void t.test('auth verbs: users from a guest, by position and by name', async (t) => {
  const { host, ask } = await openPool(t);
  const made = await ask<Made>('users.create', {
    email: 'ada@example.com',
    name: 'Ada',
    password,
    emailVerified: true,
  });
  const { id } = made;
  t.match(await ask('users.get', { email: 'ada@example.com' }), { id });
  t.match(await ask('users.get', id), { email: 'ada@example.com', roles: ['user'], twoFactor: false });
  t.equal(await ask('users.get', 'nobody'), null);
  const changes = {
    name: 'Ada L',
    claims: { plan: 'pro' },
    roles: ['editor'],
    image: 'https://a.test/1.png',
  };
  t.match(await ask('users.update', id, changes), changes);
  t.match(await ask('users.update', id, { image: null }), { name: 'Ada L', roles: ['editor'], image: null });
  await ask('users.setRoles', id, ['owner', 'editor']);
  t.match(await ask('users.list', { search: 'ada', limit: 1 }), {
    total: 1,
    users: [{ id, roles: ['owner', 'editor'], claims: { plan: 'pro' } }],
  });
  await signIn(host, 'ada@example.com', password);
  const sessions = await ask<readonly Made[]>('users.sessions', id);
  t.equal(sessions.length, 2);
  await ask('users.revokeSessions', id, sessions[0]?.id);
  t.same(
    (await ask<readonly Made[]>('users.sessions', id)).map((each) => each.id),
    [sessions[1]?.id],
  );
  await ask('users.revokeSessions', id);
  t.same(await ask('users.sessions', id), []);
  t.match(await ask('users.ban', id, { reason: 'spam', seconds: 60 }), { banned: true, banReason: 'spam' });
  t.equal((await signIn(host, 'ada@example.com', password)).status, 403);
  t.match(await ask('users.unban', id), { banned: false, banReason: null });
  t.equal(await ask('users.setPassword', id, 'a wholly new password'), null);
  t.equal((await signIn(host, 'ada@example.com', password)).status, 401);
  t.equal((await signIn(host, 'ada@example.com', 'a wholly new password')).status, 200);
  t.equal(await ask('users.delete', id), true);
  t.equal(await ask('users.delete', id), false);
  t.match(await ask('users.unban', id), { failed: 'Error', code: 'ERR_AUTH' });
  t.match(await ask('users.update', id, 'x', 'y'), { failed: 'TypeError' }, 'one argument too many');
});

void t.test('auth verbs: organisations, API keys and signing keys from a guest', async (t) => {
  const { host, ask } = await openPool(t);
  await host.deploy('api', 'export default { fetch: (request, env, ctx) => Response.json(ctx.user) };', {
    bindings: { AUTH: auth },
    auth: 'required',
  });
  const user = await ask<Made>('users.create', { email: 'ada@example.com' });
  const { id } = await ask<Made>('organizations.create', { slug: 'acme', name: 'Acme' });
  t.match(await ask('organizations.create', { slug: 'acme' }), { failed: 'Error', code: 'ERR_AUTH' });
  t.match(await ask('organizations.list', { limit: 10 }), [{ id, slug: 'acme', name: 'Acme' }]);
  t.equal(await ask('organizations.setMember', id, user.id, 'owner'), null);
  t.match(await ask('organizations.get', id), { members: [{ userId: user.id, role: 'owner' }] });
  await ask('organizations.setMember', id, user.id, 'member');
  t.match(await ask('organizations.get', id), { members: [{ userId: user.id, role: 'member' }] });
  t.match(await ask('organizations.setMember', id, user.id, 'king'), { failed: 'TypeError' });
  t.equal(await ask('organizations.removeMember', id, user.id), true);
  t.equal(await ask('organizations.removeMember', id, user.id), false);
  t.equal(await ask('organizations.delete', id), true);
  t.equal(await ask('organizations.get', id), null);

  const made = await ask<Made & { key: string }>('apiKeys.create', user.id, { name: 'ci', seconds: 86_400 });
  const door = async (): Promise<number> =>
    (await host.request('/x', { host: `api.localhost:${host.port}`, headers: { 'x-api-key': made.key } }))
      .status;
  t.equal(await door(), 200);
  const listed = await ask<readonly { expiresAt: string }[]>('apiKeys.list', user.id);
  t.match(listed, [{ id: made.id, name: 'ci', enabled: true }]);
  t.ok(Math.abs(Date.parse(listed[0]?.expiresAt ?? '') - Date.now() - 86_400_000) < 600_000);
  t.notOk(JSON.stringify(listed).includes(made.key));
  t.equal(await ask('apiKeys.revoke', made.id), true);
  t.equal(await ask('apiKeys.revoke', made.id), false);
  t.equal(await door(), 401);
  const one = await ask<{ kid: string }>('keys.rotate');
  const two = await ask<{ kid: string }>('keys.rotate', { revoke: true });
  t.not(one.kid, two.kid);
  const jwks = await host.request('/auth/jwks', { host: `shop.localhost:${host.port}` });
  t.match(JSON.parse(jwks.text), { keys: [{ kid: two.kid }] });
});

void t.test('auth verbs: verify(event) knows whose a Lambda event is, by token and by cookies', async (t) => {
  const { host, ask } = await openPool(t);
  await host.deploy(
    'lambda',
    `exports.handler = async (event, { env }) => {
      const bare = await env.AUTH.verify({ headers: {} });
      return { statusCode: 200, body: JSON.stringify({ user: await env.AUTH.verify(event), bare }) };
    };`,
    { bindings: { AUTH: auth } },
  );
  await ask('users.create', { email: 'ada@example.com', password, emailVerified: true });
  const { cookie, token } = await signIn(host, 'ada@example.com', password);
  const at = { host: `lambda.localhost:${host.port}` };
  const known = { user: { email: 'ada@example.com' }, bare: null };
  const asked = async (headers: Record<string, string>): Promise<unknown> =>
    JSON.parse((await host.request('/x', { ...at, headers })).text) as unknown;
  t.match(await asked({ authorization: `Bearer ${token}` }), known);
  t.match(await asked({ cookie }), known, 'cookies of an event are apart from its headers');
  t.match(await asked({ cookie: `a=b; ${cookie}; c=d` }), known);
  t.same(await asked({}), { user: null, bare: null });
  t.same(await asked({ authorization: `Bearer ${token}x` }), { user: null, bare: null });
});

void t.test('auth verbs: a hook may refuse a sign-in, and one that takes its time refuses', async (t) => {
  const { host, ask } = await openPool(t);
  await host.deploy(
    'gate',
    `exports.handler = async ({ user }) => {
      if (user.email.startsWith('slow')) await new Promise((resolve) => setTimeout(resolve, 20_000));
      return user.email.startsWith('bad') ? { refuse: 'not today' } : { claims: { gate: 1 } };
    };`,
    { limits: { wallMs: 30_000 } },
  );
  await host.deploy('shop', anyVerb('AUTH'), {
    bindings: { AUTH: { ...auth, hooks: { beforeSignIn: 'gate' } } },
  });
  const statuses: number[] = [];
  for (const name of ['good', 'bad', 'slow']) {
    const email = `${name}@example.com`;
    await ask('users.create', { email, password, emailVerified: true });
    statuses.push((await signIn(host, email, password)).status);
  }
  t.same(statuses, [200, 422, 422]);
  const { id } = await ask<Made>('users.get', { email: 'bad@example.com' });
  t.same(await ask('users.sessions', id), [], 'no session is left of it');
});
