// jose: what one side signs the other verifies; keys come in and go out.
import * as jose from 'jose';

const failure = async (promise) =>
  promise.then(
    () => 'nothing',
    ({ code }) => code,
  );

export async function run() {
  const results = {};
  for (const alg of ['HS256', 'RS256', 'PS384', 'ES256', 'ES384', 'EdDSA']) {
    const secret = new TextEncoder().encode('a secret of at least thirty-two bytes!');
    const pair =
      alg === 'HS256'
        ? { privateKey: secret, publicKey: secret }
        : await jose.generateKeyPair(alg, { extractable: true });
    const token = await new jose.SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg })
      .setIssuer('islet')
      .setAudience('guest')
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(pair.privateKey);
    const { payload, protectedHeader } = await jose.jwtVerify(token, pair.publicKey, {
      issuer: 'islet',
      audience: 'guest',
    });
    const other =
      alg === 'HS256' ? undefined : await jose.importJWK(await jose.exportJWK(pair.publicKey), alg);
    const again = other === undefined ? undefined : (await jose.jwtVerify(token, other)).payload.role;
    const pem = other === undefined ? undefined : (await jose.exportSPKI(pair.publicKey)).split('\n')[0];
    results[alg] = [
      payload.role,
      protectedHeader,
      again ?? null,
      pem ?? null,
      await failure(jose.jwtVerify(`${token.slice(0, -6)}AAAAAA`, pair.publicKey)),
      await failure(jose.jwtVerify(token, pair.publicKey, { audience: 'other' })),
    ];
  }
  for (const [alg, enc] of [
    ['dir', 'A256GCM'],
    ['A256KW', 'A128CBC-HS256'],
    ['RSA-OAEP-256', 'A256GCM'],
    ['ECDH-ES+A128KW', 'A128GCM'],
    ['PBES2-HS256+A128KW', 'A128GCM'],
  ]) {
    const pair =
      alg.startsWith('RSA') || alg.startsWith('ECDH') ? await jose.generateKeyPair(alg) : undefined;
    const key = pair?.publicKey ?? new Uint8Array(32).fill(7);
    const sealed = await new jose.CompactEncrypt(new TextEncoder().encode('secret text'))
      .setProtectedHeader({ alg, enc })
      .encrypt(key);
    const { plaintext } = await jose.compactDecrypt(sealed, pair?.privateKey ?? key, {
      keyManagementAlgorithms: [alg],
    });
    results[`${alg} ${enc}`] = new TextDecoder().decode(plaintext);
  }
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  results.thumbprint = await jose.calculateJwkThumbprint(jwk);
  return results;
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
