import { isArray, guestJson, parseJson, quote, stringIndexOf, stringSlice, toText } from './primordials.ts';

type Table = Record<string, unknown>;

/**
 * Who calls, as an API Gateway HTTP API's JWT authorizer says it: claims as text (lists as `[a b]`), scopes as a list or
 * null. Undefined when nobody is known. The same as in runtime/wasm/authorizer.ts.
 */
export function toAuthorizer(user: unknown): Table | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const { id, email, emailVerified, name, roles, organization, claims } = user as Table;
  const { id: org, role: orgRole } = (organization ?? {}) as Table;
  const all: Table = {
    ...(claims as Table),
    sub: id,
    email,
    email_verified: emailVerified,
    name,
    roles,
    org_id: org,
    org_role: orgRole,
  };
  let json = '';
  for (const key in all) {
    const value = all[key];
    if (value !== undefined && value !== null)
      json += `${json === '' ? '' : ','}${quote(key)}:${quote(toClaim(value))}`;
  }
  return parseJson(`{"jwt":{"claims":{${json}},"scopes":${scopesJson(all['scope'])}}}`) as Table;
}

function toClaim(value: unknown): string {
  if (typeof value !== 'object' || value === null) return toText(value);
  if (!isArray(value)) return guestJson(value) ?? '';
  let text = '';
  for (let index = 0; index < value.length; index++)
    text += `${index === 0 ? '' : ' '}${toClaim((value as readonly unknown[])[index])}`;
  return `[${text}]`;
}

function scopesJson(scope: unknown): string {
  if (typeof scope !== 'string' || scope === '') return 'null';
  let json = '';
  for (let rest = scope; rest !== '';) {
    const space = stringIndexOf(rest, ' ');
    const word = space === -1 ? rest : stringSlice(rest, 0, space);
    if (word !== '') json += `${json === '' ? '' : ','}${quote(word)}`;
    rest = space === -1 ? '' : stringSlice(rest, space + 1);
  }
  return `[${json}]`;
}
