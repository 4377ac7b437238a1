import t from 'tap';
import { openEndpoint } from '#test/support/endpoint.ts';
import { eventually } from '#test/support/host.ts';
import { openFor, settled } from '#test/support/notify.ts';

void t.test('waiting: a receiver that says Retry-After is not asked again before', async (t) => {
  let now = Date.now();
  const notify = await openFor(t, { now: () => now });
  const busy = await openEndpoint(t);
  const other = await openEndpoint(t);
  await notify.subscribe({ webhook: busy.url, confirmed: true });
  await notify.subscribe({ webhook: other.url, confirmed: true }, 'others');
  busy.answers.push({ status: 503, headers: { 'retry-after': '120' } });
  const id = await notify.publish('one');
  await eventually('the first attempt', async () => {
    const { deliveries } = await notify.deliveries(id);
    return deliveries[0]?.attempts === 1 ? deliveries : undefined;
  });
  now += 119_000;
  // What is published now is delivered now: whoever looks for what is due has looked.
  const { id: next } = await notify.call<{ id: string }>('publish', { topic: 'others', message: 'x' });
  await settled(notify, next, 'delivered');
  t.equal(busy.requests.length, 1);
  now += 2000;
  await settled(notify, id, 'delivered');
  t.equal(busy.requests.length, 2);
});

void t.test('waiting: what is too late is not sent, and the log says so', async (t) => {
  let now = Date.now();
  const notify = await openFor(t, { now: () => now });
  const endpoint = await openEndpoint(t);
  await notify.subscribe({ webhook: endpoint.url, confirmed: true });
  const ids = [];
  for (const ttlSeconds of [119, 300]) {
    endpoint.answers.push({ status: 503, headers: { 'retry-after': '120' } });
    const id = await notify.publish('x', { ttlSeconds });
    ids.push(id);
    await eventually('the first attempt', async () => {
      const { deliveries } = await notify.deliveries(id);
      return deliveries[0]?.attempts === 1 ? deliveries : undefined;
    });
  }
  now += 121_000;
  const [late = '', soon = ''] = ids;
  await settled(notify, late, 'skipped');
  await settled(notify, soon, 'delivered');
  t.match(JSON.stringify(await notify.deliveries(late)), 'too late');
  t.equal(endpoint.requests.length, 3);
});
