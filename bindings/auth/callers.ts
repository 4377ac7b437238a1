import type { Caller } from '#runtime/caller.ts';
import type { SignedIn } from './pool.ts';
import type { Claims } from './signatures.ts';
import type { Row } from './where.ts';

/** Claims that say who and for how long: no custom claim takes their place (RFC 7519, 4.1; RFC 9068, 2.2). */
const reserved: ReadonlySet<string> = new Set(
  'iss aud sub exp nbf iat jti sid azp scope cnf act client_id typ email email_verified name roles org'.split(
    ' ',
  ),
);

/** The members of `value` that may be custom claims; TypeError for what is no object of JSON. */
export function customClaims(value: unknown): Claims {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError('Claims are an object');
  const taken = Object.keys(value).find((name) => reserved.has(name));
  if (taken !== undefined)
    throw new TypeError(`Claim ${JSON.stringify(taken)} is the pool's own; use another name`);
  const text = JSON.stringify(value);
  if (text.length > 4096)
    throw new TypeError(`Claims are ${text.length} characters of JSON; use 4096 at most`);
  return value as Claims;
}

/** A session as others see it. */
export function toCaller({ user, session, organization }: SignedIn): Caller {
  return {
    ...callerOf(user, { ...storedClaims(user), ...storedClaims(session) }),
    ...(organization === undefined ? {} : { organization }),
  };
}

export function callerOf(user: Row, claims: Claims): Caller {
  return {
    id: String(user['id']),
    ...(typeof user['email'] === 'string' ? { email: user['email'] } : {}),
    emailVerified: user['emailVerified'] === true,
    ...(typeof user['name'] === 'string' ? { name: user['name'] } : {}),
    roles: rolesOf(user),
    claims,
  };
}

/** The claims of an access token for this session; who issues it, for whom and how long is added by whoever signs. */
export function toClaims(signedIn: SignedIn): Claims {
  const { claims, organization, ...caller } = toCaller(signedIn);
  return {
    ...claims,
    sub: caller.id,
    sid: String(signedIn.session['id']),
    email: caller.email,
    email_verified: caller.emailVerified,
    name: caller.name,
    roles: caller.roles,
    ...(organization === undefined ? {} : { org: organization }),
  };
}

/** What a verified access token says. */
export function fromClaims(claims: Claims): Caller {
  const { sub, email, email_verified: emailVerified, name, roles, org } = claims;
  return {
    id: String(sub),
    ...(typeof email === 'string' ? { email } : {}),
    emailVerified: emailVerified === true,
    ...(typeof name === 'string' ? { name } : {}),
    roles: Array.isArray(roles) ? roles.map(String) : [],
    ...(org === undefined ? {} : { organization: org as NonNullable<Caller['organization']> }),
    claims,
  };
}

export function rolesOf(user: Row): readonly string[] {
  const { role } = user;
  return typeof role === 'string' ? role.split(',').filter((name) => name !== '') : [];
}

export function storedClaims(row: Row): Claims {
  const { claims } = row;
  return typeof claims === 'string' && claims !== '' ? (JSON.parse(claims) as Claims) : {};
}
