import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { openEndpoint } from '#test/support/endpoint.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { openSmtp } from '#test/support/smtp.ts';

const manifest = {
  bindings: { NOTIFY: { kind: 'notify', from: 'Shop <shop@example.com>' } },
  egress: { private: ['127.0.0.1'] },
};

/** Calls what the request says: `{ path: ["inbox", "list"], args: [...] }`. */
const shop = `export default { async fetch(request, env) {
  const { path, args } = await request.json();
  try {
    let owner = env.NOTIFY, method = env.NOTIFY;
    for (const name of path) { owner = method; method = method[name]; }
    const value = await method.apply(owner, args.map(revive));
    if (value instanceof ReadableStream) return new Response(value, { headers: { 'content-type': 'text/event-stream' } });
    return Response.json({ value: value ?? null });
  } catch (error) {
    return Response.json({ name: error.name, code: error.code, message: error.message }, { status: 400 });
  }
} };
function revive(value) {
  if (value?.bytes) return new Uint8Array(value.bytes);
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)]));
  return value;
}`;

type Ask = <T = Record<string, unknown>>(path: string, ...args: readonly unknown[]) => Promise<T>;

async function openShop(
  t: Parameters<typeof openTestHost>[0],
  options: Parameters<typeof openTestHost>[1] = {},
): Promise<{ test: TestHost; ask: Ask }> {
  const test = await openTestHost(t, options);
  await test.deploy('shop', shop, manifest);
  const ask: Ask = async (path, ...args) => {
    const { text } = await test.request('/shop/', {
      method: 'POST',
      body: JSON.stringify({ path: path.split('.'), args }),
    });
    const answer = JSON.parse(text) as { value?: unknown };
    return ('value' in answer ? answer.value : answer) as never;
  };
  return { test, ask };
}

async function states(ask: Ask, id: string, wanted: string): Promise<readonly Record<string, unknown>[]> {
  return eventually(`${id} is ${wanted}`, async () => {
    const view = await ask<{ state: string; deliveries: readonly Record<string, unknown>[] }>(
      'deliveries',
      id,
    );
    return view.state === 'sent' && view.deliveries.every(({ state }) => state === wanted)
      ? view.deliveries
      : undefined;
  });
}

void t.test('notify: a guest publishes to a function of either shape, a webhook and a mailbox', async (t) => {
  const smtp = await openSmtp(t);
  const webhook = await openEndpoint(t);
  const { test, ask } = await openShop(t, { smtpUrl: smtp.url });
  await test.deploy(
    'sink',
    `exports.handler = async (event) => { console.log('got ' + event.Records[0].Sns.Message); };`,
  );
  await test.deploy('fails', `exports.handler = async () => { throw new Error('no'); };`);
  t.match(await ask('subscribe', 'orders', { function: 'sink' }), { state: 'confirmed' });
  await ask('subscribe', 'orders', { webhook: webhook.url, confirmed: true });
  await ask('subscribe', 'orders', { email: 'ada@example.com', confirmed: true });
  const attachments = [{ filename: 'a.bin', content: { bytes: [0, 255] } }];
  const { id } = await ask<{ id: string }>(
    'publish',
    'orders',
    { title: 'New', text: 'No. 1', attachments },
    { attributes: { n: 1 } },
  );
  t.equal((await states(ask, id, 'delivered')).length, 3);
  t.equal(webhook.requests.length, 1);
  t.same([...(smtp.mails[0]?.mail.attachments[0]?.content ?? [])], [0, 255]);
  t.equal(smtp.mails[0]?.from, 'shop@example.com');

  await ask('subscribe', 'broken', { function: 'fails' });
  const broken = await ask<{ id: string }>('publish', 'broken', 'x');
  const log = await eventually('it was tried', async () => {
    const view = await ask<{ deliveries: { log: unknown[]; state: string }[] }>('deliveries', broken.id);
    return (view.deliveries[0]?.log.length ?? 0) > 0 ? view.deliveries[0] : undefined;
  });
  t.match(log, { state: 'waiting', log: [{ outcome: 'failed', detail: 'ERR_GUEST_THREW' }] });
});

void t.test('notify: mistakes are a TypeError in the guest, conditions an Error with a code', async (t) => {
  const { ask } = await openShop(t);
  t.match(await ask('publish', 7, 'x'), { name: 'TypeError' });
  t.match(await ask('publish', 'orders'), { name: 'TypeError' });
  t.match(await ask('publish', 'orders', 'x', { prioritY: 'high' }), {
    name: 'TypeError',
    message: /"priority"/,
  });
  t.match(await ask('publish', 'not a topic', 'x'), { name: 'Error', code: 'ERR_NOTIFY' });
  t.match(await ask('publish', 'orders', 'x'.repeat(300_000)), { code: 'ERR_NOTIFY' });
  t.match(await ask('subscribe', 'orders', { sms: '1' }), { name: 'TypeError' });
  t.match(await ask('deadLetters.redrive', 'msg_0.sub_0'), { code: 'ERR_NOTIFY' });
});

void t.test('notify: an inbox over HTTP: list, read, and a stream that goes on', async (t) => {
  const { test, ask } = await openShop(t);
  const { id } = await ask<{ id: string }>('send', 'ada', { title: 'Hi', text: 'Hello' });
  await states(ask, id, 'delivered');
  const { token } = await ask<{ token: string }>('inboxToken', 'ada', { seconds: 60 });
  const at = '/shop/notifications';
  t.equal((await test.request(`${at}/inbox`)).status, 401);
  const headers = { authorization: `Bearer ${token}` };
  const page = JSON.parse((await test.request(`${at}/inbox`, { headers })).text) as {
    items: { id: string }[];
  };
  t.match(page, { unread: 1, items: [{ title: 'Hi', text: 'Hello' }] });
  const body = JSON.stringify({ ids: page.items.map((item) => item.id) });
  t.same(JSON.parse((await test.request(`${at}/inbox/read`, { method: 'POST', headers, body })).text), {
    unread: 0,
  });
  const request = get(`${test.url}${at}/inbox/stream?token=${token}`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  t.equal(response.headers['content-type'], 'text/event-stream');
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (piece: string) => {
    text += piece;
  });
  response.on('error', () => undefined);
  await eventually('the stream is open', () => text.includes('event: ready'));
  await ask('send', 'ada', 'live');
  await eventually('it is told', () => text.includes('"text":"live"'));
  request.destroy();
  t.match(JSON.parse((await test.request(`${at}/push-key`)).text), { publicKey: await ask('pushKey') });
});

void t.test('notify: a guest streams an inbox itself', async (t) => {
  const { test, ask } = await openShop(t);
  const { id } = await ask<{ id: string }>('send', 'ada', 'first');
  await states(ask, id, 'delivered');
  const abort = new AbortController();
  const body = JSON.stringify({ path: ['inbox', 'stream'], args: ['ada', { after: 0 }] });
  const response = await fetch(`${test.url}/shop/`, { method: 'POST', body, signal: abort.signal });
  let text = '';
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece as Uint8Array).toString();
    if (text.includes('"text":"first"')) break;
  }
  t.match(text, /event: item/);
  abort.abort();
});

void t.test('notify: messages, subscriptions and what waits are there after a restart', async (t) => {
  const { test, ask } = await openShop(t);
  await test.deploy('sink', `exports.handler = async () => 'ok';`);
  await ask('subscribe', 'orders', { function: 'sink' });
  const { id } = await ask<{ id: string }>('publish', 'orders', 'later', { delaySeconds: 1 });
  const again = await test.restart();
  const asked: Ask = async (path, ...args) => {
    const { text } = await again.request('/shop/', {
      method: 'POST',
      body: JSON.stringify({ path: path.split('.'), args }),
    });
    return (JSON.parse(text) as { value: never }).value;
  };
  t.match(await states(asked, id, 'delivered'), [{ to: 'sink', attempts: 1 }]);
});
