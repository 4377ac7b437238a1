import { tokensHeader } from './headers.ts';
import type { Base, Home } from './home.ts';
import { openCookie } from './identify.ts';
import type { SignedIn } from './pool.ts';
import { startTokens } from './tokens.ts';

/** One request, taken apart. */
export interface Visit {
  readonly home: Home;
  readonly base: Base;
  /** Below the config's path: "/sign-in/email". */
  readonly path: string;
  readonly request: Request;
  readonly ip: string;
  /** Text of the body; "" when there is none. */
  readonly body: string;
}

/** What leaves: never cached, and for programs that ask with `x-auth-tokens` tokens instead of the session's cookie. */
export async function finished(visit: Visit, response: Response): Promise<Response> {
  const { home, base, request, path } = visit;
  const headers = new Headers(response.headers);
  if (path !== '/jwks' && !headers.has('cache-control')) headers.set('cache-control', 'no-store');
  if (path === '/jwks') headers.set('cache-control', 'public, max-age=300');
  const retry = headers.get('x-retry-after');
  if (retry !== null) headers.set('retry-after', retry);
  const wanted = request.headers.get(tokensHeader) !== null;
  const signedIn = wanted ? await openedBy(visit, response) : undefined;
  if (signedIn === undefined) return new Response(response.body, { status: response.status, headers });
  headers.delete('set-cookie');
  headers.delete('content-length');
  const own = `${home.cookieName(base)}=`;
  for (const cookie of response.headers.getSetCookie()) {
    if (!cookie.startsWith(own)) headers.append('set-cookie', cookie);
  }
  const { token: _token, ...rest } = jsonOf(await response.text());
  return Response.json(
    { ...rest, ...(await startTokens(home, base, signedIn)) },
    { status: response.status, headers },
  );
}

/** The session that an answer's cookie is of. */
async function openedBy({ home, base }: Visit, response: Response): Promise<SignedIn | undefined> {
  const own = `${home.cookieName(base)}=`;
  const cookie = response.ok
    ? response.headers.getSetCookie().find((each) => each.startsWith(own))
    : undefined;
  if (cookie === undefined) return undefined;
  const value = decodeURIComponent(cookie.slice(own.length).split(';', 1)[0] ?? '');
  const token = await openCookie(value, home.options.pool);
  return token === undefined ? undefined : await home.options.pool.signedIn(token);
}

/** A code that was good once is good no more (RFC 6238, 5.2): whoever comes second with it is not let in. */
export async function once(visit: Visit, response: Response): Promise<Response> {
  if (!response.ok) return await finished(visit, response);
  const { home, base } = visit;
  const { user } = jsonOf(await response.clone().text()) as { readonly user?: { readonly id?: unknown } };
  if (await home.codes.use(String(user?.id), String(jsonOf(visit.body)['code'])))
    return await finished(visit, response);
  const signedIn = await openedBy(visit, response);
  if (signedIn !== undefined) {
    const { adapter } = await home.instance(base);
    await adapter.delete({ model: 'session', where: [{ field: 'id', value: signedIn.session['id'] }] });
  }
  return problem(401, 'INVALID_CODE', 'Invalid code');
}

export const noStore: Readonly<Record<string, string>> = { 'cache-control': 'no-store' };

/** RFC 6585, 4. */
export function locked(seconds: number): Response {
  return problem(429, 'TOO_MANY_ATTEMPTS', 'Too many attempts; wait, or reset the password', {
    'retry-after': String(seconds),
  });
}

/** RFC 6749, 5.2. */
export function oauthError(error: string): Response {
  return Response.json({ error }, { status: 400, headers: noStore });
}

export function problem(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ code, message }, { status, headers: { ...noStore, ...headers } });
}

/** The members of a JSON object; none for anything else. */
export function jsonOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
