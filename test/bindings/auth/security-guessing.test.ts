import t from 'tap';
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

void t.test('auth: an answer that never asked for the password does not forget the failures', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
  await signUp(made, who);
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    statuses.push((await who.post('/sign-in/email', wrong, { cookie: '' })).status);
    const elsewhere = await who.post('/sign-in/email', wrong, { origin: 'https://evil.example' });
    t.ok(elsewhere.status >= 400);
    await who.post('/sign-in/email', { ...wrong, callbackURL: 'https://evil.example/' }, { cookie: '' });
  }
  t.ok(statuses.filter((status) => status === 401).length <= 3, statuses.join());
});

void t.test(
  'auth: addresses of one IPv6 network are one guesser, and a mapped IPv4 address is itself',
  async (t) => {
    const made = await authCase(t);
    const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
    const guess = async (ip: string, user: number): Promise<number> => {
      who.ip = ip;
      return (await who.post('/sign-in/email', { ...wrong, email: `user${user}@example.com` })).status;
    };
    for (let i = 0; i < 31; i++) await guess(`2001:db8:0:1::${i.toString(16)}`, i);
    t.equal(await guess('2001:DB8:0:1:ffff::1', 100), 429);
    t.equal(await guess('2001:db8:0:2::1', 101), 401, 'another network');
    for (let i = 0; i < 31; i++) await guess(i % 2 === 0 ? '192.0.2.7' : '::ffff:192.0.2.7', 200 + i);
    t.equal(await guess('192.0.2.7', 300), 429);
    t.equal(await guess('192.0.2.8', 301), 401);
  },
);

void t.test('auth: no other spelling of an endpoint is one that nobody guards', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { lockout: { failures: 3, seconds: 60 }, perMinute: 1000 });
  await signUp(made, who);
  const { email, password } = ada;
  for (let i = 0; i < 3; i++) await who.post('/sign-in/email', wrong, { cookie: '' });
  for (const path of [
    '/sign-in/email/',
    '/sign-in//email',
    '//sign-in/email',
    '/./sign-in/email',
    '/x/../sign-in/email',
    '/sign-in/%65mail',
    '/sign-in%2Femail',
    '/SIGN-IN/EMAIL',
    '/sign-in/email;x',
  ]) {
    const { status } = await who.post(path, { email, password }, { cookie: '' });
    t.ok(status >= 400, `${path} → ${status}`);
  }
  for (const path of ['/token/', '//token', '/delete-user/', '/ok/', '/error/', '/sign-in/oauth2/']) {
    t.ok((await who.post(path, {}, { cookie: '' })).status >= 400, path);
  }
});

void t.test('auth: a password is not guessed through a session that was stolen', async (t) => {
  const made = await authCase(t);
  const who = visitor(made, { perMinute: 5 });
  await signUp(made, who);
  for (const [path, body] of [
    ['/change-password', { currentPassword: 'a wrong guess', newPassword: 'the password of a thief' }],
    ['/two-factor/disable', { password: 'a wrong guess' }],
    ['/verify-password', { password: 'a wrong guess' }],
  ] as const) {
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) statuses.push((await who.post(path, body)).status);
    t.same(statuses.slice(5), [429, 429], `${path} ${statuses.join()}`);
  }
});
