import type { Home } from './home.ts';

/** Read by verifiers and applications anywhere; nobody's secrets. */
const publicPaths: ReadonlySet<string> = new Set(['/jwks', '/.well-known/openid-configuration']);

/**
 * What a page of another origin may read (Fetch standard, 3.2): keys and discovery everybody, the rest the origins of
 * `redirects`. Never with cookies: pages elsewhere hold tokens.
 */
export function corsHeaders(home: Home, path: string, request: Request): Readonly<Record<string, string>> {
  if (publicPaths.has(path)) return { 'access-control-allow-origin': '*' };
  const origin = request.headers.get('origin');
  if (origin === null || !home.options.config.redirects.includes(origin)) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after',
    vary: 'origin',
  };
}

/** The answer to a preflight. */
export function preflight(allowed: Readonly<Record<string, string>>): Response {
  if (allowed['access-control-allow-origin'] === undefined) return new Response(null, { status: 403 });
  return new Response(null, {
    status: 204,
    headers: {
      ...allowed,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type, x-auth-tokens, x-api-key',
      'access-control-max-age': '600',
    },
  });
}
