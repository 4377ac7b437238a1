import t from 'tap';
import { Webhook } from 'standardwebhooks';
import { eventually } from '#test/support/host.ts';
import { openEndpoint } from '#test/support/endpoint.ts';
import { attachNotify, context, openNotify, shopUrl } from '#test/support/notify.ts';
import { openSmtp } from '#test/support/smtp.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { asked } from '#test/support/asked.ts';

void t.test(
  'subscriptions: a webhook that answers the signed challenge is confirmed, one that echoes is not',
  async (t) => {
    const notify = await openNotify({ dir: temporaryDir(t) });
    t.teardown(() => notify.close());
    const willing = await openEndpoint(t, ({ body }) => ({
      status: 200,
      body: JSON.stringify({
        challenge: (JSON.parse(body.toString()) as { data: { challenge: string } }).data.challenge,
      }),
    }));
    const plain = await openEndpoint(t, ({ body }) => ({
      status: 200,
      body: (JSON.parse(body.toString()) as { data: { challenge: string } }).data.challenge,
    }));
    const echo = await openEndpoint(t, ({ body }) => ({ status: 200, body: body.toString() }));
    const made = await Promise.all(
      [willing, plain, echo].map(({ url }) => notify.subscribe({ webhook: `${url}/hook` })),
    );
    for (const { state, secret } of made) {
      t.equal(state, 'pending');
      t.match(secret, /^whsec_/);
    }
    await eventually('all were asked', () =>
      [willing, plain, echo].every(({ requests }) => requests.length === 1),
    );
    const list = await eventually('two are confirmed', async () => {
      const { items } = await notify.call<{ items: { id: string; state: string }[] }>('subscriptions.list', {
        topic: 'orders',
      });
      return items.filter(({ state }) => state === 'confirmed').length === 2 ? items : undefined;
    });
    t.equal(list.find(({ id }) => id === made[2]?.id)?.state, 'pending');
    const [request] = willing.requests;
    const asked = new Webhook(made[0]?.secret ?? '').verify(
      request?.body ?? '',
      request?.headers as Record<string, string>,
    );
    t.match(asked, { type: 'subscription.confirmation', data: { topic: 'orders', confirmUrl: String } });
    const { token } = (JSON.parse(echo.requests[0]?.body.toString() ?? '') as { data: { token: string } })
      .data;
    t.same(await notify.call('confirm', { token }), { confirmed: true });
    t.same(await notify.call('confirm', { token: `${token}x` }), { confirmed: false });
  },
);

void t.test(
  'subscriptions: a mailbox gets a link, a scanner that opens it changes nothing, the button does',
  async (t) => {
    const smtp = await openSmtp(t);
    const notify = await openNotify({ dir: temporaryDir(t), smtpUrl: smtp.url });
    t.teardown(() => notify.close());
    const sub = await notify.subscribe({ email: 'ada@EXAMPLE.com' });
    t.match(sub, { state: 'pending', to: 'ada@example.com' });
    await notify.publish('too early');
    const invitation = await eventually('the invitation', () => smtp.mails[0]);
    const link = /https:\S+/.exec(invitation.mail.text ?? '')?.[0] ?? '';
    t.ok(link.startsWith(`${shopUrl}/notifications/confirm?token=`));
    const path = link.slice(`${shopUrl}/notifications`.length);
    const page = await notify.serve(path);
    t.equal(page.status, 200);
    t.match(page.headers.get('content-security-policy'), "default-src 'none'");
    t.equal(await stateOf(), 'pending');
    t.equal((await notify.serve(path.replace('token=', 'token=x'), { method: 'POST' })).status, 400);
    t.equal((await notify.serve(path, { method: 'POST' })).status, 200);
    t.equal(await stateOf(), 'confirmed');

    const id = await notify.publish({ title: 'New order', text: 'No. 1', html: '<body><p>No. 1</p></body>' });
    const mail = await eventually('the message', () => smtp.mails[1]);
    t.equal(mail.mail.subject, 'New order');
    t.match(mail.raw, /^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m);
    const leave =
      /^List-Unsubscribe: <([^>]+)>/m.exec(mail.raw.replace(/\r\n\s+/g, ' '))?.[1]?.replaceAll(' ', '') ?? '';
    t.ok(mail.mail.text?.includes(leave));
    t.match(mail.mail.html, /Unsubscribe<\/a><\/p><\/body>/);
    t.match((await notify.deliveries(id)).deliveries, [{ channel: 'email', state: 'delivered' }]);
    const out = leave.slice(`${shopUrl}/notifications`.length);
    t.equal((await notify.serve(out)).status, 200);
    t.equal(await stateOf(), 'confirmed', 'opening the link is not leaving');
    const body = new URLSearchParams({ 'List-Unsubscribe': 'One-Click' });
    t.equal((await notify.serve(out, { method: 'POST', body })).status, 200);
    t.equal(await stateOf(), undefined);
    t.equal((await notify.serve(out, { method: 'POST', body })).status, 200, 'twice is fine');

    async function stateOf(): Promise<string | undefined> {
      const { items } = await notify.call<{ items: { state: string }[] }>('subscriptions.list', {
        topic: 'orders',
      });
      return items[0]?.state;
    }
  },
);

void t.test('subscriptions: nobody is asked over and over', async (t) => {
  const smtp = await openSmtp(t);
  let now = Date.now();
  const notify = await openNotify({ dir: temporaryDir(t), smtpUrl: smtp.url, now: () => now });
  t.teardown(() => notify.close());
  const first = await notify.subscribe({ email: 'ada@example.com' });
  for (let again = 0; again < 5; again++)
    t.equal((await notify.subscribe({ email: 'ada@example.com' })).id, first.id);
  await eventually('the invitation', () => smtp.mails.length > 0);
  now += 11 * 60_000;
  await notify.subscribe({ email: 'ada@example.com' });
  await eventually('another, later', () => smtp.mails.length > 1);
  t.equal(smtp.mails.length, 2);
});

void t.test('subscriptions: one receiver is there once; filter and user are those given last', async (t) => {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  const many = await Promise.all(Array.from({ length: 10 }, () => notify.subscribe({ function: 'sink' })));
  t.equal(new Set(many.map(({ id }) => id)).size, 1);
  const changed = await notify.subscribe({ function: 'sink', filter: { kind: ['new'] } });
  t.match(changed, { id: many[0]?.id, filter: { kind: ['new'] } });
  t.same(await notify.call('unsubscribe', { id: changed.id }), { unsubscribed: true });
  t.same(await notify.call('unsubscribe', { id: changed.id }), { unsubscribed: false });
  t.not((await notify.subscribe({ function: 'sink' })).id, changed.id);
});

void t.test('subscriptions: lists have pages', async (t) => {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  for (let index = 0; index < 5; index++) await notify.subscribe({ function: `sink-${index}` });
  await notify.subscribe({ function: 'other' }, 'others');
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page: { items: { to: string }[]; cursor?: string } = await notify.call('subscriptions.list', {
      topic: 'orders',
      limit: 2,
      cursor,
    });
    seen.push(...page.items.map(({ to }) => to));
    cursor = page.cursor;
  } while (cursor !== undefined);
  t.same(seen.sort(), ['sink-0', 'sink-1', 'sink-2', 'sink-3', 'sink-4']);
  t.equal((await notify.call<{ items: unknown[] }>('subscriptions.list', {})).items.length, 6);
});

void t.test('subscriptions: what cannot be one is refused', async (t) => {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  const wrong: readonly unknown[] = [
    undefined,
    'sink',
    {},
    { function: 'a', email: 'b@example.com' },
    { sms: '1' },
    { function: 7 },
    { email: 'a@b', confirmed: 'yes' },
  ];
  for (const subscription of wrong) await t.rejects(notify.subscribe(subscription), TypeError);
  const refused: readonly unknown[] = [
    { function: 'Not A Name' },
    { webhook: 'ftp://example.com' },
    { webhook: 'https://user:pass@example.com' },
    { webhook: 'not an address' },
    { email: 'a@example.com\r\nBcc: b@example.com' },
    { email: 'Ada <a@example.com>' },
    { email: 'nobody' },
    { push: { endpoint: 'https://push.example.com', keys: { p256dh: 'AA', auth: 'AA' } } },
    { webhook: 'https://example.com', secret: 'whsec_short' },
  ];
  for (const subscription of refused)
    await t.rejects(notify.subscribe(subscription), { code: 'ERR_NOTIFY' }, JSON.stringify(subscription));
  await t.rejects(
    notify.subscribe({ function: 'sink' }, '@ada'),
    { code: 'ERR_NOTIFY' },
    'contacts are no topic',
  );
});

void t.test('subscriptions: without a known address there is no link, and no mail to confirm', async (t) => {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  const attachment = attachNotify(notify.binding, undefined);
  const args = { topic: 'orders', subscription: { email: 'a@example.com' } };
  const own = asked(attachment.grant(context()));
  await t.rejects(own.call({ method: 'subscribe', args }), { code: 'ERR_NOTIFY' });
  const subscribe = (url: string, headers: readonly string[] = []): Promise<unknown> =>
    asked(attachment.grant({ ...context(), request: { method: 'GET', url, headers } })).call({
      method: 'subscribe',
      args,
    });
  await t.rejects(
    subscribe('https://evil.example.com/subscribe'),
    { code: 'ERR_NOTIFY' },
    'a host header is no address',
  );
  await t.resolves(subscribe('http://127.0.0.1:8787/subscribe', ['x-forwarded-prefix', '/shop']));
});
