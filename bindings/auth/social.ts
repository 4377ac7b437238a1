import type { ProviderConfig } from './config.ts';
import { createIdTokenVerifier, type Claims } from './signatures.ts';

/** A provider with all its addresses, and how a code becomes a user. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  readonly scopes: readonly string[];
  exchange(code: CodeExchange): Promise<ProviderTokens>;
  /** Undefined when the provider says nothing of use, or its ID token does not hold. */
  profile(tokens: ProviderTokens): Promise<Profile | undefined>;
}

export interface CodeExchange {
  readonly code: string;
  readonly redirectURI: string;
  readonly codeVerifier?: string | undefined;
}

export interface ProviderTokens {
  readonly accessToken?: string | undefined;
  readonly idToken?: string | undefined;
  readonly refreshToken?: string | undefined;
}

export interface Profile {
  readonly id: string;
  readonly email?: string;
  readonly emailVerified: boolean;
  readonly name?: string;
  readonly image?: string;
}

export interface ProviderNeeds {
  /** Guarded: addresses come from a manifest and from what they answer. */
  readonly fetch: typeof globalThis.fetch;
  /** The value of the secret the config names. */
  readonly secret: string | undefined;
  /** Hears why what a provider said does not hold. */
  readonly log: (message: string) => void;
}

const known: Readonly<Record<string, Partial<ProviderConfig>>> = {
  google: { name: 'Google', issuer: 'https://accounts.google.com' },
  github: {
    name: 'GitHub',
    authorizationUrl: 'https://github.com/login/oauth/authorize',
    tokenUrl: 'https://github.com/login/oauth/access_token',
    userInfoUrl: 'https://api.github.com/user',
    emailsUrl: 'https://api.github.com/user/emails',
    scopes: ['read:user', 'user:email'],
  },
};
const timeoutMs = 10_000;

/** Reads the discovery document where there is an issuer (OpenID Connect Discovery 1.0, 4). Rejects when it does not hold. */
export async function openProvider(config: ProviderConfig, needs: ProviderNeeds): Promise<Provider> {
  const given = { ...known[config.id], ...config };
  // A token for a server of one's own is not for the public one.
  const emailsUrl = config.userInfoUrl === undefined ? given.emailsUrl : config.emailsUrl;
  const found: Claims = given.issuer === undefined ? {} : await discover(given.issuer, needs);
  const authorizationUrl = given.authorizationUrl ?? String(found['authorization_endpoint']);
  const tokenUrl = given.tokenUrl ?? String(found['token_endpoint']);
  const userInfoUrl = given.userInfoUrl ?? found['userinfo_endpoint'];
  const jwksUri = found['jwks_uri'];
  const verify =
    given.issuer === undefined || typeof jwksUri !== 'string'
      ? undefined
      : createIdTokenVerifier({
          jwksUri,
          issuer: given.issuer,
          audience: given.clientId,
          fetch: needs.fetch,
        });
  return {
    id: given.id,
    name: given.name ?? given.id,
    clientId: given.clientId,
    ...(needs.secret === undefined ? {} : { clientSecret: needs.secret }),
    authorizationUrl,
    tokenUrl,
    scopes: given.scopes ?? ['openid', 'email', 'profile'],
    exchange: (code) => exchange(code, { ...needs, tokenUrl, clientId: given.clientId }),
    async profile(tokens) {
      try {
        return await read(tokens);
      } catch (error) {
        // The provider's fault, or somebody's in between: whoever signs in is sent back, and the host goes on.
        needs.log(`What provider ${given.id} says does not hold: ${String(error)}`);
        return undefined;
      }
    },
  };

  async function read(tokens: ProviderTokens): Promise<Profile | undefined> {
    const claims =
      verify !== undefined && tokens.idToken !== undefined ? await verify(tokens.idToken) : undefined;
    // An OIDC provider without an ID token is none; its userinfo alone would not say whom it is for.
    if (verify !== undefined && claims === undefined) return undefined;
    if (typeof claims?.['email'] === 'string' || typeof userInfoUrl !== 'string')
      return toProfile(claims ?? {});
    const authorized = {
      headers: { authorization: `Bearer ${tokens.accessToken ?? ''}`, accept: 'application/json' },
    };
    const info = await readJson(needs.fetch, userInfoUrl, authorized);
    // The two must speak of one user (OpenID Connect Core 1.0, 5.3.2).
    if (claims !== undefined && info['sub'] !== claims['sub']) return undefined;
    if (claims !== undefined || emailsUrl === undefined) return toProfile({ ...info, ...claims });
    const emails = await readJson(needs.fetch, emailsUrl, authorized);
    return toProfile({ ...info, ...addressIn(emails) });
  }
}

async function discover(issuer: string, { fetch }: ProviderNeeds): Promise<Claims> {
  const found = await readJson(fetch, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {});
  if (found['issuer'] === issuer) return found;
  throw new TypeError(`Provider ${issuer} says that it is ${JSON.stringify(found['issuer'])}`);
}

interface Endpoint extends ProviderNeeds {
  readonly tokenUrl: string;
  readonly clientId: string;
}

/** RFC 6749, 4.1.3, with PKCE (RFC 7636). */
async function exchange(code: CodeExchange, endpoint: Endpoint): Promise<ProviderTokens> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code: code.code,
    redirect_uri: code.redirectURI,
    client_id: endpoint.clientId,
  });
  if (code.codeVerifier !== undefined) form.set('code_verifier', code.codeVerifier);
  if (endpoint.secret !== undefined) form.set('client_secret', endpoint.secret);
  const answer = await readJson(endpoint.fetch, endpoint.tokenUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
  });
  return {
    accessToken: text(answer['access_token']),
    idToken: text(answer['id_token']),
    refreshToken: text(answer['refresh_token']),
  };
}

/** Of a list as GitHub gives it: the one address its user chose, and whether it was checked. */
function addressIn(list: unknown): Claims {
  const entries: readonly unknown[] = Array.isArray(list) ? list : [];
  const chosen = entries.find((entry) => (entry as { readonly primary?: unknown } | null)?.primary === true);
  const { email, verified } = (chosen ?? {}) as { readonly email?: unknown; readonly verified?: unknown };
  return { email, email_verified: verified };
}

async function readJson(fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<Claims> {
  // GitHub answers nobody who does not say who they are.
  const headers = { 'user-agent': 'islet', ...(init.headers as Readonly<Record<string, string>>) };
  const signal = AbortSignal.timeout(timeoutMs);
  const answer = await fetch(url, { ...init, headers, redirect: 'error', signal });
  const body: unknown = await answer.json();
  if (answer.ok && typeof body === 'object' && body !== null) return body as Claims;
  throw new TypeError(`Provider at ${new URL(url).host} answered with ${answer.status}`);
}

function toProfile(claims: Claims): Profile | undefined {
  const id = claims['sub'] ?? claims['id'];
  if (typeof id !== 'string' && typeof id !== 'number') return undefined;
  const [email, name, image] = [
    text(claims['email']),
    text(claims['name'] ?? claims['login']),
    text(claims['picture'] ?? claims['avatar_url']),
  ];
  return {
    id: String(id),
    // A provider that does not say so has not checked it: accounts are linked by verified addresses alone.
    emailVerified: claims['email_verified'] === true,
    ...(email === undefined ? {} : { email }),
    ...(name === undefined ? {} : { name }),
    ...(image === undefined ? {} : { image }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
