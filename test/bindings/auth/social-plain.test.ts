import t from 'tap';
import type { Test } from 'tap';
import { openProvider, providerClient, type TestProvider } from '#test/support/oidc-provider.ts';
import { ada, authCase, operate, signUp, visitor, type AuthCase, type Visitor } from './case.ts';

/** Where GitHub's documented addresses are in the test: one server, whose answers have GitHub's shapes. */
const places: Readonly<Record<string, string>> = {
  'https://github.com/login/oauth/authorize': '/authorize',
  'https://github.com/login/oauth/access_token': '/token',
  'https://api.github.com/user': '/userinfo',
  'https://api.github.com/user/emails': '/emails',
};
const config = {
  admin: true,
  perMinute: 1000,
  providers: [{ id: 'github', clientId: providerClient.id, secret: 'GITHUB' }],
};

interface Plain {
  readonly made: AuthCase;
  readonly provider: TestProvider;
  readonly moved: (url: string) => string;
}

async function plain(t: Test): Promise<Plain> {
  const provider = await openProvider(t);
  provider.idToken = async () => undefined;
  const moved = (url: string): string => {
    const { origin, pathname, search } = new URL(url);
    const place = places[origin + pathname];
    if (place === undefined) throw new TypeError(`GitHub has no ${origin}${pathname}`);
    return provider.issuer + place + search;
  };
  const fetchUnder =
    (): typeof fetch =>
    async (input, init): Promise<Response> => {
      const { headers, url } = new Request(input, init);
      if (!headers.has('user-agent')) return new Response('Please send a User-Agent', { status: 403 });
      return await fetch(moved(url), init);
    };
  const made = await authCase(t, { secret: async () => providerClient.secret, egress: { fetchUnder } });
  return { made, provider, moved };
}

/** From the button to where the browser is in the end. */
async function signIn(who: Visitor, { moved }: Plain): Promise<URL> {
  const asked = await who.post('/sign-in/social', { provider: 'github', callbackURL: '/welcome' });
  const { url } = (await asked.json()) as { readonly url: string };
  const provider = await fetch(moved(url), { redirect: 'manual' });
  const back = await who.get(provider.headers.get('location') ?? '');
  return new URL(back.headers.get('location') ?? '', 'http://shop.localhost');
}

void t.test(
  'auth social: GitHub says who somebody is, and which address of theirs it has checked',
  async (t) => {
    const given = await plain(t);
    const { made, provider } = given;
    // The address is private: /user does not tell it.
    provider.user = {
      id: 583_231,
      login: 'grace',
      name: null,
      email: null,
      avatar_url: 'https://a.test/1.png',
    };
    provider.emails = [
      { email: 'old@example.com', primary: false, verified: true, visibility: null },
      { email: 'grace@example.com', primary: true, verified: true, visibility: 'private' },
    ];
    const who = visitor(made, config);
    t.equal((await signIn(who, given)).pathname, '/welcome');
    t.match(await who.identity(), {
      kind: 'caller',
      caller: { email: 'grace@example.com', emailVerified: true },
    });
    const again = visitor(made, config);
    provider.user = { ...provider.user, login: 'hopper' };
    await signIn(again, given);
    const [one, two] = [await who.identity(), await again.identity()];
    t.equal(two.kind === 'caller' ? two.caller.id : '', one.kind === 'caller' ? one.caller.id : 'none');
    const { total } = (await operate(who, 'users.list')) as { readonly total: number };
    t.equal(total, 1, 'by number, whatever the name');
  },
);

void t.test('auth social: an address that GitHub has not checked links no account', async (t) => {
  const given = await plain(t);
  const { made, provider } = given;
  const owner = visitor(made, config);
  await signUp(made, owner);
  const bad: readonly unknown[] = [
    [{ email: ada.email, primary: true, verified: false }],
    [{ email: ada.email, primary: true, verified: 'true' }],
    [{ email: ada.email, primary: false, verified: true }],
    [],
    {},
    [null, 7, 'x'],
    { email: ada.email, primary: true, verified: true },
  ];
  for (const [index, emails] of bad.entries()) {
    // What /user says of an address is what its owner wrote there.
    provider.user = { id: index + 1, login: 'thief', email: ada.email, email_verified: true };
    provider.emails = emails;
    const thief = visitor(made, config);
    t.not((await signIn(thief, given)).pathname, '/welcome', JSON.stringify(emails));
    t.same(await thief.identity(), { kind: 'anonymous' });
  }
  provider.user = { id: 100, login: 'ada', email: null };
  provider.emails = [{ email: ada.email, primary: true, verified: true }];
  const again = visitor(made, config);
  t.equal((await signIn(again, given)).pathname, '/welcome');
  const [one, two] = [await owner.identity(), await again.identity()];
  t.equal(two.kind === 'caller' ? two.caller.id : '', one.kind === 'caller' ? one.caller.id : 'none');
});

void t.test(
  'auth social: a provider with addresses instead of an issuer, and no list of addresses',
  async (t) => {
    const provider = await openProvider(t);
    provider.idToken = async () => undefined;
    provider.user = { id: 7, name: 'Grace', email: 'grace@example.com', email_verified: true };
    const made = await authCase(t, { secret: async () => providerClient.secret });
    const { issuer } = provider;
    const own = { id: 'own', clientId: providerClient.id, secret: 'OWN' };
    const urls = {
      authorizationUrl: `${issuer}/authorize`,
      tokenUrl: `${issuer}/token`,
      userInfoUrl: `${issuer}/userinfo`,
    };
    const who = visitor(made, { providers: [{ ...own, ...urls }] });
    const asked = await who.post('/sign-in/social', { provider: 'own', callbackURL: '/welcome' });
    const { url } = (await asked.json()) as { readonly url: string };
    const back = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '';
    await who.get(back);
    t.match(await who.identity(), { kind: 'caller', caller: { name: 'Grace', emailVerified: true } });
    t.notOk(provider.asked.includes('/emails'));
  },
);
