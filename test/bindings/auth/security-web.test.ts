import t from 'tap';
import { mostOrigins } from '#bindings/auth/pool.ts';
import { ada, authCase, origin, signUp, visitor } from './case.ts';

void t.test('auth: nobody is redirected out of the pool', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { redirects: ['https://app.example.com'], perMinute: 1000 });
  await signUp(made, who);
  const outside = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    `${origin}.evil.example/`,
    `${origin}@evil.example/`,
    'https://app.example.com.evil.example/',
    'https://app.example.com@evil.example/',
    '/%5cevil.example',
    '\thttps://evil.example',
    'http://app.example.com/',
  ];
  for (const target of outside) {
    const encoded = encodeURIComponent(target);
    const page = await (await who.get(`/sign-in?to=${encoded}`)).text();
    const to = (
      JSON.parse(/type="application\/json"[^>]*>([^<]*)</.exec(page)?.[1] ?? '{}') as { readonly to: string }
    ).to;
    t.ok(to.startsWith(`${origin}/`), `${target} → ${to}`);
    const verify = await who.get(`/verify-email?token=x&callbackURL=${encoded}`);
    t.notOk(isOutside(verify.headers.get('location')), `verify-email ${target}`);
    for (const path of [
      `/reset-password/x?callbackURL=${encoded}`,
      `/oauth2/end-session?post_logout_redirect_uri=${encoded}`,
      `/oauth2/end-session?client_id=app&post_logout_redirect_uri=${encoded}`,
    ]) {
      const answer = await who.get(path);
      t.notOk(isOutside(answer.headers.get('location')), path);
    }
    for (const [path, body] of [
      ['/request-password-reset', { email: `r${Math.random()}@example.com`, redirectTo: target }],
      ['/sign-in/email', { email: ada.email, password: ada.password, callbackURL: target }],
      ['/change-email', { newEmail: `c${Math.random()}@example.com`, callbackURL: target }],
      ['/send-verification-email', { email: 'nobody@example.com', callbackURL: target }],
      ['/sign-up/email', { ...ada, email: `s${Math.random()}@example.com`, callbackURL: target }],
    ] as const) {
      const answer = await who.post(path, body);
      t.notOk(isOutside(answer.headers.get('location')), `${path} ${target}`);
      if (target.includes('evil'))
        t.ok(
          [400, 403].includes(answer.status) || !(await answer.text()).includes('evil'),
          `${path} ${target}`,
        );
    }
  }
  await made.binding.settled();
  t.same(
    made.mailbox.mails.filter(({ text }) => decodeURIComponent(text).includes('evil')),
    [],
    'nor by a link in a mail',
  );
  const inside = await (
    await who.get(`/sign-in?to=${encodeURIComponent('https://app.example.com/x?y')}`)
  ).text();
  t.match(inside, 'https://app.example.com/x?y');
});

function isOutside(location: string | null): boolean {
  if (location === null) return false;
  const { host } = new URL(location, origin);
  return host !== new URL(origin).host && host !== 'app.example.com';
}

void t.test('auth: another site cannot act as a user', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  const cross: readonly Readonly<Record<string, string>>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `${origin}.evil.example` },
    { origin: 'https://evil.example', 'content-type': 'text/plain' },
    { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
  ];
  for (const headers of cross) {
    for (const path of [
      '/sign-out',
      '/revoke-sessions',
      '/change-email',
      '/two-factor/enable',
      '/update-user',
      '/sign-in/email',
    ]) {
      const { status } = await who.post(
        path,
        { newEmail: 'evil@example.com', password: ada.password, email: ada.email, name: 'Evil' },
        headers,
      );
      t.ok(status >= 400, `${path} from ${headers['origin']}: ${status}`);
    }
  }
  const form = {
    origin: 'https://evil.example',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };
  const login = await visitor(made).post(
    '/sign-in/email',
    { email: ada.email, password: ada.password },
    form,
  );
  t.equal(login.status, 403, 'nor sign somebody in as another (login CSRF)');
  t.match(await who.identity(), { kind: 'caller', caller: { email: ada.email, name: 'Ada' } });
  for (const path of ['/sign-out', '/revoke-sessions', '/change-email'])
    t.ok((await who.get(path)).status >= 400, `GET ${path}`);
});

void t.test('auth: credentials that a browser sends by itself make no page another', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  const { email, password } = ada;
  const victim = visitor(made);
  victim.cookies.set('other', 'x');
  for (const authorization of ['Basic eDp5', 'Bearer x', 'Negotiate x']) {
    const headers = { origin: 'https://evil.example', authorization, 'sec-fetch-site': 'cross-site' };
    const { status } = await victim.post('/sign-in/email', { email, password }, headers);
    t.equal(status, 403, `${authorization}: nobody is signed in as another`);
  }
});

void t.test('auth: cookies are for this site, this host and no script', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { origin: 'https://shop.example.com' });
  who.origin = 'https://shop.example.com';
  await who.post('/sign-up/email', ada);
  await made.binding.settled();
  const verified = await who.get(made.mailbox.linkTo(ada.email).href);
  const cookie = verified.headers.getSetCookie().find((each) => each.includes('session_token=')) ?? '';
  t.match(cookie, /^__Secure-islet\.session_token=/);
  for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/'])
    t.ok(cookie.includes(attribute), attribute);
  t.notMatch(cookie, /domain=/i);
});

void t.test('auth: the page allows no script but its own, no frame and no other site', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { title: '</script><script>alert(1)</script>', theme: { accent: '#123' } });
  const [first, second] = [await who.get('/sign-in'), await who.get('/sign-in')];
  const policy = first.headers.get('content-security-policy') ?? '';
  t.match(policy, "default-src 'none'");
  t.match(policy, "frame-ancestors 'none'");
  t.notMatch(policy, 'unsafe');
  t.not(policy, second.headers.get('content-security-policy'), 'a nonce is used once');
  const html = await first.text();
  t.notMatch(html, '<script>alert');
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
  for (const tag of html.match(/<(?:script|style)\b[^>]*>/g) ?? [])
    t.ok(tag.includes(`nonce="${nonce}"`), tag);
  t.notMatch(html, /(?:src|href)="(?!data:|#)[^"]/, 'no other file is asked for');
});

void t.test('auth: links are made for no host that a request made up', async (t) => {
  const made = await authCase(t);
  const open = visitor(made);
  open.origin = 'https://evil.example';
  t.equal((await open.post('/request-password-reset', { email: ada.email })).status, 421);
  const fixed = visitor(made, { origin: 'https://shop.example.com' });
  t.equal((await fixed.post('/sign-up/email', ada)).status, 421);
  fixed.origin = 'https://shop.example.com';
  t.equal((await fixed.post('/sign-up/email', ada)).status, 200);
});

void t.test('auth: over https a cookie that plain http could have set counts for nothing', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  t.match(await who.identity(), { kind: 'caller' });
  who.origin = 'https://shop.localhost';
  t.same(await who.identity(), { kind: 'anonymous' });
});

void t.test(
  'auth: addresses that anybody can make up are served at up to a bound, named ones always',
  async (t) => {
    const made = await authCase(t);
    const who = visitor(made);
    await signUp(made, who);
    const statuses: number[] = [];
    for (let port = 1; port < mostOrigins + 3; port++) {
      who.origin = `http://shop.localhost:${9000 + port}`;
      statuses.push((await who.get('/get-session')).status);
    }
    const served = statuses.filter((status) => status !== 421).length;
    t.equal(served, mostOrigins - 1, 'the first one was signed up at');
    t.same(statuses.slice(-2), [421, 421]);
    who.origin = origin;
    t.equal((await who.get('/get-session')).status, 200, 'known ones stay');
  },
);
