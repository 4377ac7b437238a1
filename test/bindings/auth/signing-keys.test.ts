import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { Places } from '#bindings/auth/places.ts';
import { keyGraceMs } from '#bindings/auth/pool.ts';
import { temporaryStore } from '#test/support/store-files.ts';
import {
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

const day = 86_400_000;

interface Held {
  readonly made: AuthCase;
  readonly who: Visitor;
  readonly token: string;
  readonly refresh: string;
}

const config = { pool: 'main', admin: true };

async function held(made: AuthCase): Promise<Held> {
  const who = visitor(made, config);
  await signUp(made, who);
  who.cookies.clear();
  const { access_token: token, refresh_token: refresh } = await signInForTokens(who);
  return { made, who, token, refresh };
}

/** Another host over the same store. */
async function elsewhere(t: Test, made: AuthCase): Promise<Visitor> {
  const other = await authCase(t, { store: made.store });
  other.ahead = made.ahead;
  return visitor(other, config);
}

async function verdict(who: Visitor, token: string): Promise<string> {
  return (await who.identity(['authorization', `Bearer ${token}`])).kind;
}

async function served(who: Visitor): Promise<readonly unknown[]> {
  const { keys } = (await (await who.get('/jwks')).json()) as { readonly keys: readonly { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

function keyOf(token: string): unknown {
  return decode(token.split('.')[0])['kid'];
}

/** Of whoever has a pool's private key: like `token`, made now. */
function forge(token: string, { kid, key, now }: { kid: string; key: KeyObject; now: number }): string {
  const [header, payload] = token.split('.');
  const seconds = Math.floor(now / 1000);
  const claims = { ...decode(payload), iat: seconds, exp: seconds + 10 * 365 * 86_400 };
  const input = `${encode({ ...decode(header), kid })}.${encode(claims)}`;
  const sum = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${sum.toString('base64url')}`;
}

/** A key of the pool, as the library stores them, whose private half is known to the test. */
async function addKey(
  { store }: AuthCase,
  cordon: string,
  expiresAt: number,
): Promise<{ kid: string; key: KeyObject }> {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = 'leaked';
  const row = {
    id: kid,
    alg: 'ES256',
    publicKey: JSON.stringify(publicKey.export({ format: 'jwk' })),
    privateKey: '""',
    createdAt: new Date(expiresAt - 30 * day).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  };
  const place = new Places(cordon, 'main').row('jwks', kid);
  await store.write([{ kind: 'put', key: place, value: Buffer.from(JSON.stringify(row)) }]);
  return { kid, key };
}

void t.test('signing keys: one that was replaced is good for its grace and no longer', async (t) => {
  const made = await authCase(t);
  const { who, token } = await held(made);
  const expiresAt = Date.now() + 60_000;
  const leaked = await addKey(made, cordonOf(token), expiresAt);
  made.ahead = keyGraceMs + 30_000;
  const early = forge(token, { ...leaked, now: Date.now() + made.ahead });
  t.equal(await verdict(who, early), 'caller', 'before its end');
  t.equal(await verdict(await elsewhere(t, made), early), 'caller');
  made.ahead = keyGraceMs + 90_000;
  t.equal(await verdict(who, early), 'invalid', 'also what was remembered');
  t.equal(await verdict(await elsewhere(t, made), early), 'invalid');
  const late = forge(token, { ...leaked, now: Date.now() + made.ahead });
  t.equal(await verdict(who, late), 'invalid');
});

void t.test('signing keys: rotation ends the key before, after its grace', async (t) => {
  const made = await authCase(t);
  const { who, token } = await held(made);
  const { kid } = (await operate(who, 'keys.rotate')) as { readonly kid: string };
  t.equal(await verdict(who, token), 'caller');
  t.same(new Set(await served(who)), new Set([kid, keyOf(token)]));
  const { value } = (await made.store.get(
    new Places(cordonOf(token), 'main').row('jwks', String(keyOf(token))),
  )) ?? {
    value: Buffer.from('{}'),
  };
  const { expiresAt } = JSON.parse(Buffer.from(value).toString()) as { readonly expiresAt: string };
  t.ok(Date.parse(expiresAt) <= Date.now(), 'it signs nothing more');
  t.equal(keyOf((await signInForTokens(who)).access_token), kid);
});

void t.test('signing keys: what a revoked key signed is over at once, on every host', async (t) => {
  const made = await authCase(t);
  const { who, token, refresh } = await held(made);
  const other = await elsewhere(t, made);
  t.equal(await verdict(who, token), 'caller');
  t.equal(await verdict(other, token), 'caller');
  const { kid } = (await operate(who, 'keys.rotate', { revoke: true })) as { readonly kid: string };
  t.equal(await verdict(who, token), 'invalid');
  t.same(await served(who), [kid]);
  t.equal(await verdict(await elsewhere(t, made), token), 'invalid', 'a host that starts later');
  while ((await verdict(other, token)) !== 'invalid') await new Promise(setImmediate);
  t.pass('a host that had verified it hears of it');
  const next = await who.post('/token', { grant_type: 'refresh_token', refresh_token: refresh });
  const { access_token } = (await next.json()) as { readonly access_token: string };
  t.equal(await verdict(who, access_token), 'caller', 'sessions go on under the new key');
  t.equal(await verdict(other, access_token), 'caller');
  await t.rejects(operate(who, 'keys.rotate', { revoke: 'yes' }), TypeError);
});

void t.test('signing keys: tokens with unknown keys cost a read of one row each', async (t) => {
  const store = temporaryStore(t);
  let lists = 0;
  const counting = Object.assign(Object.create(store) as typeof store, {
    get: store.get.bind(store),
    write: store.write.bind(store),
    watch: store.watch.bind(store),
    list: async (range: Parameters<typeof store.list>[0]) => {
      lists++;
      return await store.list(range);
    },
  });
  const made = await authCase(t, { store: counting });
  const { who, token } = await held(made);
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  lists = 0;
  for (let i = 0; i < 200; i++) {
    t.equal(await verdict(who, forge(token, { kid: `k${i}`, key, now: Date.now() })), 'invalid');
  }
  t.equal(lists, 0);
  // One that another host made just now is found without waiting to hear of it.
  const leaked = await addKey(made, cordonOf(token), Date.now() + day);
  t.equal(await verdict(who, forge(token, { ...leaked, now: Date.now() })), 'caller');
});

/** Of the audience, `islet:<cordon>/<pool>`. */
function cordonOf(token: string): string {
  return /^islet:([^/]+)\//.exec(String(decode(token.split('.')[1])['aud']))?.[1] ?? '';
}
