import * as client from 'openid-client';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

const guest = `export default { fetch: async (request, env) => Response.json(await env.AUTH.keys.rotate()) };`;
const redirect = 'http://127.0.0.1:9/callback';

void t.test('auth: another application signs in with islet through openid-client', async (t) => {
  const host = await openTestHost(t);
  await host.deploy('id', guest, {
    bindings: {
      AUTH: {
        kind: 'auth',
        admin: true,
        verifyEmail: false,
        clients: [{ id: 'app', redirects: [redirect] }],
      },
    },
  });
  const issuer = `${host.url}/id/auth`;
  const signUp = await fetch(`${issuer}/sign-up/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: host.url },
    body: JSON.stringify({ email: 'ada@example.com', name: 'Ada', password: 'correct horse battery' }),
  });
  t.equal(signUp.status, 200);
  const cookie = signUp.headers
    .getSetCookie()
    .map((each) => each.split(';', 1)[0])
    .join('; ');

  /** As a browser that is signed in there; gives where it is sent. */
  const visit = async (url: URL): Promise<string> => {
    const answer = await host.request(url.pathname + url.search, { headers: { cookie } });
    return answer.headers['location']?.[0] ?? `${answer.status} ${answer.text}`;
  };

  const config = await client.discovery(new URL(issuer), 'app', undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  const flow = async (): Promise<Awaited<ReturnType<typeof client.authorizationCodeGrant>>> => {
    const [verifier, state, nonce] = [
      client.randomPKCECodeVerifier(),
      client.randomState(),
      client.randomNonce(),
    ];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirect,
      scope: 'openid email profile offline_access',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    const back = new URL(await visit(url));
    t.equal(back.href.startsWith(redirect), true, back.href);
    return await client.authorizationCodeGrant(config, back, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
  };
  const tokens = await flow();
  const sub = tokens.claims()?.sub ?? '';
  t.match(tokens.claims(), { iss: issuer, sub: String });
  t.same([tokens.claims()?.aud].flat(), ['app']);
  t.match(await client.fetchUserInfo(config, tokens.access_token, sub), { sub, email: 'ada@example.com' });
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
  t.not(refreshed.refresh_token, tokens.refresh_token, 'it rotates');
  await t.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), 'and is good once');

  const { kid } = JSON.parse((await host.request('/id/rotate')).text) as { readonly kid: string };
  const after = await flow();
  const head = JSON.parse(
    Buffer.from((after.id_token ?? '').split('.')[0] ?? '', 'base64url').toString(),
  ) as object;
  t.match(head, { kid, alg: 'ES256' }, 'the next token is signed with the new key, which the client found');
  t.equal(after.claims()?.sub, sub);

  const stranger = await client.discovery(new URL(issuer), 'nobody', undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  const url = client.buildAuthorizationUrl(stranger, { redirect_uri: redirect, scope: 'openid', state: 'x' });
  t.notMatch(await visit(url), redirect);
});
