import { createECDH } from 'node:crypto';
import { createRequire } from 'node:module';
import { importJWK, jwtVerify } from 'jose';
import t from 'tap';
import { Webhook } from 'standardwebhooks';
import { toPayload } from '#bindings/notify/push.ts';
import type { MessageRecord } from '#bindings/notify/records.ts';
import { eventually } from '#test/support/host.ts';
import { openNotify } from '#test/support/notify.ts';
import { ece, openBrowser } from '#test/support/push-service.ts';
import { temporaryDir } from '#test/support/store-files.ts';

/** RFC 8291, 5 and appendix A. */
const rfc8291 = {
  text: 'When I grow up, I want to be a watermelon',
  senderPrivate: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  receiverPrivate: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  receiverPublic: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  message:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
};

void t.test('push: the example of RFC 8291, by the code that web-push encrypts with', async (t) => {
  const require = createRequire(createRequire(import.meta.url).resolve('web-push'));
  const used = require('http_ece') as typeof ece;
  const sender = createECDH('prime256v1');
  sender.setPrivateKey(rfc8291.senderPrivate, 'base64url');
  const { receiverPublic: dh, auth: authSecret, salt } = rfc8291;
  const sealed = used.encrypt(Buffer.from(rfc8291.text), {
    version: 'aes128gcm',
    privateKey: sender,
    dh,
    authSecret,
    salt,
  });
  t.equal(sealed.toString('base64url'), rfc8291.message);
  const receiver = createECDH('prime256v1');
  receiver.setPrivateKey(rfc8291.receiverPrivate, 'base64url');
  t.equal(
    ece.decrypt(sealed, { version: 'aes128gcm', privateKey: receiver, authSecret }).toString(),
    rfc8291.text,
  );
});

void t.test('webhook: the example of Standard Webhooks', async (t) => {
  const signed = new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw').sign(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    new Date(1_614_265_330_000),
    '{"test": 2432232314}',
  );
  t.equal(signed, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

void t.test('push: a browser opens what it gets, and the service sees whose it is', async (t) => {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  const browser = await openBrowser(t, { privateKey: rfc8291.receiverPrivate, auth: rfc8291.auth });
  t.match(await notify.subscribe({ push: browser.subscription }), { state: 'confirmed', channel: 'push' });
  const id = await notify.publish(
    { title: 'Hi', text: 'Grüße', url: '/orders/1', data: { order: 1 } },
    { priority: 'urgent', ttlSeconds: 60 },
  );
  const request = await eventually('a push', () => browser.endpoint.requests[0]);
  t.same(browser.open(request), {
    id,
    topic: 'orders',
    title: 'Hi',
    url: '/orders/1',
    body: 'Grüße',
    data: { order: 1 },
  });
  t.equal(request.headers['content-encoding'], 'aes128gcm');
  t.equal(request.headers['urgency'], 'high');
  const ttl = Number(request.headers['ttl']);
  t.ok(ttl > 0 && ttl <= 60);

  const publicKey = await notify.call<unknown>('pushKey');
  const { token = '', key = '' } =
    /^vapid t=(?<token>[\w.-]+), k=(?<key>[\w-]+)$/.exec(request.headers.authorization ?? '')?.groups ?? {};
  t.equal(key, publicKey);
  const point = Buffer.from(key, 'base64url');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const { payload } = await jwtVerify(token, await importJWK(jwk, 'ES256'), {
    audience: browser.endpoint.url,
  });
  t.match(payload.sub, /^mailto:/);
  t.same(await (await notify.serve('/push-key')).json(), { publicKey });
});

void t.test('push: keys that nothing can be encrypted for are refused when they come', async (t) => {
  const mistakes: string[] = [];
  const notify = await openNotify({ dir: temporaryDir(t), failed: (_error, what) => mistakes.push(what) });
  t.teardown(() => notify.close());
  const browser = await openBrowser(t);
  const { endpoint, keys } = browser.subscription as {
    endpoint: string;
    keys: { p256dh: string; auth: string };
  };
  const point = Buffer.from(keys.p256dh, 'base64url');
  const offCurve = Buffer.concat([point.subarray(0, 64), Buffer.from([(point[64] ?? 0) ^ 1])]);
  for (const changed of [
    { p256dh: offCurve.toString('base64url') },
    { p256dh: Buffer.alloc(65, 4).toString('base64url') },
    { p256dh: point.subarray(0, 64).toString('base64url') },
    { p256dh: '!'.repeat(87) },
    { auth: 'AA' },
    { auth: Buffer.alloc(17).toString('base64url') },
  ]) {
    const push = { endpoint, keys: { ...keys, ...changed } };
    await t.rejects(notify.subscribe({ push }), { code: 'ERR_NOTIFY' }, JSON.stringify(changed));
  }
  const padded = {
    p256dh: point.toString('base64'),
    auth: Buffer.from(keys.auth, 'base64url').toString('base64'),
  };
  await notify.subscribe({ push: { endpoint, keys: padded } });
  await notify.publish('x');
  t.match(browser.open(await eventually('a push', () => browser.endpoint.requests[0])), { body: 'x' });
  t.same(mistakes, [], 'the host has nothing to complain about');
});

void t.test('push: keys are made once, sealed, and stay', async (t) => {
  const dir = temporaryDir(t);
  const first = await openNotify({ dir });
  const keys = await Promise.all(Array.from({ length: 5 }, () => first.call<unknown>('pushKey')));
  t.equal(new Set(keys).size, 1);
  const entries = await first.store.list({ prefix: 'notify/' });
  await first.close();
  const second = await openNotify({ dir });
  t.teardown(() => second.close());
  t.equal(await second.call('pushKey'), keys[0]);
  t.notMatch(entries.map(({ value }) => Buffer.from(value).toString()).join('\n'), 'privateKey');
});

void t.test(
  'push: subscriptions that are over go, what may do better is tried again, the rest is dead',
  async (t) => {
    const notify = await openNotify({ dir: temporaryDir(t) });
    t.teardown(() => notify.close());
    const outcome = async (
      ...answers: (number | 'reset')[]
    ): Promise<{ state: string; attempts: number; left: number }> => {
      const browser = await openBrowser(t);
      browser.endpoint.answers.push(...answers);
      const topic = `t${answers.join('-')}`;
      await notify.subscribe({ push: browser.subscription }, topic);
      const { id } = await notify.call<{ id: string }>('publish', { topic, message: 'x' });
      const done = await eventually('settled', async () => {
        const { deliveries } = await notify.deliveries(id);
        return deliveries[0] !== undefined && deliveries[0].state !== 'waiting' ? deliveries[0] : undefined;
      });
      const { items } = await notify.call<{ items: unknown[] }>('subscriptions.list', { topic });
      return { state: done.state, attempts: done.attempts, left: items.length };
    };
    t.same(await outcome(404), { state: 'skipped', attempts: 1, left: 0 });
    t.same(await outcome(410), { state: 'skipped', attempts: 1, left: 0 });
    t.same(await outcome(500, 'reset', 201), { state: 'delivered', attempts: 3, left: 1 });
    t.same(await outcome(429, 503), { state: 'delivered', attempts: 3, left: 1 });
    t.same(await outcome(403), { state: 'dead', attempts: 1, left: 1 });
    t.same(await outcome(413), { state: 'dead', attempts: 1, left: 1 });
  },
);

void t.test('push: what is too long loses its data, then the end of its text', async (t) => {
  const message = { id: 'msg_1', topic: 'orders' } as MessageRecord;
  const parse = (content: object): Record<string, unknown> =>
    JSON.parse(toPayload(message, content)) as Record<string, unknown>;
  t.same(parse({ text: 'a', data: 1 }), { id: 'msg_1', topic: 'orders', body: 'a', data: 1 });
  t.same(parse({ text: 'a', data: 'x'.repeat(4000) }), {
    id: 'msg_1',
    topic: 'orders',
    body: 'a',
    truncated: true,
  });
  const text = '😀'.repeat(3000);
  const cut = parse({ text })['body'] as string;
  t.ok(cut.isWellFormed() && text.startsWith(cut));
  const bytes = Buffer.byteLength(toPayload(message, { text }));
  t.ok(bytes <= 3993 && bytes > 3985);
});
