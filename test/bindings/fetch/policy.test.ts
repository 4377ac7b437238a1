import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { createFetchBinding } from '#bindings/fetch/fetch.ts';
import { Slots } from '#bindings/fetch/slots.ts';
import type { Answer } from '#runtime/binding.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import { defaultLimits } from '#runtime/limits.ts';
import type { DeploymentId, FunctionName } from '#runtime/deployment.ts';
import { eventually } from '#test/support/host.ts';
import { temporaryServer } from '#test/support/store-server.ts';
import { temporaryFetch, textOf, valueOf } from '#test/support/store-fetch.ts';

const refused = { code: 'ERR_EGRESS_REFUSED' };
const exceeded = { code: 'ERR_EGRESS_LIMIT' };
const resolve = async (): Promise<readonly { address: string; family: number }[]> => [
  { address: '127.0.0.1', family: 4 },
];

async function* pieces(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) yield new Uint8Array(bytes);
}

async function echoing(t: Test): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const origin = await temporaryServer(t, (request, response) => {
    asked.push(`${request.method} ${request.headers.host}`);
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
    if (to !== null) response.writeHead(307, { location: to });
    request.resume().on('end', () => response.end('ok'));
  });
  return { port: Number(new URL(origin).port), asked };
}

void t.test('egress: off lets nothing out, before any name is looked up', async (t) => {
  let lookups = 0;
  const counting = async (): Promise<readonly { address: string; family: number }[]> => {
    lookups += 1;
    return resolve();
  };
  const egress = { mode: 'off', private: ['a.test'] } as const;
  await t.rejects(temporaryFetch(t, { egress, resolve: counting })({ url: 'http://a.test/' }), refused);
  const listed = { mode: 'list', allow: [{ host: 'b.test' }] } as const;
  await t.rejects(
    temporaryFetch(t, { egress: listed, resolve: counting })({ url: 'http://a.test/' }),
    refused,
  );
  t.equal(lookups, 0);
});

void t.test('egress: a list lets out what is on it: host, port and method', async (t) => {
  const { port, asked } = await echoing(t);
  const names = ['a.test', 'b.test', 'sub.w.test', 'deep.sub.w.test', 'w.test', 'xw.test', 'a.test.'];
  const fetch = temporaryFetch(t, {
    resolve,
    egress: {
      mode: 'list',
      private: names,
      allow: [
        { host: 'a.test', port },
        { host: 'b.test', port, methods: ['GET', 'PUT'] },
        { host: '*.w.test', port },
        { host: 'c.test' },
      ],
    },
  });
  const rows = [
    ['GET', 'a.test', true],
    ['DELETE', 'A.TEST', true],
    ['GET', 'b.test', true],
    ['PUT', 'b.test', true],
    ['POST', 'b.test', false],
    ['put', 'b.test', false],
    ['GET', 'sub.w.test', true],
    ['GET', 'deep.sub.w.test', true],
    ['GET', 'w.test', false],
    ['GET', 'xw.test', false],
    ['GET', 'a.test.', false],
    ['GET', 'sub.a.test', false],
    ['GET', 'c.test', false],
  ] as const;
  for (const [method, host, isAllowed] of rows) {
    asked.length = 0;
    const asking = fetch({ url: `http://${host}:${port}/`, method });
    if (isAllowed) t.equal(valueOf(await asking).status, 200, `${method} ${host}`);
    else await t.rejects(asking, refused, `${method} ${host}`);
    t.equal(asked.length, isAllowed ? 1 : 0);
  }
});

void t.test('egress: a redirect off the list, or to a method that is not on it, is refused', async (t) => {
  const { port, asked } = await echoing(t);
  const allow = [
    { host: 'a.test', port },
    { host: 'reads.test', port, methods: ['GET'] },
  ];
  const fetch = temporaryFetch(t, {
    resolve,
    egress: { mode: 'list', allow, private: ['a.test', 'reads.test', 'b.test'] },
  });
  const via = (to: string): string => `http://a.test:${port}/?to=${encodeURIComponent(to)}`;
  await t.rejects(fetch({ url: via(`http://b.test:${port}/`) }), refused);
  const posted = fetch(
    { url: via(`http://reads.test:${port}/`), method: 'POST' },
    { bytes: new Uint8Array(1) },
  );
  await t.rejects(posted, refused);
  t.equal(valueOf(await fetch({ url: via(`http://reads.test:${port}/`) })).status, 200);
  t.notOk(asked.some((line) => line.includes('b.test') || line === `POST reads.test:${port}`));
});

void t.test('egress: more connections than are allowed wait for one another, and none is lost', async (t) => {
  let open = 0;
  let most = 0;
  const origin = await temporaryServer(t, (_, response) => {
    open += 1;
    most = Math.max(most, open);
    response.write('head');
    setTimeout(() => {
      open -= 1;
      response.end();
    }, 5);
  });
  const fetch = temporaryFetch(t, { egress: { connections: 3, private: ['127.0.0.1'] } });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => textOf(await fetch({ url: origin }))),
  );
  t.same(new Set(answers), new Set(['head']));
  t.equal(most, 3);
});

void t.test(
  'egress: a body nobody reads holds its connection until it is cancelled or its call ends',
  async (t) => {
    const origin = await temporaryServer(t, (_, response) => response.write('some'));
    const ending = new AbortController();
    const egress = { connections: 1, private: ['127.0.0.1'] };
    const fetch = temporaryFetch(t, { egress, signal: ending.signal });
    const first = await fetch({ url: origin });
    let isWaiting = true;
    const second = fetch({ url: origin }).finally(() => {
      isWaiting = false;
    });
    await sleep(20);
    t.equal(isWaiting, true);
    await first.stream?.[Symbol.asyncIterator]().return?.();
    t.equal(valueOf(await second).status, 200);
    const third = fetch({ url: origin });
    ending.abort();
    await t.rejects(third, { code: 'ERR_FETCH_FAILED' });
  },
);

void t.test('egress: a function that holds all its connections keeps no other waiting', async (t) => {
  const url = await temporaryServer(t, (_, response) => response.write('never ends'));
  const binding = createFetchBinding({ allowPrivate: true });
  t.teardown(() => binding.close());
  const egress = { ...defaultEgress, connections: 1, private: ['127.0.0.1'] };
  const fetchOf = (id: string, signal: AbortSignal): (() => Promise<Answer>) => {
    const deployment = {
      id: id as DeploymentId,
      function: id as FunctionName,
      egress,
      limits: defaultLimits,
    };
    const grant = binding.attach(deployment, {}).grant({ invocationId: id, signal, origin: { depth: 0 } });
    return async () => await grant.call({ method: 'fetch', args: { url } });
  };
  const ending = new AbortController();
  const greedy = fetchOf('greedy', ending.signal);
  t.equal(valueOf(await greedy()).status, 200);
  const waiting = t.rejects(greedy(), { code: 'ERR_FETCH_FAILED' }, 'its own second one waits till the end');
  t.equal(valueOf(await fetchOf('other', ending.signal)()).status, 200);
  ending.abort();
  await waiting;
});

void t.test('slots: taken in order of asking, given back once, left by whoever gives up', async (t) => {
  const slots = new Slots(1);
  const never = new AbortController().signal;
  const leaving = new AbortController();
  const order: string[] = [];
  const give = await slots.take(never);
  const gone = slots.take(leaving.signal).catch(() => order.push('left'));
  const next = slots.take(never).then((done) => {
    order.push('next');
    return done;
  });
  leaving.abort();
  await gone;
  t.equal(slots.busy, 2);
  give();
  give();
  const last = slots.take(never);
  (await next)();
  (await last)();
  t.same(order, ['left', 'next']);
  t.equal(slots.busy, 0);
  await t.rejects(slots.take(leaving.signal), { name: 'AbortError' });
});

void t.test('egress: a head that does not come in time ends the fetch, also after redirects', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    if (request.url === '/hop') response.writeHead(302, { location: '/never' }).end();
  });
  const fetch = temporaryFetch(t, { egress: { timeoutMs: 50, private: ['127.0.0.1'] } });
  await t.rejects(fetch({ url: `${origin}/never` }), exceeded);
  await t.rejects(fetch({ url: `${origin}/hop` }), exceeded);
});

void t.test('egress: the clock stops at the head, a slow body comes through', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.write('a');
    setTimeout(() => response.end('b'), 1200);
  });
  const fetch = temporaryFetch(t, { egress: { timeoutMs: 1000, private: ['127.0.0.1'] } });
  t.equal(await textOf(await fetch({ url: origin })), 'ab');
});

void t.test('egress: a request body of the limit goes out, one byte more does not', async (t) => {
  const { port } = await echoing(t);
  const fetch = temporaryFetch(t, { egress: { requestBytes: 100_000, private: ['127.0.0.1'] } });
  const args = { url: `http://127.0.0.1:${port}/`, method: 'POST' };
  t.equal(valueOf(await fetch(args, { bytes: new Uint8Array(100_000) })).status, 200);
  t.equal(valueOf(await fetch(args, { stream: pieces(10, 10_000) })).status, 200);
  await t.rejects(fetch(args, { bytes: new Uint8Array(100_001) }), exceeded);
  await t.rejects(fetch(args, { stream: pieces(11, 10_000) }), exceeded);
});

void t.test('egress: an answer of the limit is read, one byte more breaks it off with a code', async (t) => {
  let closed = 0;
  const origin = await temporaryServer(t, (request, response) => {
    response.on('close', () => (closed += 1));
    const bytes = Number(request.url?.slice(2));
    if (request.url?.[1] === 'k') response.setHeader('content-length', bytes);
    response.end(Buffer.alloc(bytes));
  });
  const fetch = temporaryFetch(t, { egress: { responseBytes: 300_000, private: ['127.0.0.1'] } });
  for (const known of ['k', 'u']) {
    t.equal((await textOf(await fetch({ url: `${origin}/${known}300000` })))?.length, 300_000);
    const read = async (): Promise<unknown> => textOf(await fetch({ url: `${origin}/${known}300001` }));
    await t.rejects(read(), exceeded, known === 'k' ? 'length known' : 'length unknown');
  }
  t.equal(
    valueOf(await fetch({ url: `${origin}/k900000`, method: 'HEAD' })).status,
    200,
    'a HEAD has no body',
  );
  t.equal(await eventually('every answer is over', () => closed === 5), true);
});

void t.test('egress: what counts is the body as it is read, not as it was packed', async (t) => {
  const { gzipSync } = await import('node:zlib');
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000)));
  });
  const fetch = temporaryFetch(t, { egress: { responseBytes: 1_000_000, private: ['127.0.0.1'] } });
  const answer = await fetch({ url: origin });
  let read = 0;
  const reading = (async () => {
    for await (const piece of answer.stream ?? []) read += piece.length;
  })();
  await t.rejects(reading, exceeded);
  t.ok(read <= 1_000_000);
});
