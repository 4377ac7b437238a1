import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { eventually } from '#test/support/host.ts';
import { openNotify } from '#test/support/notify.ts';
import type { TestFunctions } from '#test/support/notify.ts';
import { temporaryDir } from '#test/support/store-files.ts';

void t.test('notify: two hosts on one store deliver everything, each message once', async (t) => {
  const dir = temporaryDir(t);
  const store = openSqliteStore(join(dir, 'store.db'));
  t.teardown(() => store.close());
  const seen: string[] = [];
  const functionsOf: TestFunctions = {
    sink: (event) => {
      seen.push((event as { Records: { Sns: { MessageId: string } }[] }).Records[0]?.Sns.MessageId ?? '');
      return { kind: 'returned', value: null };
    },
  };
  const first = await openNotify({ dir, store, functionsOf });
  const second = await openNotify({ dir, store, functionsOf });
  t.teardown(async () => {
    await first.close();
    await second.close();
  });
  await first.subscribe({ function: 'sink' });
  const ids = await Promise.all(
    Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? first : second).publish(`No. ${index}`)),
  );
  await eventually('all are delivered', () => seen.length >= ids.length);
  await eventually('nothing is left', async () => (await store.list({ prefix: 'notify-due/' })).length === 0);
  t.same(seen.sort(), ids.sort());
});

void t.test('notify: what one host accepted before it stopped, another delivers', async (t) => {
  const dir = temporaryDir(t);
  const store = openSqliteStore(join(dir, 'store.db'));
  t.teardown(() => store.close());
  let calls = 0;
  const functionsOf: TestFunctions = {
    sink: () => {
      calls++;
      return { kind: 'returned', value: null };
    },
  };
  const first = await openNotify({ dir, store, functionsOf });
  const second = await openNotify({ dir, store, functionsOf });
  t.teardown(() => second.close());
  await first.subscribe({ function: 'sink' });
  await first.binding.close();
  const id = await first.publish('left behind');
  await eventually(
    'delivered by the other',
    async () => (await second.deliveries(id)).deliveries[0]?.state === 'delivered',
  );
  t.equal(calls, 1);
});

void t.test('notify: a host that stops waits for what is under way', async (t) => {
  const notify = await openNotify({
    dir: temporaryDir(t),
    functionsOf: {
      slow: () => new Promise((resolve) => setTimeout(() => resolve({ kind: 'returned', value: null }), 200)),
    },
  });
  await notify.subscribe({ function: 'slow' });
  const id = await notify.publish('x');
  await eventually('it is under way', async () => (await notify.deliveries(id)).deliveries.length === 1);
  await notify.binding.close();
  const state = (await notify.deliveries(id)).deliveries[0]?.state;
  t.ok(state === 'delivered' || state === 'waiting');
  const left = await notify.store.list({ prefix: 'notify-due/', keysOnly: true });
  t.equal(state === 'delivered' || left.length === 1, true, 'or it is still to be done');
  await notify.close();
});

void t.test(
  'notify: a topic with a thousand subscriptions hands out page by page, all of them once',
  async (t) => {
    const seen = new Map<string, number>();
    const functionsOf = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [
        `sink-${index}`,
        () => {
          seen.set(`sink-${index}`, (seen.get(`sink-${index}`) ?? 0) + 1);
          return { kind: 'returned' as const, value: null };
        },
      ]),
    );
    const notify = await openNotify({ dir: temporaryDir(t), functionsOf });
    t.teardown(() => notify.close());
    await Promise.all(Object.keys(functionsOf).map((name) => notify.subscribe({ function: name })));
    const id = await notify.publish('to all');
    await eventually('all have it', () => seen.size === 1000);
    await eventually(
      'nothing is left',
      async () => (await notify.store.list({ prefix: 'notify-due/' })).length === 0,
    );
    t.ok([...seen.values()].every((times) => times === 1));
    t.equal((await notify.deliveries(id)).state, 'sent');
  },
);
