import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { openEndpoint } from '#test/support/endpoint.ts';
import { eventually, openTestHost } from '#test/support/host.ts';

const folder = join(import.meta.dirname, '../../examples/webhook-relay');
const senderSecret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;

await t.test('webhook-relay: what comes in signed goes out signed to whoever subscribed, once', async (t) => {
  const test = await openTestHost(t);
  await test.host.deploy(folder, { manifest: { egress: { private: ['127.0.0.1'] } } });
  const at = '/webhook-relay';
  t.equal(
    (await test.request(`${at}/in/orders`, { method: 'POST' })).status,
    503,
    'it asks for its secrets first',
  );
  await test.host.secrets.put('webhook-relay', 'SENDER_SECRET', senderSecret);
  await test.host.secrets.put('webhook-relay', 'ADMIN_TOKEN', 'admin');
  const admin = { authorization: 'Bearer admin' };

  const receiver = await openEndpoint(t, ({ body }) => {
    const sent = JSON.parse(body.toString()) as { data: { challenge?: string } };
    return { status: 200, body: JSON.stringify({ challenge: sent.data.challenge }) };
  });
  t.equal((await test.request(`${at}/subscriptions`)).status, 401);
  const body = JSON.stringify({ topic: 'orders', url: receiver.url, types: ['order.created'] });
  const made = await test.request(`${at}/subscriptions`, { method: 'POST', headers: admin, body });
  const { secret } = JSON.parse(made.text) as { secret: string };
  await eventually('the receiver is confirmed', async () => {
    const { text } = await test.request(`${at}/subscriptions?topic=orders`, { headers: admin });
    return (JSON.parse(text) as { items: { state: string }[] }).items[0]?.state === 'confirmed';
  });

  const send = async (
    id: string,
    data: object,
    key: string = senderSecret,
  ): Promise<{ status: number; json: Record<string, unknown> }> => {
    const payload = JSON.stringify(data);
    const now = new Date();
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign(id, now, payload),
    };
    const { status, text } = await test.request(`${at}/in/orders`, {
      method: 'POST',
      headers,
      body: payload,
    });
    return { status, json: JSON.parse(text) as Record<string, unknown> };
  };
  t.equal(
    (await send('a', { type: 'order.created' }, `whsec_${Buffer.alloc(24, 9).toString('base64')}`)).status,
    401,
  );
  const first = await send('a', { type: 'order.created', n: 1 });
  t.match(first, { status: 202, json: { duplicate: false } });
  t.match(await send('a', { type: 'order.created', n: 1 }), {
    status: 202,
    json: { id: first.json['id'], duplicate: true },
  });
  await send('b', { type: 'order.deleted', n: 2 });
  const sent = await eventually('it arrived', () => receiver.requests[1]);
  t.match(new Webhook(secret).verify(sent.body, sent.headers as Record<string, string>), {
    type: 'orders',
    data: { n: 1 },
  });
  const { text } = await test.request(`${at}/deliveries/${String(first.json['id'])}`, { headers: admin });
  t.match(JSON.parse(text), { deliveries: [{ channel: 'webhook' }] });
  t.equal(receiver.requests.length, 2, 'one confirmation and one message');
  t.same(JSON.parse((await test.request(`${at}/dead-letters`, { headers: admin })).text), { items: [] });
});
