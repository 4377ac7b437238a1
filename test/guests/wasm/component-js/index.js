// A wasi:http 0.2 component with web globals: what the path says.
import { open } from 'wasi:keyvalue/store@0.2.0-draft2';
import { Cas, increment, swap } from 'wasi:keyvalue/atomics@0.2.0-draft2';
import { getMany, setMany, deleteMany } from 'wasi:keyvalue/batch@0.2.0-draft2';
import { open as openOlder } from 'wasi:keyvalue/store@0.2.0-draft';
import { get, getAll } from 'wasi:config/store@0.2.0-rc.1';
import { log } from 'wasi:logging/logging@0.1.0-draft';

const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (text) => new TextEncoder().encode(text);
let calls = 0;

const acts = {
  '/': () => new Response('Hello World!', { headers: { 'content-type': 'text/plain' } }),

  '/calls': () => new Response(String(++calls)),

  '/request': async (request) =>
    Response.json({
      method: request.method,
      url: request.url,
      say: request.headers.get('x-say'),
      body: await request.text(),
    }),

  '/echo': (request) =>
    new Response(request.body, { headers: { 'content-type': 'application/octet-stream' } }),

  '/status': () =>
    new Response('short and stout', {
      status: 418,
      headers: [
        ['x-two', 'a'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
    }),

  '/fetch': async (request) => {
    const to = new URL(request.url).searchParams.get('url');
    const answer = await fetch(to, {
      method: request.method,
      body: request.method === 'POST' ? request.body : undefined,
      duplex: 'half',
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: { 'x-upstream': answer.headers.get('x-upstream') ?? '' },
    });
  },

  '/kv': async (request) => {
    const { searchParams } = new URL(request.url);
    const bucket = open(searchParams.get('bucket') ?? 'KV');
    const key = searchParams.get('key') ?? 'key';
    const before = bucket.get(key);
    bucket.set(key, bytes(await request.text()));
    const result = {
      before: before === undefined ? null : text(before),
      after: text(bucket.get(key)),
      exists: bucket.exists(key),
      keys: bucket.listKeys(undefined).keys,
      count: Number(increment(bucket, 'count', 2n)),
      older: text(openOlder('KV').get(key)),
    };
    setMany(bucket, [
      ['one', bytes('1')],
      ['two', bytes('2')],
    ]);
    result.many = getMany(bucket, ['one', 'none', 'two']).map(([key, value]) => [
      key,
      value === undefined ? null : text(value),
    ]);
    bucket.delete('one');
    deleteMany(bucket, ['two']);
    result.left = getMany(bucket, ['one', 'two']).filter(([, value]) => value !== undefined).length;
    return Response.json(result);
  },

  '/swap': () => {
    const bucket = open('default');
    bucket.set('swapped', bytes('first'));
    const cas = Cas.new(bucket, 'swapped');
    const stale = Cas.new(bucket, 'swapped');
    const current = text(cas.current());
    swap(cas, bytes('second'));
    let failed = 'nothing';
    try {
      swap(stale, bytes('third'));
    } catch (error) {
      failed = error.payload?.tag ?? String(error);
    }
    return Response.json({ current, failed, value: text(bucket.get('swapped')) });
  },

  '/no-store': () => {
    try {
      open('NOT_THERE');
      return new Response('opened');
    } catch (error) {
      return new Response(error.payload?.tag ?? String(error));
    }
  },

  '/config': () =>
    Response.json({
      greeting: get('GREETING') ?? null,
      missing: get('NOT_THERE') ?? null,
      all: Object.fromEntries(getAll()),
    }),

  '/log': () => {
    log('warn', 'guest', 'through wasi:logging');
    console.log('through stdout');
    console.error('through stderr');
    return new Response('logged');
  },

  '/stream': () => {
    let left = 3;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (left === 0) return controller.close();
          controller.enqueue(bytes(`${left--}\n`));
        },
      }),
    );
  },

  '/throw': () => {
    throw new Error('boom');
  },

  '/loop': () => {
    for (;;);
  },

  '/grow': () => {
    const all = [];
    for (;;) all.push(new Uint8Array(1 << 20).fill(1));
  },

  '/recurse': () => {
    const recurse = (n) => recurse(n + 1) + 1;
    return new Response(String(recurse(0)));
  },

  // Nothing is left to wait for: its engine answers with 500.
  '/never': () => new Promise(() => {}),
};

addEventListener('fetch', (event) => {
  const act = acts[new URL(event.request.url).pathname];
  event.respondWith(
    act === undefined ? new Response('nothing here', { status: 404 }) : (async () => act(event.request))(),
  );
});
