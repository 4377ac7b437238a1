import t from 'tap';
import { openEndpoint } from '#test/support/endpoint.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import { anyVerb } from '#test/support/any-verb.ts';

type Ask = <T = Record<string, unknown>>(path: string, ...args: readonly unknown[]) => Promise<T>;

async function openShop(
  t: Parameters<typeof openTestHost>[0],
  privately: readonly string[] = [],
): Promise<Ask> {
  const host = await openTestHost(t);
  await host.deploy('shop', anyVerb('NOTIFY'), {
    bindings: { NOTIFY: { kind: 'notify', from: 'Shop <shop@example.com>' } },
    egress: { private: privately },
  });
  return async (path, ...args) => {
    const body = JSON.stringify({ path: path.split('.'), args });
    const { text } = await host.request('/shop/', { method: 'POST', body });
    const answer = JSON.parse(text) as { readonly value?: unknown };
    return ('value' in answer ? answer.value : answer) as never;
  };
}

interface Made {
  readonly id: string;
}
interface Listed {
  readonly items: readonly (Made & Record<string, unknown>)[];
}

void t.test('notify verbs: subscriptions and contacts from a guest', async (t) => {
  const ask = await openShop(t, ['127.0.0.1']);
  const webhook = await openEndpoint(t);
  const { id, secret } = await ask<Made & { secret: string }>('subscribe', 'orders', {
    webhook: webhook.url,
    confirmed: true,
  });
  t.match(secret, /^whsec_/);
  const rotated = await ask<{ secret: string }>('rotateSecret', id);
  t.match(rotated.secret, /^whsec_/);
  t.not(rotated.secret, secret);
  const contact = await ask<Made>('contacts.add', 'ada', { email: 'ada@example.com', confirmed: true });
  t.match(await ask('contacts.list', 'ada'), { items: [{ id: contact.id }] });
  t.match(await ask('subscriptions.list', { topic: 'orders' }), { items: [{ id }] });
  t.same((await ask<Listed>('subscriptions.list', { topic: 'none' })).items, []);
  t.same(await ask('contacts.remove', contact.id), { unsubscribed: true });
  t.same((await ask<Listed>('contacts.list', 'ada')).items, []);
  t.same(await ask('unsubscribe', id), { unsubscribed: true });
  t.same(await ask('unsubscribe', id), { unsubscribed: false });
  t.same(await ask('confirm', 'x.y'), { confirmed: false });
  t.match(await ask('pushKey'), /^[\w-]{87}$/);
});

void t.test('notify verbs: templates, preferences and inboxes from a guest', async (t) => {
  const ask = await openShop(t);
  const template = { title: 'Hello {{name}}', text: 'Order {{order}}' };
  await ask('templates.put', 'hello', template);
  t.match(await ask('templates.get', 'hello'), template);
  t.match(JSON.stringify(await ask('templates.list')), 'hello');
  await ask('contacts.add', 'ada', { inbox: true });
  const message = { template: 'hello', variables: { name: 'Ada', order: 7 } };
  const { id } = await ask<Made>('send', 'ada', message, { id: 'once' });
  t.match(await ask('send', 'ada', message, { id: 'once' }), { id, duplicate: true });
  const first = await eventually('the message', async () => {
    const { items } = await ask<Listed>('inbox.list', 'ada', { unread: true });
    return items.length > 0 ? items[0] : undefined;
  });
  t.match(first, { title: 'Hello Ada', text: 'Order 7' });
  t.same(await ask('inbox.markRead', 'ada', [first.id]), { unread: 0 });
  t.same(await ask('inbox.markRead', 'ada', [first.id], { read: false }), { unread: 1 });
  t.same(await ask('inbox.markRead', 'ada', 'all'), { unread: 0 });
  await ask('inbox.delete', 'ada', [first.id]);
  t.same((await ask<Listed>('inbox.list', 'ada')).items, []);
  t.match(await ask('inboxToken', 'ada', { seconds: 60 }), { token: /./, until: /./ });
  await ask('templates.delete', 'hello');
  t.equal(await ask('templates.get', 'hello'), null);
  const quiet = { quietHours: { start: '22:00', end: '07:00', timeZone: 'Asia/Seoul' } };
  await ask('preferences.set', 'ada', quiet);
  t.match(await ask('preferences.get', 'ada'), quiet);
});

void t.test('notify verbs: what waits is cancelled, what failed is redriven or dropped', async (t) => {
  const ask = await openShop(t);
  await ask('contacts.add', 'ada', { inbox: true });
  const later = await ask<Made>('send', 'ada', { text: 'x' }, { deliverAt: Date.now() + 3_600_000 });
  t.same(await ask('cancel', later.id), { cancelled: true });
  t.same(await ask('cancel', later.id), { cancelled: false });
  t.match(await ask('deliveries', 'nothing'), null);
  // Where the policy lets nothing go, no attempt will do better.
  await ask('subscribe', 'orders', { webhook: 'http://127.0.0.1:9/', confirmed: true });
  for (const text of ['one', 'two', 'three']) await ask('publish', 'orders', { text });
  const dead = async (count: number): Promise<Listed['items']> =>
    await eventually(`${count} dead letters`, async () => {
      const { items } = await ask<Listed>('deadLetters.list', { limit: 10 });
      return items.length === count ? items : undefined;
    });
  const [one] = await dead(3);
  await ask('deadLetters.delete', one?.id);
  const [two] = await dead(2);
  t.match(await ask('deadLetters.redrive', two?.id), { redriven: 1 });
  await dead(2);
  t.match(await ask('deadLetters.redriveAll'), { redriven: 2 });
});
