import t from 'tap';
import { ada, authCase, operate, signUp, visitor } from './case.ts';

const admin = { admin: true };

interface Made {
  readonly id: string;
}

void t.test(
  'auth admin: users are made, found, changed, listed and deleted with all that is theirs',
  async (t) => {
    const made = await authCase(t);
    const who = visitor(made, admin);
    const user = (await operate(who, 'users.create', {
      ...ada,
      emailVerified: true,
      roles: ['a', 'b'],
      claims: { plan: 'pro' },
    })) as Made;
    t.match(user, {
      email: ada.email,
      emailVerified: true,
      roles: ['a', 'b'],
      claims: { plan: 'pro' },
      banned: false,
    });
    t.equal((await who.post('/sign-in/email', { email: ada.email, password: ada.password })).status, 200);
    t.match(await who.identity(), { kind: 'caller', caller: { roles: ['a', 'b'], claims: { plan: 'pro' } } });
    await t.rejects(operate(who, 'users.create', { email: 'ADA@example.com' }), { code: 'ERR_AUTH' });
    t.match(await operate(who, 'users.update', { id: user.id, name: 'Countess', claims: { plan: 'free' } }), {
      name: 'Countess',
      claims: { plan: 'free' },
    });
    t.match(
      await who.identity(),
      { kind: 'caller', caller: { name: 'Countess', claims: { plan: 'free' } } },
      'a session shows it at once',
    );
    for (let i = 0; i < 4; i++) await operate(who, 'users.create', { email: `user${i}@example.com` });
    const page = (await operate(who, 'users.list', { limit: 2, offset: 1 })) as {
      readonly users: readonly unknown[];
      readonly total: number;
    };
    t.same([page.users.length, page.total], [2, 5]);
    t.match(await operate(who, 'users.list', { search: 'USER3' }), { total: 1 });
    t.match(await operate(who, 'users.get', { email: 'Ada@Example.com' }), { id: user.id });
    t.equal(await operate(who, 'users.delete', { id: user.id }), true);
    t.equal(await operate(who, 'users.delete', { id: user.id }), false);
    t.same(await who.identity(), { kind: 'anonymous' });
    const rest = await made.store.list({ prefix: 'auth/' });
    t.notOk(
      rest.some(({ key, value }) => key.includes('/r/') && Buffer.from(value).includes(user.id)),
      'no row speaks of them',
    );
  },
);

void t.test('auth admin: a password that is set signs in, and ends what was signed in', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, admin);
  await signUp(made, who);
  const { id } = (await operate(who, 'users.get', { email: ada.email })) as Made;
  await t.rejects(operate(who, 'users.setPassword', { id, password: 'short' }), TypeError);
  await operate(who, 'users.setPassword', { id, password: 'set by an admin' });
  t.same(await who.identity(), { kind: 'anonymous' });
  t.equal((await who.post('/sign-in/email', { email: ada.email, password: 'set by an admin' })).status, 200);
  const bare = (await operate(who, 'users.create', {
    email: 'bare@example.com',
    emailVerified: true,
  })) as Made;
  await operate(who, 'users.setPassword', { id: bare.id, password: 'set by an admin' });
  t.equal(
    (await who.post('/sign-in/email', { email: 'bare@example.com', password: 'set by an admin' })).status,
    200,
  );
});

void t.test('auth admin: who is banned is out until the ban is over', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, admin);
  await signUp(made, who);
  const { id } = (await operate(who, 'users.get', { email: ada.email })) as Made;
  t.match(await operate(who, 'users.ban', { id, reason: 'spam' }), { banned: true, banReason: 'spam' });
  t.same(await who.identity(), { kind: 'anonymous' });
  const { email, password } = ada;
  t.equal((await who.post('/sign-in/email', { email, password })).status, 403);
  t.match(await operate(who, 'users.unban', { id }), { banned: false });
  t.equal((await who.post('/sign-in/email', { email, password })).status, 200);
});

void t.test('auth admin: sessions are listed and ended one by one', async (t) => {
  const made = await authCase(t);
  const [who, other] = [visitor(made, admin), visitor(made, admin)];
  await signUp(made, who);
  await other.post('/sign-in/email', { email: ada.email, password: ada.password });
  const { id } = (await operate(who, 'users.get', { email: ada.email })) as Made;
  const sessions = (await operate(who, 'users.sessions', { id })) as readonly Made[];
  t.equal(sessions.length, 2);
  for (const session of sessions) t.notOk('token' in session, 'without their tokens');
  await operate(who, 'users.revokeSessions', { id, session: sessions[0]?.id });
  t.equal(((await operate(who, 'users.sessions', { id })) as readonly unknown[]).length, 1);
  await operate(who, 'users.revokeSessions', { id });
  t.same([await who.identity(), await other.identity()], [{ kind: 'anonymous' }, { kind: 'anonymous' }]);
});

void t.test('auth admin: API keys say whose they are, until they are revoked', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, admin);
  const user = (await operate(who, 'users.create', { email: ada.email, roles: ['bot'] })) as Made;
  const key = (await operate(who, 'apiKeys.create', {
    userId: user.id,
    name: 'ci',
    permissions: { orders: ['read'] },
  })) as Made & { readonly key: string };
  const headers = ['x-api-key', key.key];
  t.match(await who.identity(headers), {
    kind: 'caller',
    caller: {
      id: user.id,
      roles: ['bot'],
      claims: { apiKey: { name: 'ci', permissions: { orders: ['read'] } } },
    },
  });
  const stored = await made.store.list({ prefix: 'auth/' });
  t.notOk(
    stored.some(({ value }) => Buffer.from(value).includes(key.key)),
    'it is stored as a hash',
  );
  const listed = (await operate(who, 'apiKeys.list', { userId: user.id })) as readonly object[];
  t.equal(listed.length, 1);
  t.notOk(listed.some((each) => 'key' in each));
  for (const wrong of ['', 'x', `${key.key}x`, 'k'.repeat(1000)])
    t.match(await who.identity(['x-api-key', wrong]), { kind: 'invalid' });
  t.equal(await operate(who, 'apiKeys.revoke', { id: key.id }), true);
  t.match(await who.identity(headers), { kind: 'invalid' });
  await operate(who, 'apiKeys.create', { userId: user.id });
  await operate(who, 'users.delete', { id: user.id });
  t.same(await operate(who, 'apiKeys.list', { userId: user.id }), [], 'a user’s keys go with them');
});

void t.test('auth admin: organisations have members, and a session says in which one it is', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, admin);
  await signUp(made, who);
  const { id: userId } = (await operate(who, 'users.get', { email: ada.email })) as Made;
  const organization = (await operate(who, 'organizations.create', { slug: 'acme', name: 'Acme' })) as Made;
  await t.rejects(operate(who, 'organizations.create', { slug: 'acme' }), { code: 'ERR_AUTH' });
  await operate(who, 'organizations.setMember', { id: organization.id, userId, role: 'member' });
  await operate(who, 'organizations.setMember', { id: organization.id, userId, role: 'admin' });
  t.match(await operate(who, 'organizations.get', { id: organization.id }), {
    slug: 'acme',
    members: [{ userId, role: 'admin' }],
  });
  t.equal((await who.post('/organization/set-active', { organizationId: organization.id })).status, 200);
  t.match(await who.identity(), { caller: { organization: { id: organization.id, role: 'admin' } } });
  t.equal(await operate(who, 'organizations.removeMember', { id: organization.id, userId }), true);
  const identity = await who.identity();
  t.equal(identity.kind === 'caller' ? identity.caller.organization : 'none', undefined);
  t.equal(await operate(who, 'organizations.delete', { id: organization.id }), true);
  t.same(await operate(who, 'organizations.list'), []);
});

void t.test('auth: members invite by mail and the invited accept', async (t) => {
  const made = await authCase(t);
  const [who, guest] = [visitor(made), visitor(made)];
  await signUp(made, who);
  const created = (await (
    await who.post('/organization/create', { name: 'Acme', slug: 'acme' })
  ).json()) as Made;
  const invited = await who.post('/organization/invite-member', {
    email: 'guest@example.com',
    role: 'member',
    organizationId: created.id,
  });
  t.equal(invited.status, 200);
  await made.binding.settled();
  const invitationId = made.mailbox.linkTo('guest@example.com').searchParams.get('invitation');
  await signUp(made, guest, { ...ada, email: 'guest@example.com' });
  t.equal((await who.post('/organization/accept-invitation', { invitationId })).ok, false, 'nobody else can');
  t.equal((await guest.post('/organization/accept-invitation', { invitationId })).status, 200);
  t.match(await guest.identity(), { caller: { organization: { id: created.id, role: 'member' } } });
});
