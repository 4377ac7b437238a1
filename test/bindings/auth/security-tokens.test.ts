import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { importVerifyingKey, verifyAccessToken } from '#bindings/auth/signatures.ts';
import { compactVerify, importJWK } from 'jose';
import {
  ada,
  authCase,
  decode,
  encode,
  operate,
  signInForTokens,
  signUp,
  visitor,
  type AuthCase,
  type Visitor,
} from './case.ts';

interface Held {
  readonly made: AuthCase;
  readonly who: Visitor;
  readonly token: string;
  readonly refresh: string;
}

async function held(t: Test, config?: unknown): Promise<Held> {
  const made = await authCase(t);
  const who = visitor(made, config);
  await signUp(made, who);
  who.cookies.clear();
  const { access_token: token, refresh_token: refresh } = await signInForTokens(who);
  return { made, who, token, refresh };
}

/** Another host over the same store: it has seen no token, and verifies what it is shown. */
async function elsewhere(t: Test, made: AuthCase, config?: unknown): Promise<Visitor> {
  const other = await authCase(t, { store: made.store });
  other.ahead = made.ahead;
  return visitor(other, config);
}

async function verdict(who: Visitor, token: string): Promise<string> {
  return (await who.identity(['authorization', `Bearer ${token}`])).kind;
}

void t.test('auth: a token under another algorithm is refused, whatever its header says', async (t) => {
  const { who, token } = await held(t);
  const [header, payload, signature] = token.split('.');
  const jwks = (await (await who.get('/jwks')).json()) as { keys: { x: string; kid: string }[] };
  const key = jwks.keys[0];
  t.equal(await verdict(who, token), 'caller');
  for (const alg of ['none', 'None', 'HS256', 'RS256', 'EdDSA', '']) {
    const changed = encode({ ...decode(header), alg });
    const secrets = [key?.x ?? '', Buffer.from(key?.x ?? '', 'base64url'), JSON.stringify(key), ''];
    for (const secret of secrets) {
      const sum = createHmac('sha256', secret).update(`${changed}.${payload}`).digest('base64url');
      t.equal(
        await verdict(who, `${changed}.${payload}.${sum}`),
        'invalid',
        `${alg} signed with the public key`,
      );
    }
    t.equal(await verdict(who, `${changed}.${payload}.`), 'invalid', `${alg} without a signature`);
    t.equal(
      await verdict(who, `${changed}.${payload}.${signature}`),
      'invalid',
      `${alg} with the old signature`,
    );
  }
});

void t.test('auth: kid and header tricks lead to no key', async (t) => {
  const { who, token } = await held(t);
  const [header, payload] = token.split('.');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  const forge = (changes: Record<string, unknown>): string => {
    const input = `${encode({ ...decode(header), ...changes })}.${payload}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const tricks: readonly Record<string, unknown>[] = [
    {},
    { jwk },
    { jku: 'http://127.0.0.1:9/jwks', kid: 'other' },
    { x5u: 'http://127.0.0.1:9/', x5c: [''] },
    { kid: '../../../dev/null' },
    { kid: "x' OR '1'='1" },
    { kid: '__proto__' },
    { kid: '' },
    { kid: 7 },
    { kid: ['a'] },
    { kid: null },
    { kid: 'k'.repeat(10_000) },
    { crit: ['exp'], exp: 1 },
    { b64: false, crit: ['b64'] },
    { typ: 'JWT' },
  ];
  for (const changes of tricks)
    t.equal(await verdict(who, forge(changes)), 'invalid', JSON.stringify(changes).slice(0, 60));
  for (const text of [
    '',
    '.',
    '..',
    'a.b',
    'a.b.c',
    'a.b.c.d',
    `${token}.`,
    `${token}x`,
    'x'.repeat(10_000),
  ]) {
    t.equal(await verdict(who, text), 'invalid', text.slice(0, 20));
  }
});

void t.test('auth: tokens of another pool, issuer or purpose are refused', async (t) => {
  const { made, token } = await held(t, { pool: 'main' });
  t.equal(
    await verdict(visitor(made, { pool: 'main' }, { function: 'blog' }), token),
    'caller',
    'the pool is shared',
  );
  t.equal(
    await verdict(visitor(made, { pool: 'main' }, { cordon: 'other' }), token),
    'invalid',
    'another cordon',
  );
  t.equal(await verdict(visitor(made, { pool: 'other' }), token), 'invalid', 'another pool');
});

void t.test('auth: a credential counts only in the place it is for', async (t) => {
  const { made, who, token } = await held(t);
  await who.post('/sign-in/email', { email: ada.email, password: ada.password });
  const cookie = who.cookies.get('islet.session_token') ?? '';
  // Both are remembered by now.
  t.equal((await who.identity()).kind, 'caller');
  t.equal(await verdict(who, token), 'caller');
  const swapped = ['authorization', `Bearer ${decodeURIComponent(cookie)}`];
  t.equal((await who.identity(swapped)).kind, 'invalid', 'a cookie as a token');
  t.equal(
    (await who.identity(['cookie', `islet.session_token=${token}`])).kind,
    'anonymous',
    'a token as a cookie',
  );
  const fresh = await elsewhere(t, made);
  t.equal((await fresh.identity(['authorization', `Bearer ${token}`])).kind, 'caller');
  t.equal((await fresh.identity(['cookie', `islet.session_token=${token}`])).kind, 'anonymous');
});

void t.test('auth: a token is good until it expires', async (t) => {
  const { made, who, token } = await held(t, { accessTokenSeconds: 60 });
  made.ahead = 59_000;
  t.equal(await verdict(who, token), 'caller');
  t.equal(await verdict(await elsewhere(t, made), token), 'caller');
  made.ahead = 66_000;
  t.equal(await verdict(who, token), 'invalid', 'also when it was seen before');
  t.equal(await verdict(await elsewhere(t, made), token), 'invalid', 'and when it was not');
});

void t.test('auth: a token is over when its session, its user or its roles are', async (t) => {
  const { made, who, token, refresh } = await held(t, { admin: true });
  const user = (await operate(who, 'users.get', { email: ada.email })) as { readonly id: string };
  made.ahead = 2000;
  await operate(who, 'users.setRoles', { id: user.id, roles: ['editor'] });
  t.equal(await verdict(who, token), 'invalid', 'it says other roles');
  t.equal(await verdict(await elsewhere(t, made), token), 'invalid');
  const next = (await (
    await who.post('/token', { grant_type: 'refresh_token', refresh_token: refresh })
  ).json()) as {
    readonly access_token: string;
  };
  const identity = await who.identity(['authorization', `Bearer ${next.access_token}`]);
  t.match(identity, { kind: 'caller', caller: { roles: ['editor'] } });
  await operate(who, 'users.ban', { id: user.id, reason: 'spam' });
  t.equal(await verdict(who, next.access_token), 'invalid');
  t.equal(await verdict(await elsewhere(t, made), next.access_token), 'invalid');
  const signIn = await who.post('/sign-in/email', { email: ada.email, password: ada.password });
  t.equal(signIn.ok, false, 'who is banned does not sign in');
});

void t.test('auth: revocation outlives a restart', async (t) => {
  const { made, who, token } = await held(t);
  await who.post('/sign-out', {}, { authorization: `Bearer ${token}` });
  const again = await authCase(t, { store: made.store });
  t.equal(await verdict(visitor(again), token), 'invalid');
});

void t.test('auth: a refresh token is good once, and using it again ends its session', async (t) => {
  const { who, refresh } = await held(t);
  const rotate = async (token: string): Promise<Response> =>
    await who.post('/token', { grant_type: 'refresh_token', refresh_token: token });
  const first = await rotate(refresh);
  t.equal(first.status, 200);
  const second = (await first.json()) as { readonly access_token: string; readonly refresh_token: string };
  t.not(second.refresh_token, refresh);
  t.equal(await verdict(who, second.access_token), 'caller');
  const reused = await rotate(refresh);
  t.equal(reused.status, 400);
  t.same(await reused.json(), { error: 'invalid_grant' });
  t.equal((await rotate(second.refresh_token)).status, 400, 'the whole family is gone');
  t.equal(await verdict(who, second.access_token), 'invalid', 'and its access tokens');
});

void t.test('auth: of one refresh token used many times at once at most one use is good', async (t) => {
  const { who, refresh } = await held(t);
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () =>
      who.post('/token', { grant_type: 'refresh_token', refresh_token: refresh }),
    ),
  );
  t.ok(answers.filter(({ status }) => status === 200).length <= 1);
});

void t.test('auth: what is no refresh token is answered as RFC 6749 has it', async (t) => {
  const { who, token } = await held(t);
  for (const refresh_token of ['', 'x', token, 'a'.repeat(22) + '.' + 'b'.repeat(43), '../x.y', 7, null]) {
    const answer = await who.post('/token', { grant_type: 'refresh_token', refresh_token });
    t.same([answer.status, await answer.json()], [400, { error: 'invalid_grant' }]);
  }
  const other = await who.post('/token', {
    grant_type: 'password',
    username: ada.email,
    password: ada.password,
  });
  t.same([other.status, await other.json()], [400, { error: 'unsupported_grant_type' }]);
});

void t.test('auth: keys rotate and tokens of the old key stay good', async (t) => {
  const { who, token, refresh } = await held(t, { admin: true });
  const { kid } = (await operate(who, 'keys.rotate')) as { readonly kid: string };
  const next = (await (
    await who.post('/token', { grant_type: 'refresh_token', refresh_token: refresh })
  ).json()) as {
    readonly access_token: string;
  };
  t.equal(decode(next.access_token.split('.')[0])['kid'], kid);
  t.not(decode(token.split('.')[0])['kid'], kid);
  t.equal(await verdict(who, token), 'caller');
  t.equal(await verdict(who, next.access_token), 'caller');
  const { keys } = (await (await who.get('/jwks')).json()) as {
    readonly keys: readonly Record<string, unknown>[];
  };
  t.equal(keys.length, 2);
  for (const key of keys) t.equal(key['d'], undefined, 'no private key is served');
});

void t.test(
  'auth: RFC 7515 A.1 and A.3, RFC 7517 A.1, RFC 7519 3.1: the vectors verify, and no pool takes them',
  async (t) => {
    const hs =
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const k = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';
    const es =
      'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
    const ec = {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    };
    const claims = { iss: 'joe', exp: 1_300_819_380 };
    const first = await compactVerify(hs, await importJWK({ kty: 'oct', k }, 'HS256'));
    t.match(JSON.parse(Buffer.from(first.payload).toString()), claims);
    const second = await compactVerify(es, importVerifyingKey(ec));
    t.match(JSON.parse(Buffer.from(second.payload).toString()), claims);
    // Our own check takes the signature, and stops at what the claims lack; one bit more and it does not get there.
    const expected = { audience: 'x', now: 0, headIsGood: true };
    const key = importVerifyingKey(ec);
    t.throws(() => verifyAccessToken(es, key, expected), { message: 'it has no sub' });
    t.throws(() => verifyAccessToken(es, key, { ...expected, headIsGood: false }), {
      message: 'it is of another kind',
    });
    const [head, body = '', sum = ''] = es.split('.');
    const changed = [
      `${head}.${body}.A${sum.slice(1)}`,
      `${head}.${body.slice(0, -1)}R.${sum}`,
      `${head}1.${body}.${sum}`,
    ];
    for (const token of [...changed, `${head}.${body}.`, `${head}.${body}.${sum.slice(0, -4)}`])
      t.throws(() => verifyAccessToken(token, key, expected), TypeError, token);
    for (const token of changed)
      t.throws(() => verifyAccessToken(token, key, expected), { message: 'its signature does not verify' });
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
      use: 'enc',
      kid: '1',
    };
    t.equal(importVerifyingKey(jwk).asymmetricKeyType, 'ec');
    t.throws(() => importVerifyingKey({ ...jwk, y: jwk.x }), 'a point off the curve');
    t.throws(() => importVerifyingKey({ kty: 'oct', k }), TypeError);
    t.throws(() => importVerifyingKey({ ...ec, crv: 'P-384' }), TypeError);
    const { who } = await held(t);
    t.equal(await verdict(who, hs), 'invalid');
    t.equal(await verdict(who, es), 'invalid');
    // RFC 7519, 6.1: an unsecured JWT.
    const unsecured =
      'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.';
    t.match(decode(unsecured.split('.')[1]), claims);
    t.equal(await verdict(who, unsecured), 'invalid');
  },
);
