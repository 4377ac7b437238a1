import t from 'tap';
import type { Test } from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';

interface Counted {
  readonly starts: number;
  readonly instance: string;
  readonly calls: number;
  readonly most: number;
}

const kv = { bindings: { KV: { kind: 'kv' } } };
const json = async <T = unknown>(response: Response): Promise<T> => (await response.json()) as T;

await t.test('functions: the web-standard form', async (t) => {
  const test = await openTestHost(t, { cells: 2 });
  const { host, url } = test;

  await t.test('waitUntil: work goes on after the response and is part of the invocation', async (t) => {
    await test.deployGuest('late', 'works-after-response.js', { ...kv, limits: { subrequests: 10_000 } });
    t.equal(await (await fetch(`${url}/late/`)).text(), 'answered');
    t.equal(await (await fetch(`${url}/late/done`)).text(), 'not yet');
    const early = await eventually('the call of /done is counted', async () => (await host.usage('late'))[0]);
    t.match(early, { invocations: 1, operations: 1 }, 'the one that answered is still under way');
    await fetch(`${url}/late/go`);
    await eventually('the work after the response', async () =>
      (await (await fetch(`${url}/late/done`)).text()) === 'yes' ? true : undefined,
    );
    await eventually('no call is under way', async () =>
      (await host.health()).cells.every((cell) => cell.inFlight === 0) ? true : undefined,
    );
    const [usage] = await host.usage('late');
    t.ok((usage?.operations ?? 0) > (usage?.invocations ?? 0), 'its operations are counted');
    const lines = await collect(host.logs({ function: 'late', tail: 10 }));
    t.match(lines, [{ level: 'log', message: 'working on' }]);
  });

  await t.test('waitUntil: a failure after the response is logged and harms nobody', async (t) => {
    t.equal((await fetch(`${url}/late/?fail`)).status, 200);
    const line = await eventually('the line in the log', async () =>
      (await collect(host.logs({ function: 'late', tail: 50 }))).find((entry) => entry.level === 'error'),
    );
    t.match(line.message, /after the response/);
    t.equal((await fetch(`${url}/late/`)).status, 200);
  });

  await t.test('a Hono app runs as it is', async (t) => {
    await test.deployGuest('app', 'hono-app.ts', { vars: { GREETING: 'from env' } });
    const root = await fetch(`${url}/app/`);
    t.equal(await root.text(), 'from env');
    t.equal(root.headers.get('x-after'), 'yes');
    t.same(await json(await fetch(`${url}/app/users/7?a=1&b=2`)), { id: '7', query: { a: '1', b: '2' } });
    const form = new FormData();
    form.set('text', 'grün');
    t.same(await json(await fetch(`${url}/app/form`, { method: 'POST', body: form })), { text: 'grün' });
    t.same((await fetch(`${url}/app/cookies`)).headers.getSetCookie(), [
      'one=1; Path=/',
      'two=2; Path=/; HttpOnly',
    ]);
    t.equal((await fetch(`${url}/app/nothing`)).status, 404);
    const failed = await fetch(`${url}/app/throws`);
    t.equal(failed.status, 500);
    t.notMatch(await failed.text(), /secret/);
  });

  await t.test('host.fetch answers like the gateway', async (t) => {
    const response = await host.fetch('app', new Request('http://app.example/users/8?c=3'));
    t.same(await json(response), { id: '8', query: { c: '3' } });
  });
});

await t.test('functions: instances', async (t) => {
  const test = await openTestHost(t);
  const { url } = test;

  await t.test('the top level runs once, and calls at the same time share the instance', async (t) => {
    await test.deployGuest('counted', 'counts-starts.js');
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => json<Counted>(await fetch(`${url}/counted/wait`))),
    );
    t.equal(new Set(answers.map(({ instance }) => instance)).size, 1);
    t.ok(
      answers.every(({ starts }) => starts === 1),
      'one start',
    );
    t.ok(Math.max(...answers.map(({ most }) => most)) > 1, 'more than one call was in it at once');
    const last = await json<Counted>(await fetch(`${url}/counted/`));
    t.equal(last.calls, 21);
  });

  await t.test('two functions of the same code share nothing', async (t) => {
    await test.deployGuest('one', 'global-writer.js', { vars: { MARK: 'one' } });
    await test.deployGuest('two', 'global-writer.js', { vars: { MARK: 'two' } });
    t.same(await json(await fetch(`${url}/one/`)), []);
    t.same(await json(await fetch(`${url}/two/`)), [], 'nothing of the other');
    t.same(await json(await fetch(`${url}/one/`)), ['one', 'one', 'one'], 'its own: it is the same instance');
    t.same(await json(await fetch(`${url}/two/`)), ['two', 'two', 'two']);
    const cells = (await test.host.health()).cells;
    t.equal(cells.length, 1, 'though both live in one cell');
  });

  await t.test('a new version starts afresh', async (t) => {
    await test.deployGuest('one', 'global-writer.js', { vars: { MARK: 'newer' } });
    t.same(await json(await fetch(`${url}/one/`)), []);
  });
});

await t.test('functions: the Lambda form over HTTP', async (t) => {
  const test = await openTestHost(t);
  await answersOf(t, test);
  const { url } = test;

  await t.test('the event is the one of an HTTP API, payload format 2.0', async (t) => {
    await test.deployGuest('echo', 'lambda-echo.cjs', { limits: { wallMs: 5000, memoryMb: 64 } });
    const response = await test.request('/echo/a%20b/c?x=1&x=2&y=', {
      method: 'POST',
      headers: { cookie: 'one=1; two=2', 'content-type': 'application/json', 'x-own': 'yes' },
      body: '{"in":"body"}',
    });
    const { event, context } = JSON.parse(response.text) as Record<string, Record<string, unknown>>;
    t.match(event, {
      version: '2.0',
      routeKey: '$default',
      rawPath: '/a%20b/c',
      rawQueryString: 'x=1&x=2&y=',
      cookies: ['one=1', 'two=2'],
      headers: { 'x-own': 'yes', host: `127.0.0.1:${test.port}` },
      queryStringParameters: { x: '1,2', y: '' },
      requestContext: { http: { method: 'POST', path: '/a%20b/c', sourceIp: '127.0.0.1' } },
      body: '{"in":"body"}',
      isBase64Encoded: false,
    });
    t.match(context, {
      functionName: 'echo',
      functionVersion: '1',
      memoryLimitInMB: '64',
      invokedFunctionArn: /^arn:aws:lambda:.+:function:echo/,
      awsRequestId: response.headers['x-islet-id']?.[0],
    });
    const remaining = Number(context?.['remaining']);
    t.ok(remaining > 0 && remaining <= 5000, 'time is left, and not more than the limit');
  });

  await t.test('callback form', async (t) => {
    await test.deployGuest('callback', 'lambda-callback.cjs');
    const response = await fetch(`${url}/callback/`);
    t.equal(response.status, 201);
    t.equal(await response.text(), 'called back by callback');
  });

  await t.test('ESM export', async (t) => {
    await test.deployGuest('module', 'lambda-module.js');
    t.equal(await (await fetch(`${url}/module/x/y`)).text(), 'module /x/y');
  });
});

await t.test('functions: events by host.invoke', async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  await test.deployGuest('echo', 'lambda-echo.cjs');
  const event = { deep: { list: [1, null, 'ü', true] } };
  const result = await host.invoke('echo', event, { clientContext: { custom: { a: 1 } } });
  t.match(result, { outcome: { kind: 'returned' }, version: 1, logs: [] });
  t.match(result.value, {
    event,
    context: { awsRequestId: result.invocationId, clientContext: { custom: { a: 1 } } },
  });
  t.equal(result.usage.bytesIn, Buffer.byteLength(JSON.stringify(event)));

  await test.deployGuest('module', 'lambda-module.js');
  t.match(await host.invoke('module', { name: 'sent' }), { value: 'module sent' });

  await test.deployGuest('callback', 'lambda-callback.cjs');
  t.match(await host.invoke('callback', { fail: true }), {
    outcome: { kind: 'threw', error: { name: 'RangeError', message: 'as asked', phase: 'handler' } },
  });

  await test.deployGuest('web', 'counts-starts.js');
  t.match(await host.invoke('web', {}), { outcome: { kind: 'refused', reason: 'no-handler' } });
  await t.rejects(host.invoke('nobody', {}), { code: 'ERR_NO_FUNCTION' });
  await t.rejects(host.invoke('echo', {}, { version: 9 }), { code: 'ERR_NO_VERSION' });
});

/** What each form of result becomes over HTTP. */
async function answersOf(t: Test, test: TestHost): Promise<void> {
  await test.deployGuest('answers', 'lambda-answers.cjs');
  const get = (path: string): ReturnType<TestHost['request']> => test.request(`/answers${path}`);
  const table: Record<string, { status: number; type?: string; text: string }> = {
    '/object': { status: 200, type: 'application/json', text: '{"a":1}' },
    '/string': { status: 200, type: 'application/json', text: 'plain' },
    '/number': { status: 200, type: 'application/json', text: '42' },
    '/status': { status: 418, text: 'short and stout' },
    '/status-text': { status: 202, text: 'accepted' },
    '/multi': { status: 200, text: 'ok' },
  };
  for (const [path, { status, type, text }] of Object.entries(table)) {
    const answer = await get(path);
    t.equal(answer.status, status, path);
    t.equal(answer.text, text, path);
    if (type !== undefined) t.same(answer.headers['content-type'], [type], path);
  }
  t.same((await get('/status')).headers['x-tea'], ['pot']);
  t.same((await get('/multi')).headers['x-many'], ['1', '2']);
  t.same((await get('/cookies')).headers['set-cookie'], ['a=1; Path=/', 'b=2; HttpOnly']);
  t.equal((await get('/nothing')).status, 200, 'nothing is null, as on Lambda');
  t.same([...(await get('/binary')).body], [0, 255, 128, 10], 'binary out');
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
  const echoed = await test.request('/answers/echo', { method: 'POST', body: bytes });
  t.same(echoed.headers['x-was-base64'], ['true']);
  t.same([...echoed.body], [...bytes], 'binary both ways');
}

async function collect<T>(lines: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(lines);
}
