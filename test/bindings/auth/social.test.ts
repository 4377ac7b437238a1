import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import { openProvider, providerClient, type TestProvider } from '#test/support/oidc-provider.ts';
import { ada, authCase, operate, signUp, visitor, type Visitor } from './case.ts';

type IdToken = TestProvider['idToken'];

const config = (issuer: string): object => ({
  admin: true,
  perMinute: 1000,
  providers: [{ id: 'local', issuer, clientId: providerClient.id, secret: 'SHOP' }],
});
const secret = async (): Promise<string> => providerClient.secret;

/** From the button to where the browser is in the end; the provider asks nothing. */
async function signIn(who: Visitor): Promise<URL> {
  const asked = await who.post('/sign-in/social', { provider: 'local', callbackURL: '/welcome' });
  const { url } = (await asked.json()) as { readonly url: string };
  const provider = await fetch(url, { redirect: 'manual' });
  const back = await who.get(provider.headers.get('location') ?? '');
  return new URL(back.headers.get('location') ?? '', 'http://shop.localhost');
}

void t.test('auth social: a person comes back from a provider as whom its ID token names', async (t) => {
  const provider = await openProvider(t);
  provider.user = { sub: 'p-1', email: 'grace@example.com', email_verified: true, name: 'Grace' };
  const made = await authCase(t, { secret });
  const who = visitor(made, config(provider.issuer));
  t.equal((await signIn(who)).pathname, '/welcome');
  t.match(await who.identity(), {
    kind: 'caller',
    caller: { email: 'grace@example.com', emailVerified: true, name: 'Grace' },
  });
  const again = visitor(made, config(provider.issuer));
  await signIn(again);
  const { users } = (await operate(who, 'users.list')) as { readonly users: readonly unknown[] };
  t.equal(users.length, 1, 'the second time it is the same user');
});

void t.test('auth social: an ID token that does not hold signs nobody in', async (t) => {
  const provider = await openProvider(t);
  const made = await authCase(t, { secret });
  const other = await generateKeyPair('RS256');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const changed =
    (changes: object): IdToken =>
    (claims, sign) =>
      sign({ ...claims, ...changes });
  const publicKey = JSON.stringify(await exportJWK(other.publicKey));
  const hmac =
    (key: string): IdToken =>
    async (claims) => {
      const input = `${encode({ alg: 'HS256', kid: 'one' })}.${encode(claims)}`;
      return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    };
  const cases: Readonly<Record<string, IdToken>> = {
    'another audience': changed({ aud: 'someone-else' }),
    'another issuer': changed({ iss: 'https://evil.example' }),
    'is over': changed({ exp: Math.floor(Date.now() / 1000) - 3600 }),
    'says not until when': changed({ exp: undefined }),
    'names nobody': changed({ sub: undefined }),
    'another key': (claims) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(other.privateKey),
    'an unknown key': (claims) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'two' }).sign(other.privateKey),
    'its own key': async (claims) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'RS256', jwk: await exportJWK(other.publicKey) })
        .sign(other.privateKey),
    'no signature': async (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`,
    'the secret as a key': hmac(providerClient.secret),
    'a public key as a secret': hmac(publicKey),
    'no token at all': async () => undefined,
    'no JWT': async () => 'x.y.z',
  };
  for (const [name, idToken] of Object.entries(cases)) {
    provider.user = { sub: `p-${name}`, email: ada.email, email_verified: true };
    provider.idToken = idToken;
    const who = visitor(made, config(provider.issuer));
    t.not((await signIn(who)).pathname, '/welcome', name);
    t.same(await who.identity(), { kind: 'anonymous' }, name);
  }
  provider.idToken = (claims, sign) => sign({ ...claims, email: undefined });
  provider.userInfo = (user) => ({ ...user, sub: 'p-another' });
  const who = visitor(made, config(provider.issuer));
  await signIn(who);
  t.same(await who.identity(), { kind: 'anonymous' }, 'userinfo of another user');
});

void t.test(
  'auth social: an account is linked by an address that the provider has checked, and no other',
  async (t) => {
    const provider = await openProvider(t);
    const made = await authCase(t, { secret });
    const owner = visitor(made, config(provider.issuer));
    await signUp(made, owner);
    provider.user = { sub: 'p-thief', email: ada.email, email_verified: false };
    const thief = visitor(made, config(provider.issuer));
    await signIn(thief);
    t.same(await thief.identity(), { kind: 'anonymous' });
    provider.user = { sub: 'p-thief', email: ada.email, email_verified: 'true' };
    await signIn(thief);
    t.same(await thief.identity(), { kind: 'anonymous' }, 'text is no flag');
    provider.user = { sub: 'p-ada', email: ada.email, email_verified: true };
    const again = visitor(made, config(provider.issuer));
    t.equal((await signIn(again)).pathname, '/welcome');
    const [one, two] = [await owner.identity(), await again.identity()];
    t.equal(two.kind === 'caller' ? two.caller.id : '', one.kind === 'caller' ? one.caller.id : 'none');
  },
);

void t.test('auth social: a code or a state of another flow finishes nothing', async (t) => {
  const provider = await openProvider(t);
  provider.user = { sub: 'p-1', email: 'grace@example.com', email_verified: true };
  const made = await authCase(t, { secret });
  const begin = async (who: Visitor): Promise<URL> => {
    const asked = await who.post('/sign-in/social', { provider: 'local', callbackURL: '/welcome' });
    const { url } = (await asked.json()) as { readonly url: string };
    return new URL((await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '');
  };
  const [thief, victim] = [visitor(made, config(provider.issuer)), visitor(made, config(provider.issuer))];
  const [stolen, own] = [await begin(thief), await begin(victim)];
  own.searchParams.set('code', stolen.searchParams.get('code') ?? '');
  await victim.get(own.href);
  t.same(await victim.identity(), { kind: 'anonymous' }, 'a code of another verifier (PKCE)');
  const forged = await begin(victim);
  forged.searchParams.set('state', 'x');
  await victim.get(forged.href);
  t.same(await victim.identity(), { kind: 'anonymous' }, 'a state that nobody made');
  const good = await begin(victim);
  await victim.get(good.href);
  t.match(await victim.identity(), { kind: 'caller' });
  await victim.post('/sign-out');
  await victim.get(good.href);
  t.same(await victim.identity(), { kind: 'anonymous' }, 'nor is one good twice');
});

void t.test('auth social: nobody comes back from a provider to another site', async (t) => {
  const provider = await openProvider(t);
  provider.user = { sub: 'p-1', email: 'grace@example.com', email_verified: true };
  const made = await authCase(t, { secret });
  const who = visitor(made, config(provider.issuer));
  const outside = ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:alert(1)'];
  for (const target of outside) {
    for (const name of ['callbackURL', 'errorCallbackURL', 'newUserCallbackURL']) {
      const asked = await who.post('/sign-in/social', {
        provider: 'local',
        callbackURL: '/',
        [name]: target,
      });
      t.equal(asked.status, 403, `${name} ${target}`);
    }
  }
  // What is said at the provider decides nothing either.
  const asked = await who.post('/sign-in/social', { provider: 'local', callbackURL: '/welcome' });
  const { url } = (await asked.json()) as { readonly url: string };
  const back = new URL((await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '');
  back.searchParams.set('callbackURL', 'https://evil.example/');
  back.searchParams.set('error', 'access_denied');
  const refused = await who.get(back.href);
  t.equal(new URL(refused.headers.get('location') ?? '').host, 'shop.localhost');
});
