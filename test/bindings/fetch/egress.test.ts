import t from 'tap';
import type { Test } from 'tap';
import { createEgress } from '#bindings/fetch/egress.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { Egress } from '#runtime/egress.ts';
import { bodyOf, temporaryServer } from '#test/support/store-server.ts';

const policy = { ...defaultEgress, private: ['127.0.0.1'] };

function temporaryEgress(t: Test, allowPrivate: boolean = true): Egress {
  const egress = createEgress({ allowPrivate });
  t.teardown(() => egress.close());
  return egress;
}

async function echoing(t: Test): Promise<string> {
  return temporaryServer(t, (request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      const to = searchParams.get('to');
      if (to !== null) return response.writeHead(307, { location: to }).end();
      if (pathname === '/never') return undefined;
      if (pathname === '/drips') return response.write('drip');
      const { method, headers } = request;
      response.writeHead(201, { 'x-a': ['1', '2'], 'content-type': 'application/json' });
      return response.end(JSON.stringify({ method, headers, body: body.toString() }));
    });
  });
}

void t.test('egress: bindings send through the guard, and get the whole answer', async (t) => {
  const origin = await echoing(t);
  const egress = temporaryEgress(t);
  const answer = await egress.request(origin, {
    method: 'POST',
    headers: { 'Content-Type': 'text/x', 'User-Agent': 'mine' },
    body: 'hé',
    policy,
  });
  t.equal(answer.status, 201);
  t.match(answer.headers, { 'x-a': '1, 2' });
  const seen = JSON.parse(Buffer.from(answer.body).toString());
  t.match(seen, { method: 'POST', body: 'hé', headers: { 'content-type': 'text/x', 'user-agent': 'mine' } });
});

void t.test('egress: nothing private by default, nor against the operator, nor by a redirect', async (t) => {
  const origin = await echoing(t);
  const refused = { code: 'ERR_EGRESS_REFUSED' };
  await t.rejects(temporaryEgress(t).request(origin), refused);
  await t.rejects(temporaryEgress(t, false).request(origin, { policy }), refused);
  const to = `${origin}/?to=${encodeURIComponent('http://127.1:1/'.replace('127.1', '[::1]'))}`;
  const egress = temporaryEgress(t);
  t.equal((await egress.request(to, { policy })).status, 307, 'not followed unless asked to');
  await t.rejects(egress.request(to, { policy, redirect: 'follow' }), refused);
});

void t.test('egress: bindings say how long and how large an answer may be, body and all', async (t) => {
  const origin = await echoing(t);
  const egress = temporaryEgress(t);
  const exceeded = { code: 'ERR_EGRESS_LIMIT' };
  for (const path of ['/never', '/drips'])
    await t.rejects(egress.request(origin + path, { policy, timeoutMs: 50 }), exceeded, path);
  await t.rejects(egress.request(origin, { policy, maxBytes: 10 }), exceeded);
  const gone = new AbortController();
  const asking = egress.request(`${origin}/drips`, { policy, signal: gone.signal });
  gone.abort();
  await t.rejects(asking, { code: 'ERR_FETCH_FAILED' });
});

void t.test('egress: what is no request is a TypeError', async (t) => {
  const egress = temporaryEgress(t);
  await t.rejects(egress.request('nonsense'), TypeError);
  await t.rejects(egress.request('http://127.0.0.1/', { headers: { 'a b': 'c' } }), TypeError);
  await t.rejects(egress.request('http://127.0.0.1/', { headers: { a: 'b\r\nc: d' } }), TypeError);
  await t.rejects(egress.request('file:///etc/passwd'), { code: 'ERR_EGRESS_REFUSED' });
});

void t.test('egress: libraries get a fetch of the standard', async (t) => {
  const origin = await echoing(t);
  const fetch = temporaryEgress(t).fetchUnder(policy);
  const response = await fetch(new URL(`${origin}/?to=${encodeURIComponent('/end')}`), {
    method: 'POST',
    body: new URLSearchParams({ a: '1' }),
    headers: { accept: 'application/json' },
  });
  t.ok(response instanceof Response);
  t.match(
    { ok: response.ok, url: response.url, redirected: response.redirected },
    {
      ok: true,
      url: `${origin}/end`,
      redirected: true,
    },
  );
  t.match(await response.json(), { method: 'POST', body: 'a=1', headers: { accept: 'application/json' } });
  const head = await fetch(origin, { method: 'HEAD' });
  t.equal(head.body, null);
  const refusal: { cause?: unknown } = await temporaryEgress(t)
    .fetchUnder()(origin)
    .then(
      () => ({}),
      (error: unknown) => error as TypeError,
    );
  t.ok(refusal instanceof TypeError);
  t.match(refusal.cause, { code: 'ERR_EGRESS_REFUSED' });
  const gone = AbortSignal.abort(new Error('enough'));
  await t.rejects(fetch(origin, { signal: gone }), { message: 'enough' });
});
