import { toByteString } from './webidl.ts';

/** Flat: name, value, name, value; names in lower case, in the order they were added. */
export type HeaderList = string[];

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const badValue = /[\0\r\n]/;
/** Names seen before, to their lower-case form; bounded, since a guest may make up names for ever. */
const knownNames = new Map<string, string>();
const knownNamesMost = 256;

/** Validates and lower-cases a header name (RFC 9110, 5.6.2 token), or throws TypeError. */
export function normalizeName(value: unknown): string {
  const name = typeof value === 'string' ? value : toByteString(value, 'A header name');
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  if (!token.test(name))
    throw new TypeError(`Header name ${JSON.stringify(name)} is not usable; use letters, digits and "-"`);
  const lower = name.toLowerCase();
  if (knownNames.size < knownNamesMost) knownNames.set(name, lower);
  return lower;
}

/** Fetch, 2.2.2 "normalize" and the definition of a header value, or TypeError. */
export function normalizeValue(value: unknown, name: string): string {
  let text = toByteString(value, `The value of header "${name}"`);
  if (isSpace(text.charCodeAt(0)) || isSpace(text.charCodeAt(text.length - 1)))
    text = text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (badValue.test(text))
    throw new TypeError(`The value of header "${name}" holds a NUL or a line break; remove it`);
  return text;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** The values of `name` joined with ", ", null when there is none. */
export function getHeader(list: readonly string[], name: string): string | null {
  let found: string | null = null;
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] !== name) continue;
    const value = list[at + 1] as string;
    found = found === null ? value : `${found}, ${value}`;
  }
  return found;
}

export function hasHeader(list: readonly string[], name: string): boolean {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return true;
  return false;
}

/** Replaces the first `name` and removes the others, or appends. */
export function setHeader(list: HeaderList, name: string, value: string): void {
  let found = false;
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] !== name) continue;
    if (found) {
      list.splice(at, 2);
      at -= 2;
      continue;
    }
    list[at + 1] = value;
    found = true;
  }
  if (!found) list.push(name, value);
}
