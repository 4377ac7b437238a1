import t from 'tap';
import { ada, authCase, operate, signUp, visitor } from './case.ts';

void t.test('auth: nothing a user writes becomes a header or a line of a mail', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { perMinute: 1000 });
  const bad = [
    'a@example.com\r\nBcc: b@example.com',
    'a@example.com\nX: y',
    '"a\r\n"@example.com',
    'a@example.com,b@example.com',
    'a@exa\u0000mple.com',
  ];
  for (const email of bad) {
    t.ok((await who.post('/sign-up/email', { ...ada, email })).status >= 400, JSON.stringify(email));
    await who.post('/request-password-reset', { email });
  }
  await who.post('/sign-up/email', {
    ...ada,
    name: 'Ada\r\nBcc: x@example.com\r\n\r\n<b>http://evil.example',
  });
  await made.binding.settled();
  t.equal(made.mailbox.mails.length, 1);
  for (const { to, subject, text, html } of made.mailbox.mails) {
    t.equal(to, ada.email);
    t.notMatch(`${subject}${text}${html}`, 'evil');
    t.notMatch(subject, /[\r\n]/);
  }
});

void t.test('auth: a user cannot give themselves roles, claims or a verified address', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { admin: true });
  const more = {
    role: 'admin',
    claims: '{"x":1}',
    emailVerified: true,
    banned: false,
    twoFactorEnabled: true,
  };
  await who.post('/sign-up/email', { ...ada, ...more });
  const before = (await operate(who, 'users.get', { email: ada.email })) as Record<string, unknown> | null;
  if (before !== null) t.match(before, { roles: ['user'], claims: {}, emailVerified: false });
  await made.binding.settled();
  const other = visitor(made, { admin: true });
  await signUp(made, other, { ...ada, email: 'bob@example.com' });
  await other.post('/update-user', { name: 'Bob', ...more });
  const user = await operate(other, 'users.get', { email: 'bob@example.com' });
  t.match(user, { roles: ['user'], claims: {} });
  t.ok((await other.post('/admin/set-role', { userId: 'x', role: 'admin' })).status >= 400);
  t.ok((await other.get('/admin/list-users')).status >= 400);
});

void t.test('auth: admin work is only for bindings whose config allows it', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  for (const method of [
    'users.list',
    'users.create',
    'organizations.list',
    'apiKeys.create',
    'keys.rotate',
  ]) {
    await t.rejects(operate(who, method, {}), { code: 'ERR_NOT_GRANTED' });
  }
});

void t.test(
  'auth: pages of other origins read what they are configured for, and never by cookie',
  async (t) => {
    const made = await authCase(t);
    const app = 'https://app.example.com';
    const who = visitor(made, { redirects: [app] });
    await signUp(made, who);
    const preflight = async (path: string, origin: string): Promise<Response> =>
      await who.send(path, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    t.equal((await preflight('/sign-in/email', app)).headers.get('access-control-allow-origin'), app);
    t.equal((await preflight('/sign-in/email', 'https://evil.example')).status, 403);
    const { email, password } = ada;
    const tokens = await who.post(
      '/sign-in/email',
      { email, password },
      { origin: app, 'x-auth-tokens': '1' },
    );
    t.equal(tokens.status, 200);
    t.equal(tokens.headers.get('access-control-allow-origin'), app);
    t.equal(tokens.headers.get('access-control-allow-credentials'), null);
    const evil = await who.get('/get-session', { origin: 'https://evil.example' });
    t.equal(evil.headers.get('access-control-allow-origin'), null);
    t.equal(
      (await who.get('/jwks', { origin: 'https://evil.example' })).headers.get('access-control-allow-origin'),
      '*',
    );
  },
);
