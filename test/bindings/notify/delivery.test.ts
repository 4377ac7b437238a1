import { createServer } from 'node:http';
import t from 'tap';
import { Webhook } from 'standardwebhooks';
import { backoffMs } from '#bindings/notify/delivery.ts';
import { HostError } from '#runtime/errors.ts';
import type { FunctionCaller } from '#runtime/functions.ts';
import { deploymentOf } from '#test/contract/binding.ts';
import { openEndpoint } from '#test/support/endpoint.ts';
import type { EndpointAnswer } from '#test/support/endpoint.ts';
import { eventually } from '#test/support/host.ts';
import { context, openFor, settled } from '#test/support/notify.ts';

void t.test(
  'delivery: a webhook gets each message signed as Standard Webhooks, verified by its library',
  async (t) => {
    const notify = await openFor(t);
    const endpoint = await openEndpoint(t);
    const { id: subscription, secret = '' } = await notify.subscribe({
      webhook: `${endpoint.url}/hook?a=1`,
      confirmed: true,
    });
    const id = await notify.publish(
      { title: 'New', text: 'No. 1', data: { order: 1 } },
      { attributes: { kind: 'new' } },
    );
    await settled(notify, id, 'delivered');
    const [request] = endpoint.requests;
    t.equal(request?.path, '/hook?a=1');
    t.equal(request?.headers['webhook-id'], id);
    const body = new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>);
    t.match(body, {
      type: 'orders',
      data: { order: 1 },
      title: 'New',
      id,
      subscription,
      attributes: { kind: 'new' },
    });
    t.throws(() =>
      new Webhook(`whsec_${Buffer.alloc(32).toString('base64')}`).verify(
        request?.body ?? '',
        request?.headers as Record<string, string>,
      ),
    );
  },
);

void t.test('delivery: after a rotation the old secret verifies too, for a day', async (t) => {
  let now = Date.now();
  const notify = await openFor(t, { now: () => now });
  const endpoint = await openEndpoint(t);
  const given = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const { id, secret } = await notify.subscribe({ webhook: endpoint.url, secret: given, confirmed: true });
  t.equal(secret, undefined, 'what was given is not told again');
  const { secret: rotated } = await notify.call<{ secret: string }>('rotateSecret', { id });
  const verifies = (key: string, index: number): boolean => {
    const request = endpoint.requests[index];
    // The library compares with the clock of the machine.
    const headers = { ...request?.headers } as Record<string, string>;
    const signed = new Webhook(key).sign(
      headers['webhook-id'] ?? '',
      new Date(Number(headers['webhook-timestamp']) * 1000),
      request?.body.toString() ?? '',
    );
    return headers['webhook-signature']?.split(' ').includes(signed) === true;
  };
  await settled(notify, await notify.publish('one'), 'delivered');
  t.same([verifies(rotated, 0), verifies(given, 0)], [true, true]);
  now += 25 * 3_600_000;
  await settled(notify, await notify.publish('two'), 'delivered');
  t.same([verifies(rotated, 1), verifies(given, 1)], [true, false]);
});

void t.test('delivery: whatever an endpoint does is tried again, until it takes the message', async (t) => {
  const notify = await openFor(t, { retry: { attempts: 10, baseMs: 5, mostMs: 20 } });
  const endpoint = await openEndpoint(t);
  await notify.subscribe({ webhook: endpoint.url, confirmed: true });
  const failures: readonly EndpointAnswer[] = [500, 'reset', 404, 302, 429, 400, 503];
  endpoint.answers.push(...failures, 200);
  const id = await notify.publish('again');
  const { deliveries } = await settled(notify, id, 'delivered');
  t.equal(endpoint.requests.length, failures.length + 1);
  t.equal(deliveries[0]?.attempts, failures.length + 1);
  t.same(
    deliveries[0]?.log.map(({ detail }) => detail),
    ['HTTP 500', 'ERR_FETCH_FAILED', 'HTTP 404', 'HTTP 302', 'HTTP 429', 'HTTP 400', 'HTTP 503', 'HTTP 200'],
  );
  t.equal(
    new Set(endpoint.requests.map(({ headers }) => headers['webhook-id'])).size,
    1,
    'each attempt has the same id',
  );
});

void t.test('delivery: an endpoint that is gone loses its subscription', async (t) => {
  const notify = await openFor(t);
  const endpoint = await openEndpoint(t, () => 410);
  await notify.subscribe({ webhook: endpoint.url, confirmed: true });
  await settled(notify, await notify.publish('one'), 'skipped');
  t.same((await notify.call<{ items: unknown[] }>('subscriptions.list', { topic: 'orders' })).items, []);
});

void t.test(
  'delivery: what fails for good is a dead letter, and can be tried again or taken off',
  async (t) => {
    const notify = await openFor(t);
    const endpoint = await openEndpoint(t);
    await notify.subscribe({ webhook: endpoint.url, confirmed: true });
    endpoint.answers.push(500, 500, 500, 500, 500, 500, 500, 500);
    const ids = [await notify.publish('one'), await notify.publish('two')];
    for (const id of ids) await settled(notify, id, 'dead');
    const dead = await notify.call<{ items: { id: string; attempts: number }[] }>('deadLetters.list');
    t.match(dead.items, [{ attempts: 4 }, { attempts: 4 }]);
    const [first, second] = dead.items.map((each) => each.id);
    t.same(await notify.call('deadLetters.redrive', { id: first }), { redriven: 1 });
    await settled(notify, first?.split('.')[0] ?? '', 'delivered');
    await t.rejects(notify.call('deadLetters.redrive', { id: first }), { code: 'ERR_NOTIFY' });
    t.same(await notify.call('deadLetters.delete', { id: second }), { deleted: true });
    t.same((await notify.call<{ items: unknown[] }>('deadLetters.list')).items, []);
    t.match(
      (await notify.deliveries(second?.split('.')[0] ?? '')).deliveries,
      [{ state: 'dead' }],
      'its log stays',
    );
  },
);

void t.test('delivery: all dead letters are tried again at once', async (t) => {
  const notify = await openFor(t, { retry: { attempts: 1, baseMs: 1, mostMs: 1 } });
  const endpoint = await openEndpoint(t);
  await notify.subscribe({ webhook: endpoint.url, confirmed: true });
  endpoint.answers.push(500, 500, 500);
  const ids = await Promise.all(['a', 'b', 'c'].map((text) => notify.publish(text)));
  for (const id of ids) await settled(notify, id, 'dead');
  t.same(await notify.call('deadLetters.redrive', { all: true }), { redriven: 3 });
  for (const id of ids) await settled(notify, id, 'delivered');
  t.equal(endpoint.requests.length, 6);
});

void t.test('delivery: a private address that the manifest does not grant is never called', async (t) => {
  const notify = await openFor(t);
  const endpoint = await openEndpoint(t);
  const bound = { name: 'NOTIFY', kind: 'notify', config: notify.binding.parse({ space: 'other' }) };
  const grant = notify.binding.attach(bound, deploymentOf()).grant(context());
  const subscription = { webhook: endpoint.url, confirmed: true };
  await grant.call({ method: 'subscribe', args: { topic: 'orders', subscription } });
  const { value } = await grant.call({ method: 'publish', args: { topic: 'orders', message: 'x' } });
  const message = (value as { readonly id: string }).id;
  const log = await eventually('dead', async () => {
    const view = (await grant.call({ method: 'deliveries', args: { message } })).value as {
      deliveries: { state: string; log: unknown[] }[];
    };
    return view.deliveries[0]?.state === 'dead' ? view.deliveries[0].log : undefined;
  });
  t.match(log, [{ detail: 'ERR_EGRESS_REFUSED' }]);
  t.same(endpoint.requests, []);
});

void t.test('delivery: filters, and a subscription that ends while its message waits', async (t) => {
  const got: string[] = [];
  const sink = (name: string) => (): { kind: 'returned'; value: null } => {
    got.push(name);
    return { kind: 'returned', value: null };
  };
  const notify = await openFor(t, {
    functionsOf: { wants: sink('wants'), other: sink('other'), all: sink('all') },
  });
  await notify.subscribe({ function: 'wants', filter: { kind: ['new'] } });
  await notify.subscribe({ function: 'other', filter: { kind: ['old'] } });
  await notify.subscribe({ function: 'all' });
  const id = await notify.publish('x', { attributes: { kind: 'new' } });
  t.equal((await settled(notify, id, 'delivered')).deliveries.length, 2);
  t.same(got.sort(), ['all', 'wants']);
});

void t.test(
  'delivery: functions get an event as SNS sends it, and one that throws gets it again',
  async (t) => {
    const events: unknown[] = [];
    const notify = await openFor(t, {
      functionsOf: {
        sink: (event) => {
          events.push(event);
          return events.length === 1
            ? { kind: 'failed', code: 'threw', name: 'Error', message: 'not yet' }
            : { kind: 'returned', value: null };
        },
      },
    });
    await notify.subscribe({ function: 'sink' });
    const id = await notify.publish(
      { title: 'New', text: 'No. 1' },
      { attributes: { price: 5, kind: 'new', tags: ['a'] } },
    );
    const { deliveries } = await settled(notify, id, 'delivered');
    t.same(
      deliveries[0]?.log.map(({ detail }) => detail),
      ['threw', 'returned'],
    );
    t.match(events[1], {
      Records: [
        {
          EventSource: 'islet:notify',
          Sns: {
            Type: 'Notification',
            MessageId: id,
            TopicArn: 'orders',
            Subject: 'New',
            Message: 'No. 1',
            MessageAttributes: {
              price: { Type: 'Number', Value: '5' },
              kind: { Type: 'String', Value: 'new' },
              tags: { Type: 'String.Array', Value: '["a"]' },
            },
          },
        },
      ],
    });
  },
);

void t.test('delivery: calls made by a message are as deep as its publisher, and a loop ends', async (t) => {
  const depths: number[] = [];
  const functions: FunctionCaller = {
    call: async (_callee, _event, { depth }) => {
      depths.push(depth);
      if (depth >= 16) throw new HostError('ERR_CALL_DEPTH', 'Cannot call: too deep');
      return { kind: 'returned', value: null };
    },
    fetch: async () => Response.error(),
  };
  const notify = await openFor(t, { functions });
  await notify.subscribe({ function: 'sink' });
  const publishAt = async (depth: number): Promise<string> => {
    const grant = notify.attachment.grant({ ...context(), origin: { depth } });
    const { value } = await grant.call({ method: 'publish', args: { topic: 'orders', message: 'x' } });
    return (value as { readonly id: string }).id;
  };
  await settled(notify, await publishAt(5), 'delivered');
  const { deliveries } = await settled(notify, await publishAt(16), 'dead');
  t.match(deliveries, [{ attempts: 1, log: [{ detail: 'ERR_CALL_DEPTH' }] }]);
  t.same(depths, [5, 16]);
});

void t.test('backoff: doubles up to its most, and half of it is chance', async (t) => {
  const retry = { attempts: 16, baseMs: 1000, mostMs: 60_000 };
  t.same(
    [1, 2, 3, 7, 100].map((attempt) => backoffMs(retry, attempt, () => 1)),
    [1000, 2000, 4000, 60_000, 60_000],
  );
  t.same(
    [1, 2, 3].map((attempt) => backoffMs(retry, attempt, () => 0)),
    [500, 1000, 2000],
  );
});

void t.test('delivery: a slow destination does not hold up the others', async (t) => {
  const notify = await openFor(t);
  const held: (() => void)[] = [];
  const slow = await openEndpoint(t);
  const stuck = createServer((_request, response) => {
    held.push(() => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => {
    stuck.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    stuck.closeAllConnections();
    stuck.close();
  });
  const { port } = stuck.address() as { port: number };
  for (let index = 0; index < 30; index++)
    await notify.subscribe({ webhook: `http://127.0.0.1:${port}/${index}`, confirmed: true }, 'slow');
  await notify.subscribe({ webhook: slow.url, confirmed: true }, 'quick');
  await notify.call('publish', { topic: 'slow', message: 'x' });
  await eventually('as many as may be at once', () => held.length === 8);
  const { id } = await notify.call<{ id: string }>('publish', { topic: 'quick', message: 'x' });
  await settled(notify, id, 'delivered');
  t.equal(held.length, 8, 'no more than eight of one server at once');
  const release = setInterval(() => held.splice(0).forEach((answer) => answer()), 5);
  t.teardown(() => clearInterval(release));
});
