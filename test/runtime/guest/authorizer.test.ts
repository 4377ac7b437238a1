import t from 'tap';
import { toAuthorizer } from '#runtime/wasm/authorizer.ts';
import { GuestHarness, answerOf } from '#test/support/guest-harness.ts';

const head = { m: 'GET', u: 'http://shop/', h: ['host', 'shop'] };

async function answer(source: string, user: unknown): Promise<string> {
  const guest = await GuestHarness.open(source);
  guest.take();
  const { text } = answerOf(guest.request(1, user === undefined ? head : { ...head, user }));
  guest.dispose();
  return text;
}

const ada = {
  id: 'u1',
  email: 'ada@example.com',
  emailVerified: true,
  name: 'Zoë "Z"',
  roles: ['admin', 'editor'],
  organization: { id: 'o1', role: 'owner' },
  claims: { sub: 'other', exp: 1_700_000_000, scope: 'read  write ', plan: { a: [1] }, none: null, on: true },
};

const callers: readonly unknown[] = [
  ada,
  { id: 'u2', roles: [], claims: {} },
  {
    id: 'u3',
    roles: ['a'],
    claims: { scope: '', list: [], nested: [['x'], { y: 1 }, null], text: '\u2028' },
  },
  { id: 'u4', roles: [], claims: { __proto__: null, constructor: 'x', toString: 7 } },
];

void t.test('authorizer: claims are text and scopes a list, as API Gateway has them', async (t) => {
  t.same(toAuthorizer(ada), {
    jwt: {
      claims: {
        sub: 'u1',
        exp: '1700000000',
        scope: 'read  write ',
        plan: '{"a":[1]}',
        on: 'true',
        email: 'ada@example.com',
        email_verified: 'true',
        name: 'Zoë "Z"',
        roles: '[admin editor]',
        org_id: 'o1',
        org_role: 'owner',
      },
      scopes: ['read', 'write'],
    },
  });
});

void t.test('authorizer: isolates and WebAssembly guests are told the same', async (t) => {
  const source = 'export const handler = async (event) => event.requestContext.authorizer ?? null';
  for (const user of [...callers, null, undefined])
    t.same(JSON.parse(await answer(source, user)), toAuthorizer(user) ?? null);
});

void t.test('authorizer: what a guest did to its prototypes changes nothing', async (t) => {
  const source = `
    Array.prototype.join = () => 'hacked'; Array.prototype.map = () => ['hacked']; String.prototype.split = () => ['hacked'];
    Object.entries = () => [['hacked', 1]];
    export const handler = async (event) => ({ statusCode: 200, body: event.requestContext.authorizer.jwt.claims.roles + event.requestContext.authorizer.jwt.scopes[1] })`;
  t.notMatch(await answer(source, ada), 'hacked');
});

void t.test('ctx.user: the caller, null where a rule found nobody, undefined where none asked', async (t) => {
  const source = `export default { fetch: (request, env, ctx) => new Response(JSON.stringify([ctx.user === undefined, ctx.user ?? null])) }`;
  t.same(JSON.parse(await answer(source, ada)), [false, ada]);
  t.same(JSON.parse(await answer(source, null)), [false, null]);
  t.same(JSON.parse(await answer(source, undefined)), [true, null]);
});
