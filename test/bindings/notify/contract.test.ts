import { join } from 'node:path';
import t from 'tap';
import { createEgress } from '#bindings/fetch/egress.ts';
import { openMailer } from '#bindings/mail/mail.ts';
import { createNotifyBinding } from '#bindings/notify/notify.ts';
import { openVault } from '#host/deploy/vault.ts';
import { anId, bindingContract } from '#test/contract/binding.ts';
import { callerOf } from '#test/support/notify.ts';
import { temporaryDir, temporaryStore } from '#test/support/store-files.ts';

bindingContract(t, {
  make: async (t) => {
    const dir = temporaryDir(t);
    const egress = createEgress({ allowPrivate: false });
    t.teardown(() => egress.close());
    return createNotifyBinding({
      store: temporaryStore(t),
      functions: callerOf({}),
      mailer: openMailer({ folder: join(dir, 'mail') }),
      egress,
      sealer: await openVault(join(dir, 'key'), { inUse: false }),
    });
  },
  configs: [
    undefined,
    null,
    {},
    'main',
    { space: 'other/NOTIFY', path: '/n', url: 'https://shop.example.com/', from: 'Shop <a@example.com>' },
    { contact: 'mailto:a@example.com', retentionDays: 1, dedupSeconds: 60, inboxDays: 1 },
  ],
  badConfigs: [
    '',
    'a/b/c',
    'é',
    { space: 7 },
    { path: 'notifications' },
    { path: '/a/../b?' },
    { path: '/' },
    { url: 'shop.example.com' },
    { url: 'https://user:pass@shop.example.com' },
    { from: 'x\r\n@example.com' },
    { contact: 'tel:1' },
    { retentionDays: 0 },
    { retentionDays: 1.5 },
    { dedupSeconds: '5' },
    { inboxDays: 4000 },
  ],
  configKey: 'space',
  methods: [
    'publish',
    'send',
    'cancel',
    'subscribe',
    'unsubscribe',
    'confirm',
    'rotateSecret',
    'subscriptions.list',
    'templates.put',
    'templates.get',
    'templates.delete',
    'templates.list',
    'preferences.get',
    'preferences.set',
    'inbox.list',
    'inbox.markRead',
    'inbox.delete',
    'inbox.stream',
    'inboxToken',
    'deliveries',
    'deadLetters.list',
    'deadLetters.redrive',
    'deadLetters.delete',
    'pushKey',
  ],
  members: {
    topic: ['orders', 'offers'],
    user: ['ada', 'eve'],
    message: [
      'Hello',
      { title: 'Hello', text: 'x', data: { a: 1 } },
      { template: 'hello', variables: { name: 'Ada' } },
    ],
    options: [
      {},
      { id: 'once', attributes: { total: 1 } },
      { delaySeconds: 60, priority: 'high', ttlSeconds: 5 },
    ],
    subscription: [{ inbox: 'ada' }, { email: 'ada@example.com', confirmed: true }, { function: 'sink' }],
    template: [{ title: 'Hello {{name}}', text: 'x' }],
    name: ['hello', 'other'],
    preferences: [{}, { topics: { offers: { email: false } } }],
    id: [anId, 'none', 'none.none'],
    ids: ['all', ['none']],
    all: [true],
    unread: [true, false],
    read: [true, false],
    token: ['x.y'],
    seconds: [60],
    limit: [1, 100],
    cursor: [''],
  },
  endless: ['inbox.stream'],
  mark: (grant) =>
    grant.call({ method: 'subscribe', args: { topic: 'orders', subscription: { function: 'sink' } } }),
  sees: async (grant) => {
    const { value } = await grant.call({ method: 'subscriptions.list', args: { topic: 'orders' } });
    return (value as { readonly items: readonly unknown[] }).items.length > 0;
  },
});
