import type { Caller } from '#runtime/caller.ts';

/**
 * Who calls, as an API Gateway HTTP API's JWT authorizer says it: claims as text (lists as `[a b]`), scopes as a list or
 * null. Undefined when nobody is known. The same as in runtime/guest/authorizer.ts.
 */
export function toAuthorizer(user: unknown): object | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const { id, email, emailVerified, name, roles, organization, claims } = user as Caller;
  const all: Readonly<Record<string, unknown>> = {
    ...claims,
    sub: id,
    email,
    email_verified: emailVerified,
    name,
    roles,
    org_id: organization?.id,
    org_role: organization?.role,
  };
  const said = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  const { scope } = all;
  const scopes =
    typeof scope === 'string' && scope !== '' ? scope.split(' ').filter((word) => word !== '') : null;
  return { jwt: { claims: Object.fromEntries(said.map(([key, value]) => [key, toClaim(value)])), scopes } };
}

function toClaim(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toClaim).join(' ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
