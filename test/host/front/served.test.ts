import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { fetchThrough } from '#host/http/fetch-door.ts';
import { bearer, openFront, refused, rule, served } from '#test/support/front.ts';
import { text } from '#test/support/http-dispatch.ts';

type Source = NonNullable<ConstructorParameters<typeof ReadableStream<Uint8Array>>[0]>;

void t.test(
  'front: a binding answers its paths as the function would see them, behind no rule of its own',
  async (t) => {
    const { url, dispatch, front } = await openFront(t, {
      guest: text('guest'),
      access: [rule('/*', 'required')],
      attachment: {
        served: served(
          '/auth',
          async (request, { ip, prefix }) =>
            Response.json(
              { method: request.method, url: request.url, body: await request.text(), ip, prefix },
              {
                status: 201,
                headers: [
                  ['set-cookie', 'a=1'],
                  ['set-cookie', 'b=2'],
                  ['x-islet-error', 'X'],
                ],
              },
            ),
          ['/.well-known/keys'],
        ),
      },
    });
    const answer = await fetch(`${url}/fn/auth/sign-in?x=1`, { method: 'POST', body: 'secret' });
    t.equal(answer.status, 201);
    t.same(answer.headers.getSetCookie(), ['a=1', 'b=2']);
    t.equal(answer.headers.get('x-islet-error'), null);
    t.match(answer.headers.get('x-islet-id'), /^[0-9a-f-]{36}$/);
    t.match(await answer.json(), {
      method: 'POST',
      url: `${url}/auth/sign-in?x=1`,
      body: 'secret',
      ip: '127.0.0.1',
      prefix: '/fn',
    });
    t.equal((await fetch(`${url}/fn/auth`)).status, 201);
    t.equal((await fetch(`${url}/fn/.well-known/keys`)).status, 201);
    t.equal((await fetch(`${url}/fn/authority`)).status, 401, 'another path');
    t.equal((await fetch(`${url}/fn/.well-known/keys/x`)).status, 401);
    t.equal(dispatch.calls.length, 0);
    t.match(front.figures.report(), [
      { function: 'fn', version: 1, kind: 'served', requests: 3 },
      { kind: 'refused', requests: 2, bytesOut: 0 },
    ]);
  },
);

void t.test('front: HEAD, an answer without a body, and a broken one', async (t) => {
  const { url, client, failures } = await openFront(t, {
    guest: text('guest'),
    attachment: {
      served: served('/s', async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === '/s/none') return new Response(null, { status: 204 });
        if (pathname === '/s/throws') throw new Error('a mistake');
        if (pathname === '/s/breaks') {
          const pull = async (controller: ReadableStreamDefaultController): Promise<void> => {
            await sleep(5);
            controller.enqueue(new Uint8Array([65]));
            controller.error(new Error('broken'));
          };
          return new Response(new ReadableStream({ pull }));
        }
        return new Response('text');
      }),
    },
  });
  const head = await fetch(`${url}/fn/s/text`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), '4');
  t.equal((await fetch(`${url}/fn/s/none`)).status, 204);
  await refused(t, await fetch(`${url}/fn/s/throws`), { status: 502, code: 'ERR_CELL_LOST' });
  await t.rejects(fetch(`${url}/fn/s/breaks`).then((response) => response.text()));
  t.match(failures, [/a mistake/, /broken/]);
  const socket = client();
  socket.send('HEAD /fn/s/text HTTP/1.1', 'host: a').send('GET /fn/s/text HTTP/1.1', 'host: a');
  t.match(await socket.response({ head: true }), { status: 200, body: '' });
  t.match(await socket.response(), { status: 200, body: 'text' }, 'the connection goes on');
});

void t.test('front: a request body for a binding is bounded, sized or not', async (t) => {
  let read = 0;
  const { url } = await openFront(t, {
    guest: text('guest'),
    attachment: {
      served: served('/s', async (request) => {
        read = (await request.arrayBuffer()).byteLength;
        return new Response(String(read));
      }),
    },
  });
  const most = 2 ** 20;
  const send = (bytes: number, chunked: boolean): Promise<Response> => {
    const whole = new Uint8Array(bytes);
    const body = chunked ? ReadableStream.from([whole.subarray(0, 9), whole.subarray(9)]) : whole;
    return fetch(`${url}/fn/s`, { method: 'POST', body, duplex: 'half' });
  };
  t.equal(await (await send(most, false)).text(), String(most));
  t.equal(await (await send(most, true)).text(), String(most));
  await refused(t, await send(most + 1, false), { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' });
  await refused(t, await send(most + 1, true), { status: 413, code: 'ERR_LIMIT_REQUEST_BODY' });
  t.equal(read, most);
});

void t.test(
  'front: what a binding streams is held back by a reader that does not read, and cancelled when it goes',
  async (t) => {
    let pulled = 0;
    const cancelled = Promise.withResolvers<void>();
    const { front, target } = await openFront(t, {
      guest: text('guest'),
      attachment: {
        served: served('/s', async () => {
          const source: Source = {
            async pull(controller) {
              await sleep(0);
              pulled++;
              controller.enqueue(new Uint8Array(64 * 1024));
            },
            cancel: () => cancelled.resolve(),
          };
          return new Response(new ReadableStream(source, { highWaterMark: 0 }));
        }),
      },
    });
    const response = await fetchThrough(front, target, new Request('http://fn/s'));
    await sleep(100);
    t.ok(pulled >= 2 && pulled <= 12, `${pulled} pieces of 64 KB were drawn`);
    await response.body?.cancel();
    await cancelled.promise;
  },
);

void t.test('front: an event stream goes out at once, and ends when the host closes', async (t) => {
  const cancelled = Promise.withResolvers<void>();
  const { front, url } = await openFront(t, {
    guest: text('guest'),
    attachment: {
      served: served('/events', async () => {
        const source: Source = {
          start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
          cancel: () => cancelled.resolve(),
        };
        return new Response(new ReadableStream(source), { headers: { 'content-type': 'text/event-stream' } });
      }),
    },
  });
  const response = await fetch(`${url}/fn/events`);
  const reader = response.body?.getReader();
  t.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'data: 1\n\n');
  await front.close(10_000);
  await cancelled.promise;
  await t.rejects(async () => void (await reader?.read()));
  await refused(t, await fetch(`${url}/fn/events`), { status: 503, code: 'ERR_CLOSING' });
});

void t.test(
  'front: static files come before the function and behind the rules, for no shared cache then',
  async (t) => {
    const { url, dispatch } = await openFront(t, {
      guest: text('guest'),
      access: [rule('/private/*', 'required')],
      assets: {
        first: 'assets',
        respond: ({ url: address }) =>
          address.endsWith('.txt')
            ? Promise.resolve({
                status: 200,
                headers: ['cache-control', 'public, max-age=60', 'content-type', 'text/plain'],
                body: new TextEncoder().encode('file'),
              })
            : undefined,
      },
    });
    const open = await fetch(`${url}/fn/a.txt`);
    t.equal(await open.text(), 'file');
    t.equal(open.headers.get('cache-control'), 'public, max-age=60');
    t.equal((await fetch(`${url}/fn/private/a.txt`)).status, 401);
    const own = await fetch(`${url}/fn/private/a.txt`, bearer('ada'));
    t.equal(own.headers.get('cache-control'), 'private, max-age=60');
    t.equal(dispatch.calls.length, 0);
    t.equal(await (await fetch(`${url}/fn/other`)).text(), 'guest');
  },
);
