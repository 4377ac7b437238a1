import { join } from 'node:path';
import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import { Mails } from '#test/support/mails.ts';
import { openBrowser } from '#test/support/push-service.ts';

const folder = join(import.meta.dirname, '../../examples/mobile-backend');

await t.test(
  'mobile-backend: people sign in, write to each other, and are told by push and inbox',
  async (t) => {
    const test = await openTestHost(t);
    await test.host.deploy(folder, { manifest: { egress: { private: ['127.0.0.1'] } } });
    const host = `mobile-backend.localhost:${test.port}`;
    const ask = async (
      method: string,
      path: string,
      options: { token?: string; body?: unknown } = {},
    ): Promise<{ status: number; json: Record<string, unknown> }> => {
      const { token, body } = options;
      const headers = {
        'content-type': 'application/json',
        'x-auth-tokens': '1',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      };
      const answer = await test.request(path, {
        method,
        host,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, json: JSON.parse(answer.text || 'null') as Record<string, unknown> };
    };
    const signIn = async (name: string): Promise<string> => {
      const account = { email: `${name}@example.com`, password: 'correct horse battery', name };
      await ask('POST', '/auth/sign-up/email', { body: account });
      const link = await new Mails(test.dir).linkTo(account.email);
      await test.request(link.pathname + link.search, { host: link.host });
      const { json } = await ask('POST', '/auth/sign-in/email', { body: account });
      const token = String(json['access_token']);
      t.equal((await ask('PUT', '/api/me', { token, body: { name } })).status, 200);
      return token;
    };

    t.equal((await ask('GET', '/api/me')).status, 401, 'nobody gets in unknown');
    const ada = await signIn('ada');
    const grace = await signIn('grace');
    t.equal((await ask('PUT', '/api/me', { token: grace, body: { name: 'ada' } })).status, 409);

    const { publicKey } = (await ask('GET', '/notifications/push-key')).json as { publicKey: string };
    t.equal(Buffer.from(publicKey, 'base64url').length, 65);
    const browser = await openBrowser(t);
    const device = await ask('POST', '/api/devices', { token: grace, body: browser.subscription });
    t.match(device, { status: 201, json: { channel: 'push', state: 'confirmed' } });
    t.equal(
      (await ask('DELETE', `/api/devices/${String(device.json['id'])}`, { token: ada })).status,
      404,
      'not hers',
    );

    t.equal(
      (await ask('POST', '/api/messages', { token: ada, body: { to: 'nobody', text: 'x' } })).status,
      404,
    );
    t.equal(
      (await ask('POST', '/api/messages', { token: ada, body: { to: 'grace', text: '' } })).status,
      400,
    );
    t.equal(
      (await ask('POST', '/api/messages', { token: ada, body: { to: 'grace', text: 'Hello' } })).status,
      201,
    );
    const pushed = await eventually('a push', () => browser.endpoint.requests[0]);
    t.match(browser.open(pushed), { title: 'ada', body: 'Hello', topic: 'messages' });
    t.match((await ask('GET', '/api/messages', { token: grace })).json, { messages: [{ text: 'Hello' }] });
    t.same((await ask('GET', '/api/messages', { token: ada })).json, { messages: [] });

    const { token } = (await ask('POST', '/api/inbox-token', { token: grace })).json as { token: string };
    const inbox = await eventually('it is in the inbox', async () => {
      const { json } = await ask('GET', `/notifications/inbox?token=${token}`);
      return json['unread'] === 1 ? json : undefined;
    });
    t.match(inbox, { items: [{ title: 'ada', text: 'Hello' }] });
  },
);
