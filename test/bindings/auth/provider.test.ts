import { createHash } from 'node:crypto';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import t from 'tap';
import type { Test } from 'tap';
import { ada, authCase, signUp, visitor, type AuthCase, type Visitor } from './case.ts';

const issuer = 'http://id.localhost/auth';
const verifier = 'v'.repeat(64);
const challenge = createHash('sha256').update(verifier).digest('base64url');
const redirect = 'http://shop.localhost/auth/callback/id';
const client = { id: 'shop', redirects: [redirect], secret: 'SHOP_SECRET' };

interface Provider {
  readonly made: AuthCase;
  /** Signed in there. */
  readonly user: Visitor;
}

/** A pool that other applications sign in with, and a user of it. */
async function provider(t: Test, clients: readonly object[] = [client]): Promise<Provider> {
  const made = await authCase(t, { secret: async () => 'the client secret' });
  const user = visitor(made, { origin: 'http://id.localhost', clients });
  user.origin = 'http://id.localhost';
  await signUp(made, user);
  return { made, user };
}

function authorization(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  const given = {
    response_type: 'code',
    client_id: 'shop',
    redirect_uri: redirect,
    scope: 'openid email profile offline_access',
    state: 'some state',
    nonce: 'some nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...changes,
  };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value);
  return `/oauth2/authorize?${query.toString()}`;
}

async function exchange(who: Visitor, form: Readonly<Record<string, string>>): Promise<Response> {
  return await who.send('/oauth2/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: '' },
    body: new URLSearchParams({ client_id: 'shop', client_secret: 'the client secret', ...form }).toString(),
  });
}

async function codeOf(user: Visitor): Promise<string> {
  const answer = await user.get(authorization());
  const location = new URL(answer.headers.get('location') ?? 'none:');
  if (location.origin !== 'http://shop.localhost')
    throw new Error(`${answer.status} ${location.href} ${await answer.text()}`);
  return location.searchParams.get('code') ?? '';
}

void t.test('auth provider: discovery says what is there', async (t) => {
  const { user } = await provider(t);
  const found = (await (await user.get(`${issuer}/.well-known/openid-configuration`)).json()) as Record<
    string,
    unknown
  >;
  t.match(found, {
    issuer,
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    token_endpoint: `${issuer}/oauth2/token`,
    userinfo_endpoint: `${issuer}/oauth2/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  });
});

void t.test('auth provider: the code flow with PKCE gives an ID token that verifies with jose', async (t) => {
  const { user } = await provider(t);
  const code = await codeOf(user);
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier };
  const answer = await exchange(user, form);
  t.equal(answer.status, 200);
  const tokens = (await answer.json()) as Record<'id_token' | 'access_token' | 'refresh_token', string>;
  const served = (async (url: string) => await user.get(url)) as unknown as typeof fetch;
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { [customFetch]: served });
  const { payload } = await jwtVerify(tokens.id_token, keys, { issuer, audience: 'shop' });
  t.match(payload, { nonce: 'some nonce' });
  const info = await user.send('/oauth2/userinfo', {
    headers: { authorization: `Bearer ${tokens.access_token}`, cookie: '' },
  });
  t.match(await info.json(), { sub: payload.sub, email: ada.email });
  const identity = await user.identity(['authorization', `Bearer ${tokens.id_token}`]);
  t.equal(identity.kind, 'invalid', 'an ID token is no access token');
  t.not((await exchange(user, form)).status, 200, 'a code is good once');
  const refreshed = await exchange(user, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
  });
  t.not(refreshed.status, 200, 'and what it gave is gone when it comes again');
});

void t.test('auth provider: refresh tokens of applications rotate, and reuse ends the family', async (t) => {
  const { user } = await provider(t);
  const form = {
    grant_type: 'authorization_code',
    code: await codeOf(user),
    redirect_uri: redirect,
    code_verifier: verifier,
  };
  const first = (await (await exchange(user, form)).json()) as { readonly refresh_token: string };
  const rotate = async (refresh_token: string): Promise<Response> =>
    await exchange(user, { grant_type: 'refresh_token', refresh_token });
  const second = await rotate(first.refresh_token);
  t.equal(second.status, 200);
  const next = (await second.json()) as { readonly refresh_token: string };
  t.equal((await rotate(first.refresh_token)).status, 400);
  t.equal((await rotate(next.refresh_token)).status, 400);
});

void t.test(
  'auth provider: requests that do not hold lead to no code, and never to an address that is not registered',
  async (t) => {
    const { user } = await provider(t);
    for (const changes of [
      { redirect_uri: 'https://evil.example/' },
      { redirect_uri: `${redirect}/../x` },
      { redirect_uri: `${redirect}?x=y` },
      { client_id: 'nobody' },
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: 'plain' },
      { response_type: 'token' },
      { scope: 'openid admin' },
    ]) {
      const answer = await user.get(authorization(changes));
      const location = answer.headers.get('location');
      const url = location === null ? undefined : new URL(location, 'http://id.localhost');
      t.equal(url?.searchParams.get('code') ?? null, null, JSON.stringify(changes));
      t.ok(url === undefined || ['id.localhost', 'shop.localhost'].includes(url.hostname), String(location));
    }
    const code = await codeOf(user);
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier };
    t.not((await exchange(user, { ...form, code_verifier: 'w'.repeat(64) })).status, 200, 'another verifier');
    const again = { ...form, code: await codeOf(user) };
    t.not((await exchange(user, { ...again, client_secret: 'wrong' })).status, 200, 'another secret');
  },
);

void t.test(
  'auth provider: who is not signed in signs in on the page and goes on to the application',
  async (t) => {
    const { user } = await provider(t);
    user.cookies.clear();
    const answer = await user.get(authorization());
    const page = new URL(answer.headers.get('location') ?? '', 'http://id.localhost');
    t.equal(page.pathname, '/auth/sign-in');
    const oauth_query = page.search.slice(1);
    const { email, password } = ada;
    const signedIn = await user.post('/sign-in/email', {
      email,
      password,
      oauth_query,
      callbackURL: 'http://id.localhost/',
    });
    const next = (await signedIn.json()) as { readonly url?: string; readonly redirect?: boolean };
    t.equal(next.redirect, true);
    t.match(next.url, /^http:\/\/shop\.localhost\/auth\/callback\/id\?.*code=/);
    const forged = oauth_query.replace('shop', 'evil');
    t.equal((await user.post('/sign-in/email', { email, password, oauth_query: forged })).status, 400);
  },
);

void t.test('auth: people sign in with another provider, which is a pool of islet here', async (t) => {
  const { user } = await provider(t);
  const asked: string[] = [];
  const fetch = (async (input: string, init?: RequestInit) => {
    asked.push(input);
    return await user.send(input, {
      ...init,
      headers: { ...(init?.headers as Record<string, string>), cookie: '' },
    });
  }) as unknown as typeof globalThis.fetch;
  const made = await authCase(t, {
    egress: { fetchUnder: () => fetch },
    secret: async () => 'the client secret',
  });
  const providers = [{ id: 'id', name: 'Islet', issuer, clientId: 'shop', secret: 'CLIENT_SECRET' }];
  const config = { providers };
  const who = visitor(made, config);
  const begun = (await (
    await who.post('/sign-in/social', { provider: 'id', callbackURL: '/welcome' })
  ).json()) as { readonly url: string };
  const consent = await user.get(begun.url);
  const back = consent.headers.get('location') ?? '';
  t.match(back, /^http:\/\/shop\.localhost\/auth\/callback\/id\?/);
  const stranger = visitor(made, config);
  t.notMatch(
    (await stranger.get(back)).headers.get('location') ?? 'error',
    /welcome/,
    'another browser cannot finish it',
  );
  t.same(await stranger.identity(), { kind: 'anonymous' });
  const begunAgain = (await (
    await who.post('/sign-in/social', { provider: 'id', callbackURL: '/welcome' })
  ).json()) as { readonly url: string };
  const finished = await who.get((await user.get(begunAgain.url)).headers.get('location') ?? '');
  t.equal(finished.headers.get('location'), '/welcome');
  t.match(await who.identity(), { kind: 'caller', caller: { email: ada.email, emailVerified: true } });
  t.ok(
    asked.length > 0 && asked.every((url) => url.startsWith(issuer)),
    'all of it went through the guarded way out',
  );
});

void t.test(
  'auth provider: an application that the config has no more is none, whatever it holds',
  async (t) => {
    const { made, user } = await provider(t);
    const form = {
      grant_type: 'authorization_code',
      code: await codeOf(user),
      redirect_uri: redirect,
      code_verifier: verifier,
    };
    const { refresh_token } = (await (await exchange(user, form)).json()) as {
      readonly refresh_token: string;
    };
    const late = { ...form, code: await codeOf(user) };
    const after = visitor(made, { origin: 'http://id.localhost', clients: [{ ...client, id: 'other' }] });
    after.origin = 'http://id.localhost';
    for (const [name, value] of user.cookies) after.cookies.set(name, value);
    t.match(await after.identity(), { kind: 'caller' }, 'it is the same pool');
    const answer = await after.get(authorization());
    t.notMatch(answer.headers.get('location') ?? '', 'code=');
    t.ok((await exchange(after, late)).status >= 400, 'a code that was given before');
    t.ok((await exchange(after, { grant_type: 'refresh_token', refresh_token })).status >= 400);
  },
);

void t.test('auth provider: users register no applications', async (t) => {
  const { user } = await provider(t);
  const body = { redirect_uris: ['https://evil.example/'], client_name: 'Evil' };
  for (const path of ['/oauth2/create-client', '/admin/oauth2/create-client', '/oauth2/register']) {
    t.ok((await user.post(path, body, { origin: 'http://id.localhost' })).status >= 400, path);
  }
});

void t.test('auth: who signs up with an address of another gains nothing when its owner comes', async (t) => {
  const { user } = await provider(t);
  const fetch = (async (input: string, init?: RequestInit) =>
    await user.send(input, {
      ...init,
      headers: { ...(init?.headers as Record<string, string>), cookie: '' },
    })) as unknown as typeof globalThis.fetch;
  const made = await authCase(t, {
    egress: { fetchUnder: () => fetch },
    secret: async () => 'the client secret',
  });
  const config = { providers: [{ id: 'id', issuer, clientId: 'shop', secret: 'CLIENT_SECRET' }] };
  const thief = visitor(made, config);
  const password = 'the password of the thief';
  await thief.post('/sign-up/email', { ...ada, password });
  const owner = visitor(made, config);
  const begun = (await (
    await owner.post('/sign-in/social', { provider: 'id', callbackURL: '/' })
  ).json()) as { readonly url: string };
  await owner.get((await user.get(begun.url)).headers.get('location') ?? '');
  const answer = await thief.post('/sign-in/email', { email: ada.email, password });
  t.not(answer.status, 200);
  t.same(await thief.identity(), { kind: 'anonymous' });
});
