import { NativeTypeError, quote, toText } from '../primordials.ts';
import { eachOf, isObject, toStringsJson } from './conversions.ts';

/** Members of JsonWebKey in the order Web IDL reads them. */
const members = [
  'alg',
  'crv',
  'd',
  'dp',
  'dq',
  'e',
  'ext',
  'k',
  'key_ops',
  'kty',
  'n',
  'oth',
  'p',
  'q',
  'qi',
  'use',
  'x',
  'y',
] as const;
const otherPrimeMembers = ['d', 'r', 't'] as const;

/** JSON text of a JsonWebKey dictionary. Web Cryptography, 15. */
export function toJwkJson(given: unknown): string {
  return dictionaryJson(given, members, 'keyData');
}

function dictionaryJson(given: unknown, keys: readonly string[], what: string): string {
  if (given !== undefined && given !== null && !isObject(given))
    throw new NativeTypeError(`${what} must be an object`);
  let json = '';
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] ?? '';
    const value = isObject(given) ? (given as Record<string, unknown>)[key] : undefined;
    if (value !== undefined) json += `${json === '' ? '' : ','}${quote(key)}:${memberJson(key, value)}`;
  }
  return `{${json}}`;
}

function memberJson(key: string, value: unknown): string {
  if (key === 'ext') return value ? 'true' : 'false';
  if (key === 'key_ops') return toStringsJson(value, key);
  if (key !== 'oth') return quote(toText(value));
  let json = '';
  eachOf(value, key, (item) => {
    json += `${json === '' ? '' : ','}${dictionaryJson(item, otherPrimeMembers, key)}`;
  });
  return `[${json}]`;
}
