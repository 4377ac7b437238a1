import t from 'tap';
import { Passwords } from '#bindings/auth/password.ts';
import type { Called, FunctionCaller } from '#runtime/functions.ts';
import { ada, authCase, signUp, visitor } from './case.ts';

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
  const other = { ...ada, email: 'other@example.com' };
  await signUp(made, who, other);
  t.same(
    await probe('/change-email', { newEmail: ada.email }),
    await probe('/change-email', { newEmail: 'nobody3@example.com' }),
    'nor by one who is signed in',
  );
  await made.binding.settled();
  t.ok(
    made.mailbox.mails.some(({ to, text }) => to === ada.email && text.includes('have an account')),
    'the owner hears of it',
  );
});

void t.test('auth: users cannot be told from strangers by what a hook says', async (t) => {
  const asked: unknown[] = [];
  let answer: Called = { kind: 'returned', value: undefined };
  const functions: FunctionCaller = {
    call: async (_callee, event) => {
      asked.push((event as { readonly user: { readonly email: unknown } }).user.email);
      return answer;
    },
    fetch: async () => new Response(null, { status: 404 }),
  };
  const made = await authCase(t, { functions });
  const who = visitor(made, { hooks: { beforeSignUp: 'gate' }, perMinute: 1000 });
  await signUp(made, who);
  who.cookies.clear();
  const mails = made.mailbox.mails.length;
  const probe = async (email: string): Promise<unknown> => {
    asked.length = 0;
    const response = await who.post('/sign-up/email', { ...ada, email });
    const text = (await response.text()).replaceAll(email, 'X');
    return { status: response.status, text, names: [...response.headers.keys()].sort(), asked: asked.length };
  };
  const refusals: readonly Called[] = [
    { kind: 'returned', value: { refuse: 'not yet' } },
    { kind: 'returned', value: 7 },
    { kind: 'failed', code: 'ERR_GUEST_THREW', name: 'Error', message: 'broken' },
  ];
  for (const refusal of refusals) {
    answer = refusal;
    const known = await probe(ada.email);
    t.match(known, { status: 422, asked: 1 });
    t.same(known, await probe('eve@example.com'));
  }
  await made.binding.settled();
  t.equal(made.mailbox.mails.length, mails, 'what is refused is mailed to nobody');
  answer = { kind: 'returned', value: { roles: ['early'] } };
  const known = await probe(ada.email);
  t.match(known, { status: 200, asked: 1 });
  t.same(known, await probe('eve@example.com'));
});

void t.test('auth: what differs for users and strangers is answered at whole steps of time', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { perMinute: 1000 });
  await signUp(made, who);
  const took = async (path: string, body: object): Promise<number> => {
    const began = performance.now();
    await (await who.post(path, body)).text();
    return performance.now() - began;
  };
  for (const email of [ada.email, 'nobody@example.com']) {
    // A timer may fire a millisecond early.
    t.ok((await took('/sign-up/email', { ...ada, email })) > 248, 'sign-up');
    t.ok((await took('/request-password-reset', { email })) > 248, 'reset');
    t.ok((await took('/change-email', { newEmail: email })) > 248, 'change');
  }
});
