import { readFile } from 'node:fs/promises';
import { parse } from 'jsonc-parser';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

type Json = Readonly<Record<string, unknown>>;

/** The first manifest of a binding's README, and the function behind it. */
async function exampleOf(kind: string): Promise<{ readonly manifest: Json; readonly source: string }> {
  const text = await readFile(new URL(`../../../bindings/${kind}/README.md`, import.meta.url), 'utf8');
  const block = (language: string): string =>
    new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(text)?.[1] ?? '';
  return { manifest: parse(block('json')) as Json, source: block('js') };
}

void t.test('kv: the example of its README takes an order once and lists it', async (t) => {
  const test = await openTestHost(t);
  const { manifest, source } = await exampleOf('kv');
  await test.deploy('shop', source, manifest);
  const headers = { 'idempotency-key': 'one' };
  const order = { method: 'POST', headers, body: 'tea' };
  const first = await test.request('/shop/', order);
  t.match([first.status, JSON.parse(first.text)], [201, { id: 'one', number: 1 }]);
  t.equal((await test.request('/shop/', order)).status, 200);
  t.same(JSON.parse((await test.request('/shop/')).text), [['order/one', 'tea']]);
});

void t.test('notify: the example of its README tells whoever subscribed and who bought', async (t) => {
  const test = await openTestHost(t);
  const { manifest, source } = await exampleOf('notify');
  const bindings = { ...(manifest['bindings'] as Json), AUTH: { kind: 'auth', verifyEmail: false } };
  await test.deploy('shop', source, { ...manifest, bindings });
  const json = { 'content-type': 'application/json' };
  const post = async (path: string, body: Json, headers: object): Promise<Json> =>
    JSON.parse(
      (
        await test.request(path, {
          method: 'POST',
          headers: { ...json, ...headers },
          body: JSON.stringify(body),
        })
      ).text,
    ) as Json;
  const user = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };
  const { access_token: token } = await post('/shop/auth/sign-up/email', user, { 'x-auth-tokens': '1' });
  const headers = { authorization: `Bearer ${String(token)}` };
  t.match(await post('/shop/webhooks', { webhook: 'https://partner.example.com/' }, headers), {
    state: 'pending',
    secret: /^whsec_/,
  });
  t.match(await post('/shop/orders', { id: 7, total: 120 }, headers), { id: /^msg_/ });
  const inbox = JSON.parse((await test.request('/shop/', { headers })).text) as Json;
  t.match(inbox, { items: Array, unread: Number, token: String });
  t.equal((await test.request('/shop/')).status, 401);
});

void t.test('auth: the example of its README greets a user and makes them an editor', async (t) => {
  const test = await openTestHost(t);
  const { manifest, source } = await exampleOf('auth');
  const { AUTH } = manifest['bindings'] as { readonly AUTH: Json };
  await test.deploy('shop', source, { ...manifest, bindings: { AUTH: { ...AUTH, verifyEmail: false } } });
  t.equal((await test.request('/shop/')).status, 401);
  t.equal((await test.request('/shop/api/promote')).status, 401, 'by the host');
  const signed = await test.request('/shop/auth/sign-up/email', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-tokens': '1' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' }),
  });
  const tokens = JSON.parse(signed.text) as { readonly access_token: string; readonly refresh_token: string };
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  const hello = { hello: 'ada@example.com', roles: ['user'] };
  t.same(JSON.parse((await test.request('/shop/', { headers })).text), hello);
  t.same(JSON.parse((await test.request('/shop/api/promote', { headers })).text), hello);
  const next = await test.request('/shop/auth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
  });
  const { access_token: token } = JSON.parse(next.text) as { readonly access_token: string };
  const after = await test.request('/shop/', { headers: { authorization: `Bearer ${token}` } });
  t.same(JSON.parse(after.text), { ...hello, roles: ['editor'] });
});

void t.test('function: the example of its README asks another function both ways', async (t) => {
  const test = await openTestHost(t);
  const { manifest, source } = await exampleOf('function');
  await test.deploy(
    'prices',
    `export default {
      fetch: (request) => Response.json({ path: new URL(request.url).pathname }, { status: request.url.includes('EUR') ? 200 : 404 }),
      handler: async ({ basket }) => {
        if (basket.length === 0) throw new RangeError('the basket is empty');
        return basket.length * 3;
      },
    };`,
  );
  await test.deploy('shop', source, manifest);
  const total = async (basket: readonly string[]): Promise<readonly [number, unknown]> => {
    const { status, text } = await test.request('/shop/', { method: 'POST', body: JSON.stringify(basket) });
    return [status, JSON.parse(text)];
  };
  t.same(await total(['tea', 'milk']), [200, { total: 6 }]);
  t.same(await total([]), [502, { error: 'the basket is empty', code: 'ERR_GUEST_THREW' }]);
});
