import t from 'tap';
import { Passwords } from '#bindings/auth/password.ts';
import { ada, authCase, origin, signUp, visitor } from './case.ts';

const wrong = { email: ada.email, password: 'not her password' };

void t.test(
  'auth: an account is locked after failures, known or not, and says when to come back',
  async (t) => {
    const made = await authCase(t);
    const config = { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 };
    const who = visitor(made, config);
    await signUp(made, who);
    for (const email of [ada.email, 'nobody@example.com']) {
      for (let i = 0; i < 3; i++)
        t.equal((await who.post('/sign-in/email', { ...wrong, email })).status, 401);
      const locked = await who.post('/sign-in/email', { email, password: ada.password });
      t.equal(locked.status, 429, email);
      t.equal(locked.headers.get('retry-after'), '60');
    }
    made.ahead = 61_000;
    t.equal((await who.post('/sign-in/email', { email: ada.email, password: ada.password })).status, 200);
    for (let i = 0; i < 3; i++)
      t.equal((await who.post('/sign-in/email', wrong)).status, 401, 'a success forgets the failures');
  },
);

void t.test('auth: guesses made at once are no more than guesses in a row', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
  await signUp(made, who);
  const answers = await Promise.all(
    Array.from({ length: 12 }, async () => who.post('/sign-in/email', wrong)),
  );
  t.ok(answers.filter(({ status }) => status === 401).length <= 3);
});

void t.test('auth: one address that guesses at many accounts is locked', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
  let locked = 0;
  for (let i = 0; i < 35; i++) {
    const { status } = await who.post('/sign-in/email', { ...wrong, email: `user${i}@example.com` });
    if (status === 429) locked++;
  }
  t.equal(locked, 5);
  who.ip = '192.0.2.2';
  t.equal(
    (await who.post('/sign-in/email', { ...wrong, email: 'other@example.com' })).status,
    401,
    'others are not',
  );
});

void t.test(
  'auth: endpoints that check credentials answer so many requests of an address a minute',
  async (t) => {
    const made = await authCase(t);
    const who = visitor(made, { perMinute: 5 });
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++)
      statuses.push((await who.post('/sign-up/email', { ...ada, email: `u${i}@example.com` })).status);
    t.same(statuses, [200, 200, 200, 200, 200, 429, 429]);
    const refused = await who.post('/sign-up/email', ada);
    t.ok(Number(refused.headers.get('retry-after')) > 0);
    const forged = await who.post('/sign-up/email', ada, {
      'x-forwarded-for': '203.0.113.9',
      'x-islet-client-address': '203.0.113.9',
    });
    t.equal(forged.status, 429, 'a header is no other address');
  },
);

void t.test('auth: users cannot be told from strangers by answer, mail or hashes', async (t) => {
  const made = await authCase(t);
  const hashed: number[] = [];
  const original = Passwords.prototype.hash;
  t.teardown(() => {
    Passwords.prototype.hash = original;
  });
  const verify = Passwords.prototype.verify;
  t.teardown(() => {
    Passwords.prototype.verify = verify;
  });
  Passwords.prototype.hash = async function counted(this: Passwords, password: string) {
    const before = this.hashed;
    const result = await original.call(this, password);
    hashed.push(this.hashed - before);
    return result;
  };
  Passwords.prototype.verify = async function counted(this: Passwords, hash: string, password: string) {
    const before = this.hashed;
    const result = await verify.call(this, hash, password);
    hashed.push(this.hashed - before);
    return result;
  };
  const who = visitor(made, { perMinute: 1000 });
  await signUp(made, who);
  await who.post('/sign-out');
  const probe = async (path: string, body: object): Promise<unknown> => {
    hashed.length = 0;
    const response = await who.post(path, body);
    const text = (await response.text()).replaceAll(/"(?:id|createdAt|updatedAt)":"[^"]*"/g, '""');
    const names = [...response.headers.keys()].sort();
    return { status: response.status, text: text.replaceAll(/ada|eve/g, 'X'), names, hashes: [...hashed] };
  };
  const eve = 'eve@example.com';
  const pairs = [
    [
      '/sign-in/email',
      { email: ada.email, password: 'wrong wrong' },
      { email: eve, password: 'wrong wrong' },
    ],
    ['/sign-up/email', { ...ada, name: 'N' }, { ...ada, name: 'N', email: eve }],
    ['/request-password-reset', { email: ada.email }, { email: 'nobody@example.com' }],
    ['/send-verification-email', { email: ada.email }, { email: 'nobody2@example.com' }],
  ] as const;
  for (const [path, known, unknown] of pairs)
    t.same(await probe(path, known), await probe(path, unknown), path);
  await made.binding.settled();
  t.ok(
    made.mailbox.mails.some(({ to, text }) => to === ada.email && text.includes('have an account')),
    'the owner hears of it',
  );
});

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
    for (const [path, body] of [
      ['/request-password-reset', { email: `r${Math.random()}@example.com`, redirectTo: target }],
      ['/sign-in/email', { email: ada.email, password: ada.password, callbackURL: target }],
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

void t.test('auth: spelling a guess another way does not pass by the lock', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
  await signUp(made, who);
  const { email, password } = ada;
  for (let i = 0; i < 3; i++) await who.post('/sign-in/email', wrong);
  const form = 'application/x-www-form-urlencoded';
  const bodies: readonly (readonly [string, string])[] = [
    ['application/json', JSON.stringify({ email, password })],
    ['application/json', ` ${JSON.stringify({ email, password })}`],
    ['application/json', JSON.stringify({ email: email.toUpperCase(), password })],
    ['application/json', `{"email":"x@example.com","email":"${email}","password":"${password}"}`],
    [form, new URLSearchParams({ email, password }).toString()],
    [form, `{"email":"x@example.com","x":"&email=${email}&password=${encodeURIComponent(password)}&y="}`],
    [`${form}, application/json`, new URLSearchParams({ email, password }).toString()],
  ];
  for (const [type, body] of bodies) {
    const headers = { 'content-type': type, origin };
    const { status } = await who.send('/sign-in/email', { method: 'POST', headers, body });
    t.ok([400, 401, 415, 429].includes(status), `${type}: ${body.slice(0, 40)} → ${status}`);
  }
  t.equal((await who.post('/sign-in/email', { email: 'X@example.com', password })).status, 401);
});

void t.test('auth: nobody has endless mails sent to somebody', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { perMinute: 1000 });
  for (let i = 0; i < 15; i++) await who.post('/sign-up/email', ada);
  for (let i = 0; i < 15; i++) await who.post('/request-password-reset', { email: ada.email });
  await made.binding.settled();
  t.equal(made.mailbox.mails.length, 10);
  made.ahead = 3_601_000;
  await who.post('/request-password-reset', { email: ada.email });
  await made.binding.settled();
  t.equal(made.mailbox.mails.length, 11);
});

void t.test('auth: over https a cookie that plain http could have set counts for nothing', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  t.match(await who.identity(), { kind: 'caller' });
  who.origin = 'https://shop.localhost';
  t.same(await who.identity(), { kind: 'anonymous' });
});
