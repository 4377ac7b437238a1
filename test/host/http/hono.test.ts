import { Hono } from 'hono';
import t from 'tap';
import { fetchThrough } from '#host/http/fetch-door.ts';
import { isletMiddleware } from '#host/http/hono.ts';
import type { Host } from '#host/host.ts';
import { TestDispatch, testRegistry, web } from '#test/support/http-dispatch.ts';

/** `host.fetch` over functions of the test, as host.ts promises it. */
function hostOf(handler: (request: Request) => Response | Promise<Response>): Pick<Host, 'fetch'> {
  const functions = { hello: { guest: web(handler) } };
  const registry = testRegistry(functions);
  const dispatch = new TestDispatch(functions);
  return {
    fetch: async (name, request, options) =>
      fetchThrough(dispatch, registry.target(name, options?.version), request),
  };
}

const describe = async (request: Request): Promise<Response> =>
  Response.json([
    request.method,
    request.url,
    request.headers.get('x-forwarded-prefix'),
    await request.text(),
  ]);

void t.test('hono: the first segment names the function and is stripped', async (t) => {
  const app = new Hono();
  app.use('/fn/*', isletMiddleware(hostOf(describe), { prefix: '/fn' }));
  const answer = await app.request('/fn/hello/a%2Fb?q=1', { method: 'POST', body: 'body' });
  t.strictSame(await answer.json(), ['POST', 'http://localhost/a%2Fb?q=1', '/fn/hello', 'body']);
  const version = await app.request('/fn/hello@1');
  t.strictSame(await version.json(), ['GET', 'http://localhost/', '/fn/hello@1', '']);
});

void t.test('hono: with a name the path stays, without its prefix', async (t) => {
  const app = new Hono();
  app.use('/api/*', isletMiddleware(hostOf(describe), { name: 'hello', prefix: '/api/' }));
  app.use('*', isletMiddleware(hostOf(describe), { name: 'hello' }));
  t.strictSame(await (await app.request('/api/x/y')).json(), ['GET', 'http://localhost/x/y', '/api', '']);
  t.strictSame(await (await app.request('/x/y')).json(), ['GET', 'http://localhost/x/y', null, '']);
});

void t.test('hono: where no function matches the next handler gets the request, body and all', async (t) => {
  const app = new Hono();
  app.use('*', isletMiddleware(hostOf(describe), { prefix: '/fn' }));
  app.all('*', async (c) => c.text(`next ${await c.req.text()}`));
  for (const path of ['/fn/nothing/x', '/fn/hello@2', '/fn', '/other', '/fnord/hello', '/fn/UPPER']) {
    const answer = await app.request(path, { method: 'POST', body: 'body' });
    t.equal(await answer.text(), 'next body', path);
  }
});

void t.test('hono: an error that is not about the name is not swallowed', async (t) => {
  const host: Pick<Host, 'fetch'> = { fetch: () => Promise.reject(new TypeError('mine')) };
  const app = new Hono();
  app.use('*', isletMiddleware(host));
  app.onError((error, c) => c.text(error.message, 500));
  t.equal(await (await app.request('/hello')).text(), 'mine');
});
