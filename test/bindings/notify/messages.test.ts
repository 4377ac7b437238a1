import t from 'tap';
import { eventually } from '#test/support/host.ts';
import { openFor, openNotify, settled } from '#test/support/notify.ts';
import { openSmtp } from '#test/support/smtp.ts';
import { temporaryDir } from '#test/support/store-files.ts';

void t.test('publish: an id keeps others with it out, per topic and for its time', async (t) => {
  let now = Date.now();
  let calls = 0;
  const notify = await openFor(t, {
    now: () => now,
    functionsOf: {
      sink: () => {
        calls++;
        return { kind: 'returned', value: null };
      },
    },
  });
  await notify.subscribe({ function: 'sink' });
  const publish = (topic: string): Promise<{ id: string; duplicate: boolean }> =>
    notify.call('publish', { topic, message: 'x', options: { id: 'order-1' } });
  const all = await Promise.all(Array.from({ length: 20 }, () => publish('orders')));
  t.equal(all.filter(({ duplicate }) => !duplicate).length, 1);
  t.equal(new Set(all.map(({ id }) => id)).size, 1, 'all of them hear of the first');
  t.equal((await publish('others')).duplicate, false);
  await settled(notify, all[0]?.id ?? '', 'delivered');
  t.equal(calls, 1);
  now += 86_400_000 - 1;
  t.equal((await publish('orders')).duplicate, true);
  now += 1;
  t.equal((await publish('orders')).duplicate, false);
});

void t.test('publish: delays, cancelling, and a time to live', async (t) => {
  const seen: string[] = [];
  const notify = await openFor(t, {
    functionsOf: {
      sink: (event) => {
        seen.push((event as { Records: { Sns: { Message: string } }[] }).Records[0]?.Sns.Message ?? '');
        return { kind: 'returned', value: null };
      },
    },
  });
  await notify.subscribe({ function: 'sink' });
  const later = await notify.publish('later', { deliverAt: Date.now() + 300 });
  const never = await notify.publish('never', { delaySeconds: 1 });
  const now = await notify.publish('now', { deliverAt: new Date(0).toISOString() });
  t.same(await notify.call('cancel', { id: never }), { cancelled: true });
  t.same(await notify.call('cancel', { id: never }), { cancelled: false });
  await settled(notify, now, 'delivered');
  t.same(seen, ['now']);
  t.equal((await notify.deliveries(later)).state, 'accepted');
  await settled(notify, later, 'delivered');
  t.same(await notify.call('cancel', { id: later }), { cancelled: false });
  t.equal((await notify.deliveries(never)).state, 'cancelled');
  t.same(seen, ['now', 'later']);
});

void t.test('publish: urgent messages go before others that wait', async (t) => {
  const seen: string[] = [];
  const functionsOf = {
    sink: (event: unknown) => {
      seen.push((event as { Records: { Sns: { Message: string } }[] }).Records[0]?.Sns.Message ?? '');
      return { kind: 'returned' as const, value: null };
    },
  };
  const dir = temporaryDir(t);
  const first = await openNotify({ dir, functionsOf });
  await first.subscribe({ function: 'sink' });
  const deliverAt = Date.now() + 400;
  for (const priority of ['low', 'normal', 'high', 'urgent'])
    await first.publish(priority, { priority, deliverAt });
  await first.close();
  await new Promise((resolve) => {
    setTimeout(resolve, deliverAt - Date.now() + 50);
  });
  const second = await openNotify({ dir, functionsOf });
  t.teardown(() => second.close());
  await eventually('all four', () => seen.length === 4);
  t.equal(seen[0], 'urgent');
  t.equal(seen.at(-1), 'low');
});

void t.test('send: a user gets it in the inbox and on all contacts, as preferences say', async (t) => {
  const smtp = await openSmtp(t);
  const notify = await openFor(t, { smtpUrl: smtp.url });
  await notify.call('subscribe', {
    user: 'ada',
    subscription: { email: 'ada@example.com', confirmed: true },
  });
  const send = async (message: unknown, options?: unknown): Promise<string> =>
    (await notify.call<{ id: string }>('send', { user: 'ada', message, options })).id;
  const view = await settled(
    notify,
    await send({ title: 'Hi', text: 'Hello' }, { topic: 'news' }),
    'delivered',
  );
  t.same(view.deliveries.map(({ channel }) => channel).sort(), ['email', 'inbox']);
  t.equal(smtp.mails.length, 1);

  const direct = await settled(
    notify,
    await send('Code 1234', { email: 'new@example.com', channels: ['email'], required: true }),
    'delivered',
  );
  t.match(direct.deliveries, [{ channel: 'email', to: 'new@example.com' }]);
  t.notMatch(smtp.mails[1]?.raw, 'List-Unsubscribe', 'a required message has no way out');

  const leave = /https:\S+unsubscribe\S+/.exec(smtp.mails[0]?.mail.text ?? '')?.[0] ?? '';
  await notify.serve(leave.slice('https://shop.example.com/notifications'.length), { method: 'POST' });
  t.match(await notify.call('preferences.get', { user: 'ada' }), { topics: { news: { email: false } } });
  const muted = await eventually('settled', async () => {
    const found = await notify.deliveries(await once());
    return found.deliveries.length === 2 && found.deliveries.every(({ state }) => state !== 'waiting')
      ? found
      : undefined;
  });
  t.same(muted.deliveries.map(({ channel, state }) => `${channel} ${state}`).sort(), [
    'email skipped',
    'inbox delivered',
  ]);
  t.equal(smtp.mails.length, 2);
  const other = await settled(notify, await send('x', { topic: 'other' }), 'delivered');
  t.equal(other.deliveries.length, 2, 'other topics are as they were');

  async function once(): Promise<string> {
    return send('again', { topic: 'news', id: 'again' });
  }
});

void t.test('send: in quiet hours mails wait and urgent ones do not; the inbox never does', async (t) => {
  const smtp = await openSmtp(t);
  let now = Date.parse('2026-01-10T23:00:00Z');
  const notify = await openFor(t, { smtpUrl: smtp.url, now: () => now });
  await notify.call('preferences.set', {
    user: 'ada',
    preferences: { quietHours: { start: '22:00', end: '07:00', timeZone: 'UTC' } },
  });
  await notify.call('subscribe', {
    user: 'ada',
    subscription: { email: 'ada@example.com', confirmed: true },
  });
  const { id } = await notify.call<{ id: string }>('send', { user: 'ada', message: 'psst' });
  const waiting = await eventually('the mail waits', async () => {
    const { deliveries } = await notify.deliveries(id);
    return deliveries.find(({ channel, log }) => channel === 'email' && log.length > 0);
  });
  t.match(waiting, {
    state: 'waiting',
    attempts: 0,
    nextAt: Date.parse('2026-01-11T07:00:00Z'),
    log: [{ outcome: 'postponed' }],
  });
  const urgent = await notify.call<{ id: string }>('send', {
    user: 'ada',
    message: 'fire',
    options: { priority: 'urgent' },
  });
  await settled(notify, urgent.id, 'delivered');
  t.equal(smtp.mails.length, 1);
  now = Date.parse('2026-01-11T07:00:01Z');
  await settled(notify, id, 'delivered');
  t.equal(smtp.mails.length, 2);
});

void t.test('mail: templates with variables, HTML escaped, attachments as they were', async (t) => {
  const smtp = await openSmtp(t);
  const notify = await openFor(t, { smtpUrl: smtp.url });
  await notify.subscribe({ email: 'ada@example.com', confirmed: true });
  const template = {
    title: 'Order {{order.id}}',
    text: 'Dear {{name}}',
    html: '<p>Dear {{name}}</p>{{#items}}<li>{{.}}</li>{{/items}}',
  };
  await notify.call('templates.put', { name: 'order', template });
  t.same(await notify.call('templates.get', { name: 'order' }), template);
  const variables = {
    name: 'A & <B>\r\nBcc: x@example.com',
    order: { id: '7\r\nBcc: x@example.com' },
    items: ['a', 'b'],
  };
  const attachments = [
    {
      filename: 'bill.bin',
      content: Buffer.from([1, 2, 3]).toString('base64'),
      encoding: 'base64',
      contentType: 'application/pdf',
    },
  ];
  await settled(notify, await notify.publish({ template: 'order', variables, attachments }), 'delivered');
  const [mail] = smtp.mails;
  t.equal(mail?.mail.subject, 'Order 7 Bcc: x@example.com');
  t.same(mail?.to, ['ada@example.com']);
  t.equal(mail?.mail.bcc, undefined);
  t.match(mail?.mail.html, '<p>Dear A &amp; &lt;B&gt;');
  t.match(mail?.mail.html, '<li>a</li><li>b</li>');
  t.same([...(mail?.mail.attachments[0]?.content ?? [])], [1, 2, 3]);
  t.equal(mail?.mail.attachments[0]?.contentType, 'application/pdf');
  await settled(notify, await notify.publish({ template: 'missing' }), 'dead');
});

void t.test(
  'mail: a server that fails for now is tried again, one that refuses for good is not',
  async (t) => {
    const smtp = await openSmtp(t);
    const notify = await openFor(t, { smtpUrl: smtp.url });
    await notify.subscribe({ email: 'ada@example.com', confirmed: true });
    smtp.failures.push({ code: 451 }, 'reset');
    const { deliveries } = await settled(notify, await notify.publish('one'), 'delivered');
    t.equal(deliveries[0]?.attempts, 3);
    smtp.failures.push({ code: 550 });
    t.match((await settled(notify, await notify.publish('two'), 'dead')).deliveries, [{ attempts: 1 }]);
    t.equal(smtp.mails.length, 1);
  },
);
