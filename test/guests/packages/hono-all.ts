// Hono with the middlewares people use; the same in Node and in a function.
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { bearerAuth } from 'hono/bearer-auth';
import { compress } from 'hono/compress';
import { getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { jwt, sign } from 'hono/jwt';
import { logger } from 'hono/logger';
import { prettyJSON } from 'hono/pretty-json';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { stream, streamSSE, streamText } from 'hono/streaming';
import { timeout } from 'hono/timeout';
import { validator } from 'hono/validator';

const secret = 'a secret of at least thirty-two bytes';
const app = new Hono();
app.use(
  '*',
  secureHeaders(),
  requestId({ generator: () => 'id' }),
  logger(() => undefined),
);
app.use('/cors/*', cors({ origin: 'https://example.com', allowMethods: ['GET', 'PUT'], credentials: true }));
app.get('/cors/x', (c) => c.text('ok'));
app.get('/etag', etag(), (c) => c.text('the same text each time'));
app.get('/compress', compress(), (c) => c.text('repeat '.repeat(1000)));
app.use('/jwt/*', jwt({ secret, alg: 'HS256' }));
app.get('/jwt/me', (c) => c.json(c.get('jwtPayload')));
app.get('/cookie', async (c) => {
  setCookie(c, 'plain', 'value', { httpOnly: true, maxAge: 60, sameSite: 'Lax' });
  await setSignedCookie(c, 'signed', 'value', secret);
  return c.json({
    plain: getCookie(c, 'plain') ?? null,
    signed: (await getSignedCookie(c, secret, 'signed')) ?? null,
  });
});
app.post(
  '/valid',
  validator('json', (value: { name?: unknown }, c) => {
    if (typeof value.name !== 'string') return c.text('no name', 400);
    return { name: value.name };
  }),
  (c) => c.json(c.req.valid('json')),
);
app.post('/form', async (c) => {
  const body = await c.req.parseBody({ all: true });
  return c.json(
    Object.entries(body).map(([key, value]) => [
      key,
      value instanceof File ? [value.name, value.size] : value,
    ]),
  );
});
app.get('/stream', (c) =>
  streamText(c, async (out) => {
    for (const word of ['one ', 'two ', 'three']) {
      await out.write(word);
      await out.sleep(1);
    }
  }),
);
app.get('/sse', (c) =>
  streamSSE(c, async (out) => {
    for (let id = 0; id < 3; id++) await out.writeSSE({ data: `event ${id}`, event: 'tick', id: String(id) });
  }),
);
app.get('/bytes', (c) => stream(c, async (out) => void (await out.write(new Uint8Array([1, 2, 3])))));
app.get('/basic', basicAuth({ username: 'ada', password: 'x' }), (c) => c.text('in'));
app.get('/bearer', bearerAuth({ token: 'token' }), (c) => c.text('in'));
app.post('/csrf', csrf(), (c) => c.text('taken'));
app.get('/slow', timeout(5), async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return c.text('late');
});
app.get('/pretty', prettyJSON(), (c) => c.json({ a: { b: 1 } }));
app.get('/throws', () => {
  throw new HTTPException(402, { message: 'pay first' });
});
app.route(
  '/sub',
  new Hono().get('/:id{[0-9]+}', (c) => c.json(c.req.param())),
);

const varies = new Set(['date', 'content-length']);

async function ask(path: string, init?: RequestInit): Promise<unknown> {
  const response = await app.fetch(new Request(`http://guest${path}`, init));
  const coding = response.headers.get('content-encoding');
  const body =
    coding === 'gzip' && response.body !== null
      ? await new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).text()
      : await response.text();
  const headers = [...response.headers].filter(([name]) => !varies.has(name));
  return [response.status, headers, body];
}

export async function run(): Promise<unknown> {
  const token = await sign({ sub: 'ada', exp: 4_000_000_000 }, secret, 'HS256');
  const late = await sign({ sub: 'ada', exp: 1 }, secret, 'HS256');
  const [, cookies] = (await ask('/cookie')) as [number, [string, string][]];
  const cookie = cookies
    .filter(([name]) => name === 'set-cookie')
    .map(([, value]) => value.split(';')[0])
    .join('; ');
  const tagged = (await ask('/etag')) as [number, [string, string][]];
  const tag = tagged[1].find(([name]) => name === 'etag')?.[1] ?? '';
  const form = new FormData();
  form.append('a', '1');
  form.append('a', '2');
  form.append('file', new File(['content'], 'a.txt', { type: 'text/plain' }));
  return {
    cors: [
      await ask('/cors/x', { headers: { origin: 'https://example.com' } }),
      await ask('/cors/x', {
        method: 'OPTIONS',
        headers: { origin: 'https://example.com', 'access-control-request-method': 'PUT' },
      }),
    ],
    etag: [tagged, await ask('/etag', { headers: { 'if-none-match': tag } })],
    compress: [await ask('/compress', { headers: { 'accept-encoding': 'gzip' } }), await ask('/compress')],
    jwt: [
      await ask('/jwt/me', { headers: { authorization: `Bearer ${token}` } }),
      await ask('/jwt/me', { headers: { authorization: `Bearer ${token.slice(0, -2)}AA` } }),
      await ask('/jwt/me', { headers: { authorization: `Bearer ${late}` } }),
      await ask('/jwt/me'),
    ],
    cookie: [
      cookies,
      await ask('/cookie', { headers: { cookie } }),
      await ask('/cookie', { headers: { cookie: 'signed=value.x' } }),
    ],
    valid: [
      await ask('/valid', {
        method: 'POST',
        body: '{"name":"ada"}',
        headers: { 'content-type': 'application/json' },
      }),
      await ask('/valid', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
      await ask('/valid', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }),
    ],
    form: await ask('/form', { method: 'POST', body: form }),
    streams: [await ask('/stream'), await ask('/sse'), await ask('/bytes')],
    auth: [
      await ask('/basic'),
      await ask('/basic', { headers: { authorization: `Basic ${btoa('ada:x')}` } }),
      await ask('/bearer', { headers: { authorization: 'Bearer token' } }),
      await ask('/bearer', { headers: { authorization: 'Bearer wrong' } }),
      await ask('/csrf', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://evil' },
      }),
    ],
    rest: [
      await ask('/slow'),
      await ask('/pretty?pretty'),
      await ask('/throws'),
      await ask('/sub/7'),
      await ask('/sub/x'),
    ],
  };
}

export default {
  fetch: async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    return pathname === '/' ? Response.json(await run()) : app.fetch(request);
  },
};
