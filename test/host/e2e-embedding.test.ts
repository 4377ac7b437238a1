import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { Hono } from 'hono';
import t from 'tap';
import { isletMiddleware } from '#host/index.ts';
import { openTestHost, request } from '#test/support/host.ts';

const shows = `export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    return Response.json([request.method, pathname + search, request.headers.get('x-forwarded-prefix'), await request.text()]);
  },
};`;

await t.test('embedding: host.handler in a node:http server routes like the gateway', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shows', shows);
  const server = createServer(test.host.handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const byPath = await request(port, '/shows/a?b=1', { method: 'POST', body: 'body' });
  t.same(JSON.parse(byPath.text), ['POST', '/a?b=1', '/shows', 'body']);
  const byName = await request(port, '/c', { host: 'shows.localhost' });
  t.same(JSON.parse(byName.text), ['GET', '/c', null, '']);
  t.match(await request(port, '/nobody/'), {
    status: 404,
    headers: { 'x-islet-error': ['ERR_NO_FUNCTION'] },
  });
});

await t.test('embedding: the Hono middleware answers for functions, the app for the rest', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shows', shows);
  const app = new Hono();
  app.use('/fn/*', isletMiddleware(test.host, { prefix: '/fn' }));
  app.all('*', (c) => c.text('the app'));
  const answer = await app.request('/fn/shows/a?b=1', { method: 'POST', body: 'body' });
  t.same(await answer.json(), ['POST', '/a?b=1', '/fn/shows', 'body']);
  t.equal(await (await app.request('/fn/nobody/')).text(), 'the app');
  t.equal(await (await app.request('/other')).text(), 'the app');
});

await t.test('embedding: the host process never loads isolated-vm', async (t) => {
  const test = await openTestHost(t);
  await test.deploy('shows', shows);
  t.equal((await test.request('/shows/')).status, 200);
  const { sharedObjects } = process.report.getReport() as { sharedObjects: readonly string[] };
  t.ok(sharedObjects.length > 0);
  t.same(
    sharedObjects.filter((file) => file.includes('isolated')),
    [],
  );
});

await t.test('embedding: an AWS SDK calls a handler through the admin listener', async (t) => {
  const test = await openTestHost(t);
  const handler = `exports.handler = async (event, context) => {
    console.log('working for', context.functionName);
    if (event.fail) throw new RangeError('as asked');
    return { sum: event.a + event.b };
  };`;
  await test.deploy('adds', handler);
  const secretAccessKey = (await readFile(join(test.dir, 'token'), 'utf8')).trim();
  const client = new LambdaClient({
    endpoint: test.adminUrl,
    region: 'local',
    credentials: { accessKeyId: 'islet', secretAccessKey },
  });
  t.teardown(() => client.destroy());
  const send = async (event: object, type: 'RequestResponse' | 'Event' = 'RequestResponse') =>
    client.send(
      new InvokeCommand({
        FunctionName: 'adds',
        InvocationType: type,
        LogType: type === 'Event' ? 'None' : 'Tail',
        Payload: Buffer.from(JSON.stringify(event)),
      }),
    );
  const answered = await send({ a: 1, b: 2 });
  t.match(answered, { StatusCode: 200, ExecutedVersion: '1', FunctionError: undefined });
  t.same(JSON.parse(Buffer.from(answered.Payload ?? []).toString()), { sum: 3 });
  t.match(Buffer.from(answered.LogResult ?? '', 'base64').toString(), /working for adds/);
  const failed = await send({ fail: true });
  t.match(failed, { StatusCode: 200, FunctionError: 'Unhandled' });
  t.match(JSON.parse(Buffer.from(failed.Payload ?? []).toString()), {
    errorType: 'RangeError',
    errorMessage: 'as asked',
  });
  t.match(await send({ a: 1, b: 2 }, 'Event'), { StatusCode: 202 });
});
