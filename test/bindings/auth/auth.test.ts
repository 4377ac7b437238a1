import t from 'tap';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import { ada, authCase, operate, origin, signInForTokens, signUp, visitor } from './case.ts';

void t.test('auth: sign-up sends a link, and who opens it is signed in', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  const response = await who.post('/sign-up/email', ada);
  t.equal(response.status, 200);
  t.same(await who.identity(), { kind: 'anonymous' });
  const early = await who.post('/sign-in/email', { email: ada.email, password: ada.password });
  t.equal(early.status, 403, 'before the address is verified nobody signs in');
  await made.binding.settled();
  const opened = await who.get(made.mailbox.linkTo(ada.email).href);
  t.equal(opened.status, 302);
  const identity = await who.identity();
  t.match(identity, {
    kind: 'caller',
    caller: { email: ada.email, emailVerified: true, name: 'Ada', roles: ['user'] },
  });
});

void t.test('auth: a session ends when its user signs out', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  const cookies = who.cookieHeader();
  t.match(await who.identity(['cookie', cookies]), { kind: 'caller' });
  t.equal((await who.post('/sign-out')).status, 200);
  t.same(await who.identity(['cookie', cookies]), { kind: 'anonymous' });
});

void t.test('auth: access tokens verify with jose against the served JWKS', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  who.cookies.clear();
  const tokens = await signInForTokens(who);
  t.equal(who.cookies.size, 0, 'programs get no cookie');
  const served = (async (url: string) => await who.get(url)) as unknown as typeof fetch;
  for (const path of ['/auth/jwks', '/.well-known/jwks.json']) {
    const keys = createRemoteJWKSet(new URL(`${origin}${path}`), { [customFetch]: served });
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
      issuer: `${origin}/auth`,
      audience: 'islet:default/shop/BOUND',
    });
    t.match(payload, { email: ada.email, email_verified: true, roles: ['user'] });
    t.equal(protectedHeader.alg, 'ES256');
  }
  t.match(await who.identity(['authorization', `Bearer ${tokens.access_token}`]), {
    kind: 'caller',
    caller: { email: ada.email },
  });
});

void t.test('auth: a token reaches the endpoints of its session', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  who.cookies.clear();
  const { access_token: token } = await signInForTokens(who);
  const bearer = { authorization: `Bearer ${token}` };
  const session = (await (await who.get('/get-session', bearer)).json()) as { user: { email: string } };
  t.equal(session.user.email, ada.email);
  t.equal((await who.post('/sign-out', {}, bearer)).status, 200);
  t.match(await who.identity(['authorization', `Bearer ${token}`]), { kind: 'invalid' });
});

void t.test('auth: env.AUTH.verify gives the user or null', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  t.match(await operate(who, 'verify', { headers: ['Cookie', who.cookieHeader()] }), { email: ada.email });
  t.equal(await operate(who, 'verify', { headers: ['cookie', 'islet.session_token=x'] }), null);
  t.equal(await operate(who, 'verify'), null);
});

void t.test('auth: signing out everywhere ends all sessions', async (t) => {
  const made = await authCase(t);
  const [who, other] = [visitor(made), visitor(made)];
  await signUp(made, who);
  const tokens = await signInForTokens(other);
  t.equal((await who.post('/revoke-other-sessions')).status, 200);
  t.match(await other.identity(['authorization', `Bearer ${tokens.access_token}`]), { kind: 'invalid' });
  t.match(await who.identity(), { kind: 'caller' });
  t.equal((await who.post('/revoke-sessions')).status, 200);
  t.same(await who.identity(), { kind: 'anonymous' });
});

void t.test('auth: a password is reset by mail, and what was signed in is signed out', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  t.equal((await who.post('/request-password-reset', { email: ada.email })).status, 200);
  await made.binding.settled();
  const token = made.mailbox.linkTo(ada.email).searchParams.get('reset');
  const newPassword = 'a wholly new password';
  t.equal((await who.post('/reset-password', { token, newPassword })).status, 200);
  t.same(await who.identity(), { kind: 'anonymous' });
  t.equal((await who.post('/sign-in/email', { email: ada.email, password: ada.password })).status, 401);
  t.equal((await who.post('/sign-in/email', { email: ada.email, password: newPassword })).status, 200);
  t.equal((await who.post('/reset-password', { token, newPassword })).status, 400, 'the link is good once');
});

void t.test('auth: an address is changed after both mailboxes agreed', async (t) => {
  const made = await authCase(t);
  const who = visitor(made);
  await signUp(made, who);
  t.equal((await who.post('/change-email', { newEmail: 'lovelace@example.com' })).status, 200);
  await made.binding.settled();
  await who.get(made.mailbox.linkTo(ada.email).href);
  await made.binding.settled();
  await who.get(made.mailbox.linkTo('lovelace@example.com').href);
  t.match(await who.identity(), {
    kind: 'caller',
    caller: { email: 'lovelace@example.com', emailVerified: true },
  });
});
