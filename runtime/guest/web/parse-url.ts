import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import { parseSpecial, serializeSpecial } from './special-url.ts';
import { machine } from './url-machine.ts';

/**
 * http(s) URLs that the parser would leave as they are: lower-case host without Punycode, an IPv4 address in its normal
 * form or a last label that begins with a letter; no character the parser escapes; no "." at the start of a segment.
 * Groups: scheme, host, port, path, query, fragment. Parsing these so is what makes new URL(request.url) cheap.
 */
const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const plain = new RegExp(
  `^(https?)://((?:${byte}\\.){3}${byte}|(?:(?!xn--)[a-z0-9_-]+\\.)*(?!xn--)[a-z][a-z0-9_-]*)` +
    '(?::([1-9]\\d{0,3}))?' +
    '((?:/(?!\\.|%2[eE])[!$-.0-;=@-\\[\\]_a-z|~]*)+)' +
    '(?:\\?([!$-&(-;=?-~]*))?(?:#([!#-;=?-_a-~]*))?$',
);

/** What `plain` found. */
export type Plain = readonly (string | undefined)[];

/** The pieces of a plain URL; undefined for others. */
export function parsePlain(text: string): Plain | undefined {
  const found = plain.exec(text);
  if (found === null) return undefined;
  if (found[3] === '80' && found[1] === 'http') return undefined;
  if (found[3] === '443' && found[1] === 'https') return undefined;
  return found;
}

/** URL, 4.4, or undefined where that fails. */
export function parseUrl(text: string, base?: string): UrlRecord | undefined {
  if (base === undefined) return parseSpecial(text, undefined) ?? machine().basicURLParse(text) ?? undefined;
  const baseURL = parseBase(base);
  if (baseURL === undefined) return undefined;
  return parseSpecial(text, baseURL) ?? machine().basicURLParse(text, { baseURL }) ?? undefined;
}

/** The base of last time: code that resolves many addresses does so on one. */
let lastBase: { readonly text: string; readonly record: UrlRecord | undefined } | undefined;

/** Nobody changes what this gives. */
function parseBase(text: string): UrlRecord | undefined {
  if (lastBase?.text !== text) lastBase = { text, record: parseUrl(text) };
  return lastBase.record;
}

/** URL, 4.5. */
export function serializeUrl(record: UrlRecord): string {
  return serializeSpecial(record) ?? machine().serializeURL(record);
}

const odd = /[\t\n\r\\]/;

/** Whether special-url.ts may change pathname, search or hash to `text`; the rest is the machine's. */
export function isSimple({ scheme }: UrlRecord, text: string): boolean {
  return (scheme === 'https' || scheme === 'http') && !odd.test(text);
}
