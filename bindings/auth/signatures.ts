import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { createRemoteJWKSet, customFetch, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';

/** Claims of a token that verified (RFC 7519, 4). */
export type Claims = Readonly<Record<string, unknown>>;

export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey | Uint8Array;
}

/** The one algorithm of a pool's tokens; what a token's own header says is not asked (RFC 8725, 3.1). */
export const algorithm = 'ES256';
/** Access tokens are told apart from all others by their type (RFC 9068, 2.1; RFC 8725, 3.11). */
const accessType = 'at+jwt';
/** Clocks of two machines may differ by so much. */
const toleranceSeconds = 5;

export interface Expected {
  readonly audience: string;
  readonly now: number;
  /** The token's first part is, to the letter, that of one that verified. */
  readonly headIsGood?: boolean;
}

/** An access token: a JWS with the type `at+jwt`. */
export async function signAccessToken(key: SigningKey, claims: Claims): Promise<string> {
  return await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: accessType })
    .sign(key.privateKey);
}

/**
 * The claims of an access token (RFC 7515, 5.2; RFC 7519, 7.2; RFC 9068, 4), or a TypeError that says what does not hold.
 * Here and not in a worker thread, as jose would do it: the hop takes longer than the 80 µs of the check, and every call
 * waits for it (bench/auth.ts).
 */
export function verifyAccessToken(token: string, key: KeyObject, expected: Expected): Claims {
  const parts = token.split('.');
  const [head = '', body = '', sum = ''] = parts;
  if (parts.length !== 3) throw new TypeError('it has no three parts');
  if (expected.headIsGood !== true) checkHead(head);
  const signature = bytesOf(sum);
  const input = Buffer.from(`${head}.${body}`, 'latin1');
  // RFC 7518, 3.4: R and S, 32 bytes each.
  const good =
    signature.length === 64 && verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (!good) throw new TypeError('its signature does not verify');
  const claims = objectOf(body);
  checkClaims(claims, expected);
  return claims;
}

function checkHead(head: string): void {
  const header = objectOf(head);
  if (header['alg'] !== algorithm || header['typ'] !== accessType)
    throw new TypeError('it is of another kind');
  if (header['crit'] !== undefined || header['b64'] !== undefined) throw new TypeError('it has extensions');
}

function checkClaims(claims: Claims, { audience, now }: Expected): void {
  const seconds = now / 1000;
  const { aud, exp, iat, nbf } = claims;
  for (const name of ['iss', 'sub', 'sid']) {
    if (typeof claims[name] !== 'string') throw new TypeError(`it has no ${name}`);
  }
  if (aud !== audience) throw new TypeError('it is for another audience');
  if (typeof exp !== 'number' || exp <= seconds - toleranceSeconds) throw new TypeError('it is expired');
  if (typeof iat !== 'number' || iat > seconds + toleranceSeconds) throw new TypeError('it is of the future');
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= seconds + toleranceSeconds)) {
    throw new TypeError('it is not good yet');
  }
}

function objectOf(part: string): Claims {
  const value: unknown = JSON.parse(bytesOf(part).toString());
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Claims;
  throw new TypeError('a part is no object');
}

/** Base64url as JWS has it: no padding, no other letters, one spelling of each value. */
function bytesOf(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') === part) return bytes;
  throw new TypeError('a part is not base64url');
}

/** Throws TypeError when the JWK (RFC 7517) is no public key of ours. */
export function importVerifyingKey(jwk: unknown): KeyObject {
  const { kty, crv, x, y } = jwk as JWK;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') {
    throw new TypeError('The key is not of P-256');
  }
  return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
}

export interface IdTokenRules {
  readonly jwksUri: string;
  readonly issuer: string;
  readonly audience: string;
  readonly fetch: typeof globalThis.fetch;
}

/** Checks ID tokens of one provider (OpenID Connect Core 1.0, 3.1.3.7); keys are fetched when a token names an unknown one. */
export function createIdTokenVerifier(rules: IdTokenRules): (token: string) => Promise<Claims> {
  const keys = createRemoteJWKSet(new URL(rules.jwksUri), { [customFetch]: rules.fetch });
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer: rules.issuer,
      audience: rules.audience,
      algorithms: ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'RS256', 'PS256'],
      clockTolerance: toleranceSeconds,
      requiredClaims: ['sub', 'exp', 'iat'],
    });
    return payload;
  };
}
