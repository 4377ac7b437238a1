import t from 'tap';
import { ada, authCase, operate, signUp, visitor } from './case.ts';

const config = { pool: 'main', admin: true, perMinute: 1000 };
const lovelace = 'lovelace@example.com';

void t.test('auth links: one that was opened signs nobody else in', async (t) => {
  const made = await authCase(t);
  const [who, thief] = [visitor(made, config), visitor(made, config)];
  await signUp(made, who);
  const link = made.mailbox.linkTo(ada.email).href;
  await thief.get(link);
  t.same(await thief.identity(), { kind: 'anonymous' }, 'of a sign-up');
  await who.post('/change-email', { newEmail: lovelace });
  await made.binding.settled();
  const first = made.mailbox.linkTo(ada.email).href;
  await thief.get(first);
  await who.get(first);
  await made.binding.settled();
  const second = made.mailbox.linkTo(lovelace).href;
  await who.get(second);
  await thief.get(second);
  t.same(await thief.identity(), { kind: 'anonymous' }, 'of a change of address');
  t.match(await who.identity(), { kind: 'caller', caller: { email: lovelace } });
});

void t.test('auth links: an address stays as it was until the new mailbox agreed', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, config);
  await signUp(made, who);
  const addressOf = async (): Promise<unknown> => {
    const { users } = (await operate(who, 'users.list')) as { readonly users: readonly { email: string }[] };
    return users.map(({ email }) => email);
  };
  await who.post('/change-email', { newEmail: lovelace });
  await made.binding.settled();
  t.same(await addressOf(), [ada.email], 'nobody agreed');
  t.throws(() => made.mailbox.linkTo(lovelace), 'the new mailbox is asked last');
  await who.get(made.mailbox.linkTo(ada.email).href);
  await made.binding.settled();
  t.same(await addressOf(), [ada.email], 'the old mailbox agreed');
  await who.get(made.mailbox.linkTo(lovelace).href);
  t.same(await addressOf(), [lovelace]);
});

void t.test('auth links: one of another purpose or with another letter opens nothing', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, config);
  await who.post('/sign-up/email', ada);
  await made.binding.settled();
  const link = made.mailbox.linkTo(ada.email);
  const token = link.searchParams.get('token') ?? '';
  for (const other of [
    '',
    'x',
    `${token}x`,
    token.slice(0, -2),
    `${token.split('.').slice(0, 2).join('.')}.`,
  ]) {
    const changed = new URL(link);
    changed.searchParams.set('token', other);
    await who.get(changed.href);
    t.same(await who.identity(), { kind: 'anonymous' }, other.slice(-8));
  }
  const reset = await who.post('/reset-password', { token, newPassword: 'a wholly new password' });
  t.equal(reset.status, 400, 'a link to verify resets nothing');
  await who.get(link.href);
  t.match(await who.identity(), { kind: 'caller', caller: { email: ada.email } });
});
