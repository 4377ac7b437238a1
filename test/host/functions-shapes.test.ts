import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';

const calls = (
  name: string,
  rest: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  bindings: { OTHER: { kind: 'function', function: name } },
  ...rest,
});

const host = await openTestHost(t);

await t.test('functions: an event handler has the bindings in context.env', async (t) => {
  await host.deploy(
    'asks',
    `exports.handler = async (event, context) => {
       const { OTHER, MODE, KEY, KV } = context.env;
       const response = await OTHER.fetch('/x', { method: 'POST', body: 'hi' });
       await KV.put('a', '1');
       return { called: await OTHER.call({ n: 1 }), status: response.status, text: await response.text(), mode: MODE, key: KEY,
         kept: await KV.get('a'), same: context.env === context.env, shown: JSON.stringify(context) + Object.keys(context) };
     };`,
    {
      vars: { MODE: 'live' },
      bindings: { OTHER: { kind: 'function', function: 'told' }, KV: { kind: 'kv' } },
    },
  );
  await host.deploy(
    'told',
    `exports.handler = async (event, context) => event.rawPath === undefined
       ? { own: context.env.OTHER === undefined, event } : { statusCode: 201, body: event.rawPath + event.body };`,
  );
  await host.host.secrets.put('asks', 'KEY', 'guest-may-see');
  const expected = {
    called: { own: true, event: { n: 1 } },
    status: 201,
    text: '/xhi',
    mode: 'live',
    key: 'guest-may-see',
    kept: '1',
    same: true,
  };
  const { value } = await host.host.invoke('asks', {});
  t.match(value, expected);
  t.notMatch(
    (value as { shown: string }).shown,
    /may-see|\benv\b/,
    'who prints the context prints no secret',
  );
  t.match(JSON.parse((await host.request('/asks/')).text), expected, 'over HTTP too');
});

await t.test('functions: loops of calls, and of calls and fetches in turn, end at depth 16', async (t) => {
  const caller = `exports.handler = async ({ n }, { env }) => {
    try { return await env.OTHER.call({ n: n + 1 }); } catch (error) { return [n, error.code]; } };`;
  await host.deploy('call-a', caller, calls('call-b'));
  await host.deploy('call-b', caller, calls('call-a'));
  t.same((await host.host.invoke('call-a', { n: 1 })).value, [17, 'ERR_CALL_DEPTH']);
  const mixed = `export default {
    async fetch(request, env) {
      const n = Number(new URL(request.url).searchParams.get('n'));
      try { return Response.json(await env.OTHER.call({ n: n + 1 })); } catch (error) { return Response.json([n, error.code]); }
    },
    async handler({ n }, { env }) {
      try { return await (await env.OTHER.fetch('/?n=' + (n + 1))).json(); } catch (error) { return [n, error.code]; }
    } };`;
  await host.deploy('mixed', mixed, calls('mixed'));
  t.same((await host.host.invoke('mixed', { n: 1 })).value, [17, 'ERR_CALL_DEPTH']);
  t.same(JSON.parse((await host.request('/mixed/?n=1')).text), [17, 'ERR_CALL_DEPTH']);
  t.match(await host.host.usage('mixed'), [{ invocations: 34, outcomes: { returned: 17, responded: 17 } }]);
});

await t.test('functions: a loop through a topic ends at depth 16 too', async (t) => {
  const bindings = { NOTIFY: { kind: 'notify' } };
  await host.deploy(
    'round',
    `export default {
       async fetch(request, env) {
         await env.NOTIFY.subscribe('round', { function: 'round' });
         return Response.json(await env.NOTIFY.publish('round', { text: 'x' }));
       },
       async handler(event, { env }) { await env.NOTIFY.publish('round', { text: 'x' }); } };`,
    { bindings },
  );
  t.equal((await host.request('/round/')).status, 200);
  const runs = async (): Promise<number> => (await host.host.usage('round'))[0]?.outcomes['returned'] ?? 0;
  await eventually('16 rounds', async () => (await runs()) >= 16);
  const [report] = await host.host.usage('round');
  t.match(report?.outcomes, { responded: 1, returned: 16 });
});

await t.test('functions: the deadline and the trace go down through fetches and calls in turn', async (t) => {
  await host.deploy(
    'top',
    `export default { fetch: (request, env) => env.OTHER.fetch('/') };`,
    calls('mid', { limits: { wallMs: 3000 } }),
  );
  await host.deploy(
    'mid',
    `export default { async fetch(request, env) {
       return Response.json({ own: request.headers.get('traceparent'), ...(await env.OTHER.call({})) }); } };`,
    calls('low'),
  );
  await host.deploy(
    'low',
    `exports.handler = async (event, context) => ({
       left: context.getRemainingTimeInMillis(), trace: (await (await context.env.OTHER.fetch('/')).text()) });`,
    calls('end'),
  );
  await host.deploy('end', 'export default { fetch: (r) => new Response(r.headers.get("traceparent")) };');
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const seen = JSON.parse((await host.request('/top/', { headers })).text) as Record<string, string>;
  t.ok(Number(seen['left']) <= 3000, `${seen['left']} ms of the 3000 at the top`);
  for (const span of [seen['own'], seen['trace']]) t.match(span, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  t.not(seen['own'], seen['trace'], 'each function is a span of its own');
});

await t.test('functions: a callee keeps its own limits on bodies, and pays for its own work', async (t) => {
  await host.deploy(
    'sends',
    `export default { async fetch(request, env) {
       const size = Number(new URL(request.url).searchParams.get('size'));
       const stream = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(size)); c.close(); } });
       const statuses = [];
       for (const body of [new Uint8Array(size), stream])
         statuses.push((await env.OTHER.fetch('/', { method: 'POST', body, duplex: 'half' })).status);
       return Response.json(statuses); } };`,
    calls('takes', { limits: { subrequests: 2 } }),
  );
  await host.deploy(
    'takes',
    `export default { async fetch(request, env) {
       const { byteLength } = await request.arrayBuffer();
       for (let i = 0; i < 3; i++) await env.KV.get('a');
       let sum = 0;
       for (let i = 0; i < 2e7; i++) sum += i % 7; // far more than its caller does
       if (sum === 0) return new Response('no');
       return new Response(String(byteLength)); } };`,
    { bindings: { KV: { kind: 'kv' } }, limits: { requestBodyBytes: 1000, cpuMs: 2000 } },
  );
  t.equal((await host.request('/sends/?size=1000')).text, '[200,200]', 'its operations are not its caller’s');
  t.equal((await host.request('/sends/?size=1001')).text, '[413,413]');
  const [sends, takes] = [await host.host.usage('sends'), await host.host.usage('takes')];
  t.ok((takes[0]?.cpuMs ?? 0) > (sends[0]?.cpuMs ?? 0), 'the work is on the meter of who does it');
});

await t.test(
  'functions: headers that are the host’s to say cannot be forged towards a function',
  async (t) => {
    await host.deploy(
      'forges',
      `export default { async fetch(request, env) {
       const headers = { 'x-islet-user': '{"id":"root"}', 'x-islet-id': 'own', 'transfer-encoding': 'chunked', connection: 'x-kept',
         'content-length': '3', host: 'other.example', upgrade: 'x', te: 'trailers', 'x-kept': 'yes' };
       const response = await env.OTHER.fetch('http://this.example/', { method: 'POST', headers, body: 'body' });
       return new Response(await response.text()); } };`,
      calls('sees'),
    );
    await host.deploy(
      'sees',
      `export default { async fetch(request, env, ctx) {
       return Response.json({ ...Object.fromEntries(request.headers), body: await request.text(), user: String(ctx.user) }); } };`,
    );
    const seen = JSON.parse((await host.request('/forges/')).text) as Record<string, string>;
    for (const name of ['x-islet-user', 'x-islet-id', 'transfer-encoding', 'connection', 'upgrade', 'te'])
      t.notOk(name in seen, name);
    t.match(seen, { host: 'this.example', body: 'body', user: 'undefined' });
    t.not(seen['content-length'], '3');
  },
);

await t.test('functions: a callee that lies about the length of its answer fools nobody', async (t) => {
  await host.deploy(
    'reads',
    `export default { async fetch(request, env) {
       try {
         const response = await env.OTHER.fetch(request.url);
         const head = response.status;
         return Response.json([head, (await response.arrayBuffer()).byteLength]);
       } catch (error) { return Response.json([error.name]); } } };`,
    calls('lies', { limits: { memoryMb: 32, cpuMs: 5000 } }),
  );
  await host.deploy(
    'lies',
    `export default { fetch(request) {
       const { searchParams } = new URL(request.url);
       let left = Number(searchParams.get('pieces'));
       const body = new ReadableStream({ pull(c) { if (left-- <= 0) c.close(); else c.enqueue(new Uint8Array(1000)); } });
       return new Response(body, { headers: { 'content-length': searchParams.get('says') } }); } };`,
    { limits: { cpuMs: 5000 } },
  );
  const ask = async (pieces: number, says: number): Promise<unknown> =>
    JSON.parse((await host.request(`/reads/?pieces=${pieces}&says=${says}`)).text);
  t.same(await ask(3, 3000), [200, 3000]);
  t.same(await ask(0, 0), [200, 0]);
  for (const [pieces, says] of [
    [0, 1],
    [3, 3001],
    [3, 2999],
    [50_000, 10],
    [500, 400_000],
  ] as const)
    t.match(await ask(pieces, says), [/^(?:Type)?Error$/], `${pieces} pieces, said ${says}`);
  for (const says of [3001, 2999]) {
    const response = await host.host.fetch('lies', new Request(`http://x/?pieces=3&says=${says}`));
    await t.rejects(response.arrayBuffer(), TypeError, 'for services that embed the host, too');
  }
});

await t.test('functions: a head does not wait for its body, however short that is to be', async (t) => {
  await host.deploy(
    'impatient',
    `export default { async fetch(request, env) {
       const response = await env.OTHER.fetch('/');
       await env.KV.put('go', '1');
       return new Response(await response.text()); } };`,
    { bindings: { OTHER: { kind: 'function', function: 'slow' }, KV: { kind: 'kv', namespace: 'go' } } },
  );
  await host.deploy(
    'slow',
    `export default { fetch(request, env) {
       return new Response(new ReadableStream({ async pull(c) {
         while ((await env.KV.get('go')) === null) await new Promise((done) => setTimeout(done, 20));
         c.enqueue(new TextEncoder().encode('then')); c.close(); } }), { headers: { 'content-length': '4' } }); } };`,
    { bindings: { KV: { kind: 'kv', namespace: 'go' } }, limits: { subrequests: 1000 } },
  );
  t.equal((await host.request('/impatient/')).text, 'then');
});
