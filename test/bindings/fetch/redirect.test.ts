import t from 'tap';
import type { Test } from 'tap';
import { bodyOf, temporaryServer } from '#test/support/store-server.ts';
import { headerValues, temporaryFetch, textOf, valueOf } from '#test/support/store-fetch.ts';

/** Answers /<status>?to=ADDRESS with that redirect, anything else with what it was asked. */
async function redirecting(t: Test): Promise<string> {
  return temporaryServer(t, (request, response) => {
    void bodyOf(request).then((body) => {
      const url = new URL(request.url ?? '', 'http://x');
      const status = Number(url.pathname.slice(1));
      const to = url.searchParams.get('to');
      if (status >= 300 && status < 400) {
        response.writeHead(status, to === null ? {} : { location: to });
        response.end('moved');
        return;
      }
      response.end(
        JSON.stringify({ m: request.method, u: request.url, h: request.headers, b: body.toString() }),
      );
    });
  });
}

const to = (origin: string, status: number, target: string): string =>
  `${origin}/${status}?to=${encodeURIComponent(target)}`;

void t.test('fetch: each redirect status rewrites method and body as the standard says', async (t) => {
  const origin = await redirecting(t);
  const fetch = temporaryFetch(t);
  const rows = [
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'PUT', 'PUT'],
    [302, 'DELETE', 'DELETE'],
    [303, 'PUT', 'GET'],
    [303, 'GET', 'GET'],
  ] as const;
  for (const [status, method, becomes] of rows) {
    const bytes = method === 'GET' ? {} : { bytes: new Uint8Array(Buffer.from('body')) };
    const headers = ['content-type', 'text/x', 'x-kept', '1'];
    const answer = await fetch({ url: to(origin, status, '/end?x=1'), method, headers }, bytes);
    const seen = JSON.parse((await textOf(answer)) ?? '');
    const keeps = becomes === method && method !== 'GET';
    t.match(
      seen,
      { m: becomes, u: '/end?x=1', b: keeps ? 'body' : '', h: { 'x-kept': '1' } },
      `${status} ${method}`,
    );
    t.equal(seen.h['content-type'], becomes === method ? 'text/x' : undefined);
    t.match(valueOf(answer), { status: 200, redirected: true, url: `${origin}/end?x=1` });
  }
});

void t.test('fetch: HEAD stays HEAD', async (t) => {
  const origin = await redirecting(t);
  const answer = await temporaryFetch(t)({ url: to(origin, 303, '/end'), method: 'HEAD' });
  t.match(valueOf(answer), { status: 200, redirected: true });
  t.equal(answer.stream, undefined);
});

void t.test('fetch: credentials stay with their origin', async (t) => {
  const first = await redirecting(t);
  const second = await redirecting(t);
  const fetch = temporaryFetch(t);
  const headers = ['authorization', 'secret', 'cookie', 'c=1', 'x-kept', '1'];
  const same = JSON.parse(
    (await textOf(await fetch({ url: to(first, 307, `${first}/end`), headers }))) ?? '',
  );
  t.match(same.h, { authorization: 'secret', cookie: 'c=1' });
  const other = JSON.parse(
    (await textOf(await fetch({ url: to(first, 307, `${second}/end`), headers }))) ?? '',
  );
  t.notOk('authorization' in other.h);
  t.notOk('cookie' in other.h);
  t.equal(other.h['x-kept'], '1');
  const back = to(first, 307, to(second, 307, `${first}/end`));
  const returned = JSON.parse((await textOf(await fetch({ url: back, headers }))) ?? '');
  t.notOk('authorization' in returned.h, 'what was dropped stays dropped on the way back');
});

void t.test('fetch: redirect "manual" gives the redirect itself, "error" refuses it', async (t) => {
  const origin = await redirecting(t);
  const fetch = temporaryFetch(t);
  const answer = await fetch({ url: to(origin, 302, '/end'), redirect: 'manual' });
  t.match(valueOf(answer), { status: 302, redirected: false });
  t.same(headerValues(answer, 'location'), ['/end']);
  t.equal(await textOf(answer), 'moved');
  await t.rejects(fetch({ url: to(origin, 302, '/end'), redirect: 'error' }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: 300, 304 and a redirect without location are answers', async (t) => {
  const origin = await redirecting(t);
  const fetch = temporaryFetch(t);
  for (const status of [300, 304, 305, 306]) {
    t.match(valueOf(await fetch({ url: to(origin, status, '/end') })), { status, redirected: false });
  }
  t.match(valueOf(await fetch({ url: `${origin}/302` })), { status: 302, redirected: false });
});

void t.test('fetch: twenty redirects are followed, one more is not', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    const left = Number(request.url?.slice(1));
    if (left > 0) response.writeHead(302, { location: `/${left - 1}` });
    response.end();
  });
  const fetch = temporaryFetch(t);
  t.match(valueOf(await fetch({ url: `${origin}/20` })), { status: 200, url: `${origin}/0` });
  await t.rejects(fetch({ url: `${origin}/21` }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a redirect to what may not be called is refused', async (t) => {
  const origin = await redirecting(t);
  const fetch = temporaryFetch(t);
  const schemes = [
    'file:///etc/passwd',
    'data:text/plain,x',
    'gopher://x/_x',
    'ftp://x/',
    'ws://x/',
    'javascript:1',
  ];
  for (const url of [...schemes, 'blob:http://x/1', 'dict://x/', 'about:blank'])
    await t.rejects(fetch({ url: to(origin, 302, url) }), { code: 'ERR_EGRESS_REFUSED' }, url);
  await t.rejects(fetch({ url: to(origin, 302, 'http://user:word@x.invalid/') }), {
    code: 'ERR_FETCH_FAILED',
  });
  await t.rejects(fetch({ url: to(origin, 302, 'http://[') }), { code: 'ERR_FETCH_FAILED' });
});

void t.test('fetch: a streamed body is not sent twice', async (t) => {
  const origin = await redirecting(t);
  const fetch = temporaryFetch(t);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(Buffer.from('body'));
  }
  const post = (status: number): ReturnType<typeof fetch> =>
    fetch({ url: to(origin, status, '/end'), method: 'POST' }, { stream: body() });
  await t.rejects(post(307), { code: 'ERR_FETCH_FAILED' });
  t.equal(valueOf(await post(303)).status, 200);
});

void t.test('fetch: a location in UTF-8 is read as such', async (t) => {
  const origin = await temporaryServer(t, (request, response) => {
    if (request.url === '/') response.writeHead(302, { location: Buffer.from('/é').toString('latin1') });
    response.end(request.url);
  });
  t.equal(await textOf(await temporaryFetch(t)({ url: origin })), '/%C3%A9');
});
