import { setTimeout as sleep } from 'node:timers/promises';
import type { ServeFacts, Served } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import { corsHeaders, preflight } from './cors.ts';
import type { Base, Home } from './home.ts';
import { onOccasion } from './hooks.ts';
import { finished, jsonOf, locked, noStore, oauthError, once, problem, type Visit } from './answers.ts';
import { sealCookie } from './identify.ts';
import { addressHeaderName } from './headers.ts';
import { pageResponse } from './page.ts';
import { nextTokens } from './tokens.ts';
import type { Row } from './where.ts';

/** Endpoints of the provider's side authenticate clients, not users: their headers are left alone. */
const clientPaths = /^\/oauth2\/(?:token|introspect|revoke|userinfo)$/;
const longestBody = 64 * 1024;
/**
 * What these do for an address with an account is more, or less, than for one without. They are answered at whole steps of
 * time since they came, so that it does not show.
 */
const even: ReadonlySet<string> = new Set(['/sign-up/email', '/request-password-reset', '/change-email']);
const stepMs = 250;

/** The pool's endpoints, as one deployment serves them. */
export function serveAuth(home: Home): Served {
  const { path } = home.options.config;
  return {
    path,
    also: ['/.well-known/jwks.json'],
    respond: async (request, facts) => {
      const { signal } = facts;
      return await onOccasion({ origin: { depth: 0, signal }, ip: facts.ip }, () =>
        respond(home, request, facts),
      );
    },
  };
}

async function respond(home: Home, request: Request, { ip, prefix }: ServeFacts): Promise<Response> {
  const url = new URL(request.url);
  const base: Base = { origin: url.origin, prefix };
  if (!home.allows(url.origin)) {
    return problem(
      421,
      'MISDIRECTED',
      `This pool is not served at ${url.host}; set "origin" in the binding's config`,
    );
  }
  const path =
    url.pathname === '/.well-known/jwks.json' ? '/jwks' : url.pathname.slice(home.options.config.path.length);
  const cors = corsHeaders(home, path, request);
  if (request.method === 'OPTIONS') return preflight(cors);
  const bodiless = request.method === 'GET' || request.method === 'HEAD';
  const body = bodiless ? '' : await request.text();
  if (body.length > longestBody) return problem(413, 'TOO_LARGE', 'The body is too long');
  const visit: Visit = { home, base, path, request, ip, body };
  try {
    const response = await answer(visit);
    if (Object.keys(cors).length === 0) return response;
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(cors)) headers.set(name, value);
    return new Response(response.body, { status: response.status, headers });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.code === 'ERR_CONFLICT')
      return problem(409, 'CONFLICT', 'Somebody else did this at the same moment; try again');
    if (error.code !== 'ERR_AUTH') throw error;
    home.options.log('error', error.message);
    return problem(503, 'UNAVAILABLE', 'This cannot be done now; try again later', { 'retry-after': '5' });
  }
}

async function answer(visit: Visit): Promise<Response> {
  const { home, base, path, request } = visit;
  if (path === '/sign-in' || path === '/account') {
    if (request.method === 'GET' || request.method === 'HEAD') return pageResponse(home, base, request);
  }
  if (path === '/token')
    return request.method === 'POST' ? await tokens(visit) : problem(405, 'METHOD', 'Use POST');
  const instance = await home.instance(base);
  if (path === '/.well-known/openid-configuration') return await instance.discovery(await toLibrary(visit));
  const began = performance.now();
  try {
    return await guarded(visit, async () => await instance.handle(await toLibrary(visit)));
  } finally {
    if (even.has(path)) await sleep(stepMs - ((performance.now() - began) % stepMs));
  }
}

/** Lets nobody guess for long: passwords by account and address. */
async function guarded(visit: Visit, work: () => Promise<Response>): Promise<Response> {
  const { home, path, ip } = visit;
  if (path === '/sign-up/email' && home.options.config.verifyEmail) return await signUp(visit, await work());
  if (path === '/two-factor/verify-totp') return await once(visit, await work());
  if (path !== '/sign-in/email') return await finished(visit, await work());
  const { email } = jsonOf(visit.body);
  if (typeof email !== 'string') return problem(400, 'VALIDATION_ERROR', 'Send JSON with email and password');
  const wait = await home.lockout.attempt(email, ip);
  if (wait > 0) return locked(wait);
  const response = await work();
  if (await isRightPassword(response)) await home.lockout.succeeded(email, ip);
  return await finished(visit, response);
}

/** Of refusals those alone that come after the password was checked: all others would let a guesser start anew. */
const refusedAfter: ReadonlySet<unknown> = new Set(['EMAIL_NOT_VERIFIED', 'BANNED_USER']);

async function isRightPassword(response: Response): Promise<boolean> {
  if (response.status !== 403) return response.ok;
  return refusedAfter.has(jsonOf(await response.clone().text())['code']);
}

/**
 * The same answer whether there was such a user or not: what is made up for those that are there must not show. The hook
 * that the library asks for new users is asked here for the others: what it refuses is refused to both.
 */
async function signUp(visit: Visit, response: Response): Promise<Response> {
  if (!response.ok) return await finished(visit, response);
  const { home, body } = visit;
  const { email: given, name, image } = jsonOf(body);
  const email = String(given).toLowerCase();
  const user = { email, name, emailVerified: false };
  const made = jsonOf(await response.text())['user'] as Row;
  if ((await home.options.pool.userIdOf(email)) !== made['id']) {
    const hooked = await home.ask('beforeSignUp', { ...user, image, createdAt: made['createdAt'] });
    if (hooked.kind === 'refused') return problem(422, 'REFUSED', hooked.message);
    home.mail('exists', { email, link: '' });
  }
  return Response.json({ token: null, user }, { headers: noStore });
}

/** RFC 6749, 6: a refresh token for the next pair. Errors as in 5.2. */
async function tokens({ home, base, body, request }: Visit): Promise<Response> {
  const isJson = request.headers.get('content-type')?.startsWith('application/json') === true;
  const given = isJson ? jsonOf(body) : Object.fromEntries(new URLSearchParams(body));
  if (given['grant_type'] !== 'refresh_token') return oauthError('unsupported_grant_type');
  const token = given['refresh_token'];
  const pair = typeof token === 'string' ? await nextTokens(home, base, token) : undefined;
  return pair === undefined ? oauthError('invalid_grant') : Response.json(pair, { headers: noStore });
}

/** The request as the library sees it: at its own address, from an address it may trust. */
async function toLibrary({ home, base, path, request, ip, body }: Visit): Promise<Request> {
  const headers = new Headers();
  for (const [name, value] of request.headers)
    if (!/^(?:x-|forwarded$|via$)/.test(name)) headers.set(name, value);
  headers.set(addressHeaderName, ip);
  // Applications are known by their own credentials: a browser's cookies have no say there.
  if (clientPaths.test(path)) headers.delete('cookie');
  const authorization = request.headers.get('authorization');
  if (authorization !== null && !clientPaths.test(path)) {
    headers.delete('authorization');
    const cookie = await cookieFor(home, base, authorization);
    // A token says who it is; cookies that came along do not.
    headers.delete('cookie');
    if (cookie !== undefined) {
      headers.set('cookie', cookie);
      // No page of another origin can send a token it does not have.
      headers.set('origin', base.origin);
    }
  }
  // What is guarded by its body is read the same way there as here, whatever its type is said to be.
  if (path === '/sign-in/email' || path === '/two-factor/verify-totp')
    headers.set('content-type', 'application/json');
  const { method, signal } = request;
  const url = `${home.baseUrl(base)}${path}${new URL(request.url).search}`;
  return new Request(url, { method, headers, signal, ...(body === '' ? {} : { body }) });
}

/** The cookie of the session that an access token was made for. */
async function cookieFor(home: Home, base: Base, authorization: string): Promise<string | undefined> {
  const identity = await home.identifier.identify({
    headers: ['authorization', authorization],
    url: base.origin,
  });
  const sid = identity.kind === 'caller' ? identity.caller.claims['sid'] : undefined;
  const signedIn = typeof sid === 'string' ? await home.options.pool.session(sid) : undefined;
  if (signedIn === undefined) return undefined;
  const value = await sealCookie(String(signedIn.session['token']), home.options.pool);
  return `${home.cookieName(base)}=${value}`;
}
