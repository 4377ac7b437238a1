import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Test } from 'tap';

type Claims = Readonly<Record<string, unknown>>;

/** An OpenID provider on a free port, where everybody who comes is `user`. */
export interface TestProvider {
  readonly issuer: string;
  /** Who comes. */
  user: Claims;
  /** Makes the ID token of the claims; by default signed with the key of the JWKS. */
  idToken: (claims: Claims, sign: (claims: Claims) => Promise<string>) => Promise<string | undefined>;
  /** What userinfo says of them; by default the same. */
  userInfo: ((user: Claims) => Claims) | undefined;
  /** Their addresses, as GitHub's `/user/emails` lists them. */
  emails: unknown;
  /** Paths that were asked for. */
  readonly asked: string[];
}

export const providerClient = { id: 'shop', secret: 'the secret of the shop' } as const;

interface Grant {
  readonly challenge: string;
  readonly nonce: string | null;
  readonly redirect: string;
}

/** The code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636), for one confidential client. */
export async function openProvider(t: Pick<Test, 'teardown'>): Promise<TestProvider> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const grants = new Map<string, Grant>();
  const sign = (claims: Claims): Promise<string> =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(privateKey);
  const provider: { -readonly [K in keyof TestProvider]: TestProvider[K] } = {
    issuer: '',
    user: {},
    idToken: (claims) => sign(claims),
    userInfo: undefined,
    emails: [],
    asked: [],
  };
  const documents = (path: string): unknown => {
    const { issuer, user, userInfo } = provider;
    if (path === '/jwks') return { keys: [jwk] };
    if (path === '/emails') return provider.emails;
    if (path === '/userinfo') return userInfo === undefined ? user : userInfo(user);
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    };
  };
  const authorize = (query: URLSearchParams, response: ServerResponse): void => {
    const code = randomUUID();
    const redirect = query.get('redirect_uri') ?? '';
    grants.set(code, { challenge: query.get('code_challenge') ?? '', nonce: query.get('nonce'), redirect });
    const back = new URL(redirect);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state') ?? '');
    response.writeHead(302, { location: back.href }).end();
  };
  const token = async (form: URLSearchParams, response: ServerResponse): Promise<void> => {
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const made = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const known =
      form.get('client_id') === providerClient.id && form.get('client_secret') === providerClient.secret;
    if (!known || grant?.challenge !== made || grant.redirect !== form.get('redirect_uri'))
      return sendJson(response, 400, { error: 'invalid_grant' });
    const now = Math.floor(Date.now() / 1000);
    const nonce = grant.nonce === null ? {} : { nonce: grant.nonce };
    const { issuer: iss, user } = provider;
    const claims = { iss, aud: providerClient.id, iat: now, exp: now + 60, ...nonce, ...user };
    const id_token = await provider.idToken(claims, sign);
    sendJson(response, 200, { access_token: randomUUID(), token_type: 'Bearer', expires_in: 60, id_token });
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', provider.issuer);
    provider.asked.push(url.pathname);
    if (url.pathname === '/authorize') return authorize(url.searchParams, response);
    if (url.pathname !== '/token') return sendJson(response, 200, documents(url.pathname));
    void textOf(request).then((text) => token(new URLSearchParams(text), response));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  provider.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return provider;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}
