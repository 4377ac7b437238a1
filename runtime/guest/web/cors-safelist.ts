import { getHeader, type HeaderList } from './header-list.ts';
import { parseMime } from './mime.ts';

// What is in the way of every value but a language: Fetch, 2.2.2 "CORS-unsafe request-header byte".
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unsafe = /[\0-\x08\x0a-\x1f"():<>?@[\\\]{}\x7f]/;
const language = /^[0-9A-Za-z *,\-.;=]*$/;
const forms: readonly string[] = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];

/** Fetch, 2.2.2 "no-CORS-safelisted request-header name". */
export function isNoCorsName(name: string): boolean {
  return (
    name === 'accept' || name === 'accept-language' || name === 'content-language' || name === 'content-type'
  );
}

/** Fetch, 2.2.2 "no-CORS-safelisted request-header". */
export function isNoCorsHeader(name: string, value: string): boolean {
  if (!isNoCorsName(name) || value.length > 128) return false;
  if (name === 'accept') return !unsafe.test(value);
  if (name !== 'content-type') return language.test(value);
  return !unsafe.test(value) && forms.includes(parseMime(value)?.essence ?? '');
}

/** Fetch, 5.1 "append" under the guard request-no-cors: what is not safelisted is left out without a word. */
export function appendNoCors(list: HeaderList, name: string, value: string): void {
  const present = getHeader(list, name);
  if (isNoCorsHeader(name, present === null ? value : `${present}, ${value}`)) list.push(name, value);
}

/** The headers that a request of mode no-cors may have. */
export function filterNoCors(list: readonly string[]): HeaderList {
  const filtered: HeaderList = [];
  for (let at = 0; at < list.length; at += 2)
    appendNoCors(filtered, list[at] as string, list[at + 1] as string);
  return filtered;
}
