import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { fetchThrough } from '#host/http/fetch-door.ts';
import type { AccessRule } from '#runtime/deployment.ts';
import { bearer, identify, openFront, refused, rule } from '#test/support/front.ts';
import { web } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';

/** Says whom the call is from. */
const tells: Guest = (guest) => {
  const { call } = guest;
  const caller = call.kind === 'request' ? call.caller : undefined;
  guest.head(200, [], {
    kind: 'text',
    text: caller === undefined ? 'unasked' : JSON.stringify(caller?.id ?? null),
  });
};

/** [rule, token or undefined, what comes of it: whom the guest sees, or status and code]. */
const table: readonly (readonly [AccessRule, string | undefined, string])[] = [
  [rule('/*', 'required'), undefined, '401 ERR_UNAUTHORIZED Bearer realm="islet"'],
  [rule('/*', 'required'), '!expired', '401 ERR_INVALID_TOKEN Bearer realm="islet", error="invalid_token"'],
  [rule('/*', 'required'), 'ada', '"ada"'],
  [rule('/*', 'required', ['admin']), undefined, '401 ERR_UNAUTHORIZED Bearer realm="islet"'],
  [
    rule('/*', 'required', ['admin']),
    'ada:editor',
    '403 ERR_FORBIDDEN Bearer realm="islet", error="insufficient_scope"',
  ],
  [rule('/*', 'required', ['admin', 'editor']), 'ada:editor', '"ada"'],
  [rule('/*', 'optional'), undefined, 'null'],
  [rule('/*', 'optional'), '!expired', '401 ERR_INVALID_TOKEN Bearer realm="islet", error="invalid_token"'],
  [rule('/*', 'optional'), 'ada', '"ada"'],
  [
    rule('/*', 'optional', ['admin']),
    'ada',
    '403 ERR_FORBIDDEN Bearer realm="islet", error="insufficient_scope"',
  ],
  [{ ...rule('/*', 'none'), binding: '' }, undefined, 'unasked'],
  [{ ...rule('/*', 'none'), binding: '' }, '!expired', 'unasked'],
  [rule('/x', 'required'), undefined, 'unasked'],
  [rule('/a', 'required'), 'ada', '"ada"'],
];

void t.test('front: what each rule makes of each caller', async (t) => {
  for (const [access, token, expected] of table) {
    const { url, dispatch } = await openFront(t, { guest: tells, access: [access] });
    const response = await fetch(`${url}/fn/a`, token === undefined ? {} : bearer(token));
    const what = `${access.auth} ${access.pattern} [${access.roles.join()}] ${token}`;
    if (response.status === 200) {
      t.equal(await response.text(), expected, what);
      continue;
    }
    const said = `${response.status} ${response.headers.get('x-islet-error')} ${response.headers.get('www-authenticate')}`;
    t.equal(said, expected, what);
    t.equal(dispatch.calls.length, 0, 'nothing was started');
    await response.body?.cancel();
  }
});

void t.test(
  'front: why a token does not hold is in the message, the code and the id as in other refusals',
  async (t) => {
    const { url } = await openFront(t, { guest: tells, access: [rule('/*', 'required')] });
    const response = await fetch(`${url}/fn/a`, bearer('!it expired'));
    t.match(await response.clone().text(), 'it expired');
    await refused(t, response, { status: 401, code: 'ERR_INVALID_TOKEN' });
  },
);

void t.test('front: a path that reads in two ways is refused where rules differ about them', async (t) => {
  const { client, dispatch } = await openFront(t, { guest: tells, access: [rule('/admin/*', 'required')] });
  const socket = client();
  for (const path of ['/fn/x/..%2fadmin/x', '/fn//admin/x', '/fn/%61dmin/x']) {
    socket.send(`GET ${path} HTTP/1.1`, 'host: a');
    const { status, header } = await socket.response();
    t.same([status, header('x-islet-error')], [400, 'ERR_BAD_REQUEST'], path);
  }
  t.equal(dispatch.calls.length, 0);
});

void t.test('front: browsers are sent to the page where they can sign in, programs are not', async (t) => {
  const { url, client } = await openFront(t, {
    guest: tells,
    access: [rule('/*', 'required')],
    attachment: { signIn: (to) => `/auth/sign-in?to=${encodeURIComponent(to)}` },
  });
  const asBrowser = { headers: { accept: 'text/html,*/*' }, redirect: 'manual' as const };
  const sent = await fetch(`${url}/fn/a/b?c=d`, asBrowser);
  t.equal(sent.status, 303);
  t.equal(sent.headers.get('location'), '/fn/auth/sign-in?to=%2Ffn%2Fa%2Fb%3Fc%3Dd');
  t.equal(sent.headers.get('cache-control'), 'no-store');
  await refused(t, await fetch(`${url}/fn/a`, { ...asBrowser, method: 'POST' }), {
    status: 401,
    code: 'ERR_UNAUTHORIZED',
  });
  await refused(t, await fetch(`${url}/fn/a`), { status: 401, code: 'ERR_UNAUTHORIZED' });
  const withToken = { ...asBrowser, headers: { ...asBrowser.headers, ...bearer('!x').headers } };
  await refused(t, await fetch(`${url}/fn/a`, withToken), { status: 401, code: 'ERR_INVALID_TOKEN' });
  const socket = client();
  socket.send('GET //evil.example/x HTTP/1.1', 'host: fn.localhost', 'accept: text/html');
  const { header } = await socket.response();
  t.equal(header('location'), '/auth/sign-in?to=%2F', 'two slashes name no other host');
});

void t.test(
  'front: a streamed body that comes while the caller is looked up is whole and in order',
  async (t) => {
    let release = (): void => {};
    const waits = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { url, dispatch } = await openFront(t, {
      guest: web((request) => new Response(request.body)),
      access: [rule('/*', 'required')],
      attachment: {
        async identify(credentials) {
          await waits;
          return identify(credentials);
        },
      },
    });
    const bytes = Buffer.from(Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) % 251));
    const body = ReadableStream.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]);
    const sent = fetch(`${url}/fn/a`, {
      method: 'POST',
      body,
      duplex: 'half',
      ...bearer('ada'),
    });
    await sleep(50);
    t.equal(dispatch.calls.length, 0);
    release();
    const response = await sent;
    t.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
    t.same(dispatch.events, []);
  },
);

void t.test('front: an empty chunked body ends also when it ended before the caller was known', async (t) => {
  const { client } = await openFront(t, {
    guest: web(async (request) => new Response(`[${await request.text()}]`)),
    access: [rule('/*', 'required')],
    attachment: {
      async identify(credentials) {
        await sleep(30);
        return identify(credentials);
      },
    },
  });
  const socket = client();
  socket.send('POST /fn/a HTTP/1.1', 'host: a', 'authorization: Bearer ada', 'transfer-encoding: chunked');
  socket.send('0');
  t.match(await socket.response(), { status: 200, body: '[]' });
});

void t.test('front: who goes away while the caller is looked up starts nothing', async (t) => {
  const looked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const { front, target, dispatch } = await openFront(t, {
    guest: tells,
    access: [rule('/*', 'required')],
    attachment: {
      async identify(credentials) {
        looked.resolve();
        await gone.promise;
        return identify(credentials);
      },
    },
  });
  const abort = new AbortController();
  const request = new Request('http://fn/a', { signal: abort.signal, ...bearer('ada') });
  const sent = fetchThrough(front, target, request);
  await looked.promise;
  abort.abort();
  await t.rejects(sent, { name: 'AbortError' });
  gone.resolve();
  await sleep(10);
  t.equal(dispatch.calls.length, 0);
});

void t.test(
  'front: a mistake while the caller is looked up is 502, logged, and nobody gets in',
  async (t) => {
    const { url, dispatch, failures } = await openFront(t, {
      guest: tells,
      access: [rule('/*', 'required')],
      attachment: { identify: () => Promise.reject(new Error('no keys')) },
    });
    await refused(t, await fetch(`${url}/fn/a`, bearer('ada')), { status: 502, code: 'ERR_CELL_LOST' });
    t.equal(dispatch.calls.length, 0);
    t.match(failures, [/no keys/]);
  },
);

void t.test('front: a rule whose binding cannot tell callers apart lets nobody in', async (t) => {
  const { url, dispatch } = await openFront(t, {
    guest: tells,
    access: [{ ...rule('/*', 'optional'), binding: 'GONE' }],
  });
  await refused(t, await fetch(`${url}/fn/a`), { status: 502, code: 'ERR_CELL_LOST' });
  t.equal(dispatch.calls.length, 0);
});

void t.test('front: a target with nothing to answer goes straight through, events always', async (t) => {
  const { front, target, dispatch } = await openFront(t, { guest: tells });
  const response = await fetchThrough(front, target, new Request('http://fn/a'));
  t.equal(await response.text(), 'unasked');
  t.equal((dispatch.calls[0] as { id?: string }).id, undefined, 'the call is as it was');
});
