import { randomUUID } from 'node:crypto';
import { toClaims } from './callers.ts';
import type { Base, Home } from './home.ts';
import type { SignedIn } from './pool.ts';
import { signAccessToken } from './signatures.ts';

/** What programs hold instead of a cookie (RFC 6749, 5.1). */
export interface TokenPair {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly refresh_token: string;
}

/** The first pair of a session. */
export async function startTokens(home: Home, base: Base, signedIn: SignedIn): Promise<TokenPair> {
  const { session, user } = signedIn;
  const until = Date.parse(String(session['expiresAt']));
  const refresh = await home.refresh.start(String(session['id']), String(user['id']), until);
  return await pair(home, base, { signedIn, refresh });
}

/** The next pair; undefined when the token is not good. One that was used before ends its session. */
export async function nextTokens(home: Home, base: Base, presented: string): Promise<TokenPair | undefined> {
  const { pool, config, now } = home.options;
  const until = now() + config.sessionSeconds * 1000;
  const refreshed = await home.refresh.rotate(presented, until);
  if (refreshed.kind === 'unknown') return undefined;
  const { adapter } = await home.instance(base);
  const where = [{ field: 'id', value: refreshed.sessionId }];
  if (refreshed.kind === 'reused') {
    await adapter.delete({ model: 'session', where });
    return undefined;
  }
  const signedIn = await pool.session(refreshed.sessionId);
  if (signedIn === undefined) return undefined;
  // Where programs refresh, nobody asks for the session: it lives as long as they do.
  await adapter.update({ model: 'session', where, update: { expiresAt: new Date(until) } });
  return await pair(home, base, { signedIn, refresh: refreshed.token });
}

async function pair(
  home: Home,
  base: Base,
  { signedIn, refresh }: { readonly signedIn: SignedIn; readonly refresh: string },
): Promise<TokenPair> {
  const { config, now } = home.options;
  const instance = await home.instance(base);
  const issuedAt = Math.floor(now() / 1000);
  const access = await signAccessToken(await instance.signingKey(), {
    ...toClaims(signedIn),
    iss: home.baseUrl(base),
    aud: home.audience,
    iat: issuedAt,
    exp: issuedAt + config.accessTokenSeconds,
    jti: randomUUID(),
  });
  // Checked as any other, here and not when it is first shown: that is soon, and somebody waits for it then.
  await home.identifier.token(access);
  return {
    access_token: access,
    token_type: 'Bearer',
    expires_in: config.accessTokenSeconds,
    refresh_token: refresh,
  };
}
