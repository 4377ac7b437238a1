import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Credentials, Identity } from '#runtime/caller.ts';
import { callerOf, fromClaims, storedClaims, toCaller } from './callers.ts';
import type { Known } from './known.ts';
import type { Pool } from './pool.ts';
import { verifyAccessToken } from './signatures.ts';
import type { Row } from './where.ts';

export interface IdentifyOptions {
  readonly pool: Pool;
  /** The audience that access tokens of this pool have. */
  readonly audience: string;
  readonly now: () => number;
  /** The key's row while it is good; counts its use. */
  readonly apiKey: (key: string) => Promise<Row | undefined>;
}

const longestToken = 8192;
const mostHeads = 16;
/** Sessions are read again after this, though nothing was heard of them. */
const sessionMs = 30_000;
const bearerPattern = /^Bearer +([\w~+/.-]+=*)$/i;
const anonymous: Identity = { kind: 'anonymous' };

/**
 * Says whose a request is: access token (RFC 6750), API key, or session cookie, in this order. A token that verified is
 * remembered until it expires; whether it still stands is asked each time, in memory.
 */
export class Identifier {
  readonly #options: IdentifyOptions;
  /** First parts of tokens that verified, and the key they name: the header is as good in the next one. */
  readonly #heads = new Map<string, string>();

  constructor(options: IdentifyOptions) {
    this.#options = options;
  }

  async identify({ headers, url }: Omit<Credentials, 'method'>): Promise<Identity> {
    const authorization = headerOf(headers, 'authorization');
    if (authorization !== undefined && /^bearer\b/i.test(authorization)) {
      const token = bearerPattern.exec(authorization)?.[1];
      return token === undefined ? invalid('the Authorization header is malformed') : await this.token(token);
    }
    const key = headerOf(headers, 'x-api-key');
    if (key !== undefined) return await this.#key(key);
    const cookies = headers.flatMap((name, index) =>
      index % 2 === 0 && name === 'cookie' ? [headers[index + 1] ?? ''] : [],
    );
    const token = sessionToken(cookies.join('; '), url.startsWith('https:'));
    return token === undefined ? anonymous : await this.#cookie(token);
  }

  /** Of one access token. */
  async token(token: string): Promise<Identity> {
    const { pool, now } = this.#options;
    const known = pool.known.get(token);
    if (known !== undefined) {
      if (known.until <= now()) return invalid('the token is expired');
      if (!pool.stands(known.sessionId, known.userId, known.issuedAt)) return invalid('the token is revoked');
      return { kind: 'caller', caller: known.caller };
    }
    if (token.length > longestToken) return invalid('the token is too long');
    return await this.#verify(token);
  }

  async #verify(token: string): Promise<Identity> {
    const { pool, audience, now } = this.#options;
    await pool.ready();
    const head = token.slice(0, token.indexOf('.'));
    const seen = this.#heads.get(head);
    const id = seen ?? keyIdOf(head);
    if (id === undefined) return invalid('the token is malformed');
    const signing = await pool.key(id);
    if (signing === undefined) return invalid('the token is signed with an unknown key');
    const { key } = signing;
    try {
      const claims = verifyAccessToken(token, key, { audience, now: now(), headIsGood: seen !== undefined });
      if (seen === undefined) this.#rememberHead(head, id);
      if (!pool.isIssuer(claims['iss'])) return invalid('the token has another issuer');
      const known: Known = {
        caller: fromClaims(claims),
        sessionId: String(claims['sid']),
        userId: String(claims['sub']),
        issuedAt: Number(claims['iat']),
        until: Math.min(Number(claims['exp']) * 1000, signing.until),
        generation: 0,
      };
      if (!pool.stands(known.sessionId, known.userId, known.issuedAt)) return invalid('the token is revoked');
      pool.known.remember(token, known);
      return { kind: 'caller', caller: known.caller };
    } catch {
      return invalid('the token does not verify');
    }
  }

  /** A pool has few keys, and each has one header. */
  #rememberHead(head: string, id: string): void {
    if (this.#heads.size >= mostHeads) this.#heads.clear();
    this.#heads.set(head, id);
  }

  async #cookie(value: string): Promise<Identity> {
    const { pool, now } = this.#options;
    await pool.ready();
    const { generation } = pool;
    const name = `cookie ${value}`;
    const known = pool.known.get(name);
    if (known !== undefined && known.generation === generation && known.until > now()) {
      return { kind: 'caller', caller: known.caller };
    }
    const token = await openCookie(value, pool);
    const signedIn = token === undefined ? undefined : await pool.signedIn(token);
    // A cookie that is over is like none: browsers send it until it is replaced.
    if (signedIn === undefined) return anonymous;
    const caller = toCaller(signedIn);
    const over = Date.parse(String(signedIn.session['expiresAt']));
    pool.known.remember(name, {
      caller,
      sessionId: String(signedIn.session['id']),
      userId: caller.id,
      issuedAt: 0,
      until: Math.min(over, now() + sessionMs),
      generation,
    });
    return { kind: 'caller', caller };
  }

  async #key(key: string): Promise<Identity> {
    const { pool, apiKey } = this.#options;
    if (key.length > 256) return invalid('the API key is too long');
    const row = await apiKey(key);
    const user = row === undefined ? undefined : await pool.user(String(row['referenceId']));
    if (row === undefined || user === undefined || pool.isBanned(user))
      return invalid('the API key is not good');
    const { id, name, permissions, metadata } = row;
    return {
      kind: 'caller',
      caller: callerOf(user, { ...storedClaims(user), apiKey: plain({ id, name, permissions, metadata }) }),
    };
  }
}

/** The token of a signed cookie, `<token>.<HMAC-SHA-256, base64>` percent-encoded, as the library writes them. */
export async function openCookie(value: string, pool: Pool): Promise<string | undefined> {
  const dot = value.lastIndexOf('.');
  if (dot < 1 || value.length > 512) return undefined;
  const token = value.slice(0, dot);
  const given = Buffer.from(value.slice(dot + 1), 'base64');
  const made = createHmac('sha256', await pool.secret())
    .update(token)
    .digest();
  return given.length === made.length && timingSafeEqual(given, made) ? token : undefined;
}

/** The value of a cookie that `openCookie` opens, percent-encoded. */
export async function sealCookie(token: string, pool: Pool): Promise<string> {
  const sum = createHmac('sha256', await pool.secret())
    .update(token)
    .digest('base64');
  return encodeURIComponent(`${token}.${sum}`);
}

export const sessionCookie = 'islet.session_token';

/** The session cookie's value, decoded. Over https only the one that plain http cannot have set. */
function sessionToken(cookies: string, secure: boolean): string | undefined {
  const wanted = secure ? `__Secure-${sessionCookie}` : sessionCookie;
  for (const part of cookies.split(';')) {
    const equals = part.indexOf('=');
    if (part.slice(0, equals).trim() === wanted) return decoded(part.slice(equals + 1).trim());
  }
  return undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** `kid` of a JWS header (RFC 7515, 4.1.4): names a key of ours or nothing at all. */
function keyIdOf(head: string): string | undefined {
  try {
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { readonly kid?: unknown };
    return typeof header.kid === 'string' && header.kid.length <= 128 ? header.kid : undefined;
  } catch {
    return undefined;
  }
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const index = headers.findIndex((each, at) => at % 2 === 0 && each === name);
  return index < 0 ? undefined : headers[index + 1];
}

function invalid(reason: string): Identity {
  return { kind: 'invalid', reason };
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
