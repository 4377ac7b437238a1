import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';

const calls = (
  name: string,
  rest: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  bindings: { OTHER: { kind: 'function', function: name } },
  ...rest,
});

/** Tells what it got; at /through, what OTHER answers to the rest of the path. */
const echo = `
async function through(env, run) {
  try { return await run(); } catch (error) {
    return Response.json({ failed: { name: error.name, message: error.message, code: error.code ?? null, stack: String(error.stack) } });
  }
}
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname.startsWith('/through'))
      return through(env, () => env.OTHER.fetch(new Request('http://inner.example' + url.pathname.slice(8) + url.search, request)));
    if (url.pathname === '/call') return through(env, async () => Response.json(await env.OTHER.call(await request.json())));
    if (url.pathname === '/short') return through(env, () => env.OTHER.fetch('/a?b=c'));
    if (url.pathname === '/status') return new Response('teapot', { status: 418, headers: { 'x-a': '1' } });
    if (url.pathname === '/redirect') return Response.redirect('http://elsewhere.example/', 302);
    if (url.pathname === '/throws') throw new RangeError('too far');
    return Response.json({ method: request.method, url: request.url, headers: Object.fromEntries(request.headers), body: await request.text(), user: ctx.user ?? null });
  },
};`;

const host = await openTestHost(t);

await t.test(
  'functions: a request reaches another function as it is, and its answer comes back',
  async (t) => {
    await host.deploy('front-a', echo, calls('back-a'));
    await host.deploy('back-a', echo);
    const ask = async (path: string, body?: string): Promise<Response> =>
      fetch(`${host.url}/front-a${path}`, {
        redirect: 'manual',
        ...(body === undefined ? {} : { method: 'POST', body, headers: { 'x-own': 'yes' } }),
      });
    t.match(await (await ask('/through/a/b?c=d', 'hello')).json(), {
      method: 'POST',
      url: 'http://inner.example/a/b?c=d',
      headers: { host: 'inner.example', 'x-own': 'yes' },
      body: 'hello',
    });
    t.match(await (await ask('/short')).json(), { method: 'GET', url: 'http://localhost/a?b=c', body: '' });
    const teapot = await ask('/through/status');
    t.same([teapot.status, teapot.headers.get('x-a'), await teapot.text()], [418, '1', 'teapot']);
    t.equal((await ask('/through/redirect')).status, 302, 'a redirect is given back');
    const thrown = await ask('/through/throws');
    t.equal(thrown.status, 500);
    t.match(await thrown.json(), { error: { code: 'ERR_GUEST_THREW' } });
    const usage = await host.host.usage('back-a');
    t.match(usage, [{ invocations: 5, outcomes: { responded: 4, threw: 1 } }], 'on its own meter');
  },
);

await t.test('functions: an event reaches a handler; what it throws arrives without its stack', async (t) => {
  await host.deploy('front-b', echo, calls('back-b'));
  await host.deploy(
    'back-b',
    `class Odd extends Error { name = 'OddError'; code = 'OWN'; }
     export const handler = async (event) => {
       if (event.odd) throw new Odd('as asked');
       if (event.spin) for (;;);
       if (event.nothing) return undefined;
       return { got: event };
     };`,
    { limits: { cpuMs: 20 } },
  );
  const call = async (event: unknown): Promise<unknown> => {
    const response = await fetch(`${host.url}/front-b/call`, { method: 'POST', body: JSON.stringify(event) });
    return response.json();
  };
  t.same(await call({ a: [1, 'é', null] }), { got: { a: [1, 'é', null] } });
  t.same(await call({ nothing: true }), null);
  const odd = (await call({ odd: true })) as { failed: Record<string, string> };
  t.match(odd.failed, { name: 'OddError', message: 'as asked', code: 'ERR_GUEST_THREW' });
  t.notMatch(odd.failed['stack'], 'OddError: as asked\n    at Object.handler', 'the stack is the caller’s');
  t.match(await call({ spin: true }), { failed: { name: 'Error', code: 'ERR_LIMIT_CPU' } });
  await host.deploy('back-b', 'export default { fetch: () => new Response("x") }');
  t.match(await call({}), { failed: { code: 'ERR_NO_HANDLER' } });
  await host.deploy('front-b', echo, calls('nowhere'));
  t.match(await call({}), { failed: { code: 'ERR_NO_FUNCTION' } });
  await host.deploy('front-b', echo, {
    bindings: { OTHER: { kind: 'function', function: 'back-b', version: 7 } },
  });
  t.match(await call({}), { failed: { code: 'ERR_NO_FUNCTION' } });
  await host.deploy('front-b', echo, {
    bindings: { OTHER: { kind: 'function', function: 'back-b', version: 1 } },
  });
  t.same(await call(7), { got: 7 }, 'the version named, not the one with the traffic');
});

await t.test('functions: a loop ends at depth 16, whichever shape the functions have', async (t) => {
  const web = `export default { async fetch(request, env) {
    const depth = Number(new URL(request.url).searchParams.get('n')) + 1;
    try { const answer = await env.OTHER.fetch('/?n=' + depth); return new Response(await answer.text()); }
    catch (error) { return new Response(depth + ' ' + error.code); }
  } };`;
  await host.deploy('a', web, calls('b'));
  await host.deploy('b', web, calls('a'));
  t.equal(
    await (await fetch(`${host.url}/a/`)).text(),
    '17 ERR_CALL_DEPTH',
    'one from outside and 16 below it',
  );
  const handler = `let env; 
    export default { async fetch(request, given) { env = given; return Response.json(await env.OTHER.call({ n: 1 })); },
      async handler(event, context) { return { never: true }; } };`;
  await host.deploy('w', handler, calls('lambda'));
  await host.deploy('lambda', 'export const handler = async (event) => event;', calls('w'));
  t.same(await (await fetch(`${host.url}/w/`)).json(), { n: 1 });
  await host.deploy('self', web, calls('self'));
  t.equal(await (await fetch(`${host.url}/self/`)).text(), '17 ERR_CALL_DEPTH');
});

await t.test('functions: a callee has no more time than its caller has left', async (t) => {
  await host.deploy(
    'front-d',
    `export default { async fetch(request, env) {
       const { limits } = await request.json();
       try { return Response.json({ called: await env.OTHER.call(limits) }); }
       catch (error) { return Response.json({ code: error.code }); } } };`,
    calls('back-d', { limits: { wallMs: 2_000 } }),
  );
  await host.deploy(
    'back-d',
    `export const handler = async (event, context) => {
       if (event === 'left') return context.getRemainingTimeInMillis();
       await new Promise((done) => setTimeout(done, 60_000)); };`,
    { limits: { wallMs: 30_000 } },
  );
  const ask = (limits: string): Promise<Response> =>
    fetch(`${host.url}/front-d/`, { method: 'POST', body: JSON.stringify({ limits }) });
  const { called } = (await (await ask('left')).json()) as { called: number };
  t.ok(called <= 2_000, `${called} ms of the caller's 2000`);
  t.equal((await ask('wait')).status, 504);
  const [back] = await eventually('the callee ends', async () => {
    const reports = await host.host.usage('back-d');
    return reports[0]?.outcomes['exceeded:wallMs'] === 1 && reports;
  });
  t.ok((back?.wallMs ?? 0) < 20_000, 'long before its own limit');
});

await t.test('functions: a callee hears when its caller gives up, and when the client goes', async (t) => {
  await host.deploy(
    'front-e',
    `export default { async fetch(request, env) {
       if (new URL(request.url).pathname === '/gives-up') {
         const abort = new AbortController();
         setTimeout(() => abort.abort(), 50);
         try { await env.OTHER.fetch('/', { signal: abort.signal }); } catch (error) { return new Response(error.name); }
       }
       return env.OTHER.fetch('/');
     } };`,
    calls('back-e'),
  );
  await host.deploy(
    'back-e',
    `export default { fetch(request) { return new Promise((done) => {
       request.signal.addEventListener('abort', () => { console.log('heard of it'); done(new Response('late')); }); }); } };`,
  );
  const heard = async (count: number): Promise<void> => {
    await eventually(`heard ${count} times`, async () => {
      const lines: string[] = [];
      for await (const { message } of host.host.logs({ function: 'back-e', tail: 100 })) lines.push(message);
      return lines.filter((line) => line === 'heard of it').length === count;
    });
  };
  t.equal(await (await fetch(`${host.url}/front-e/gives-up`)).text(), 'AbortError');
  await heard(1);
  const abort = new AbortController();
  const sent = fetch(`${host.url}/front-e/waits`, { signal: abort.signal });
  await sleep(200);
  abort.abort();
  await t.rejects(sent, { name: 'AbortError' });
  await heard(2);
});

await t.test(
  'functions: functions of another cordon are not there, and their names are not told',
  async (t) => {
    await host.deploy('front-f', echo, calls('secre', { cordon: 'left' }));
    await host.deploy('secret', echo, { cordon: 'right' });
    const refused = async (): Promise<{ failed: Record<string, string> }> =>
      (await (await fetch(`${host.url}/front-f/short`)).json()) as { failed: Record<string, string> };
    const { failed } = await refused();
    t.equal(failed['code'], 'ERR_NO_FUNCTION');
    t.notMatch(failed['message'], 'secret');
    await host.deploy('front-f', echo, calls('secret', { cordon: 'left' }));
    t.equal((await refused()).failed['code'], 'ERR_NO_FUNCTION');
    t.same(await host.host.usage('secret'), [], 'it never ran');
    await host.deploy('front-f', echo, calls('secret', { cordon: 'right' }));
    t.equal((await fetch(`${host.url}/front-f/short`)).status, 200);
  },
);

await t.test('functions: calls carry a trace, each function is a span of its own', async (t) => {
  await host.deploy('front-h', echo, calls('back-h'));
  await host.deploy('back-h', echo);
  const seen = async (headers: Record<string, string>, path: string): Promise<string> => {
    const response = await fetch(`${host.url}/front-h${path}`, { headers });
    const body = (await response.json()) as { headers: Record<string, string> };
    return body.headers['traceparent'] ?? '';
  };
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const given = `00-${trace}-00f067aa0ba902b7-00`;
  const carried = await seen({ traceparent: given }, '/short');
  t.match(carried, new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
  t.not(carried, given, 'a span of its own');
  t.equal(await seen({ traceparent: given }, '/through/x'), given, 'what the guest forwards stays');
  for (const bad of [
    '',
    '00-0-0-0',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `ff-${trace}-00f067aa0ba902b7-01`,
  ])
    t.match(
      await seen({ traceparent: bad }, '/short'),
      /^00-(?!4bf92f|0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/,
      bad,
    );
  t.match(await seen({}, '/through/x'), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

await t.test('functions: calls count as subrequests of the caller', async (t) => {
  await host.deploy(
    'front-i',
    `export default { async fetch(request, env) {
       for (let i = 0; i < 3; i++) await env.OTHER.fetch('/');
       return new Response('all'); } };`,
    calls('back-i', { limits: { subrequests: 2 } }),
  );
  await host.deploy('back-i', echo);
  t.equal((await fetch(`${host.url}/front-i/`)).status, 503);
  t.match(await host.host.usage('back-i'), [{ invocations: 2 }]);
  t.match(await host.host.usage('front-i'), [{ outcomes: { 'exceeded:subrequests': 1 } }]);
});

await t.test('functions: what is no request is a TypeError in the guest', async (t) => {
  await host.deploy(
    'front-j',
    `export default { async fetch(request, env) {
       const failures = [];
       for (const work of [
         () => env.OTHER.fetch('ftp://x/'), () => env.OTHER.fetch('not a url'),
         () => env.OTHER.fetch('/', { method: 'TRACE' }), () => env.OTHER.fetch('/', { method: 'GET', body: 'x' }),
         () => env.OTHER.call(1n), () => env.OTHER.call({ get x() { throw new RangeError('own'); } }),
       ]) await work().then(() => failures.push('none'), (error) => failures.push(error.name));
       return Response.json(failures); } };`,
    calls('back-j'),
  );
  await host.deploy('back-j', echo);
  const failures = await (await fetch(`${host.url}/front-j/`)).json();
  t.same(failures, ['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError']);
});
