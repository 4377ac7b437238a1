import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import { methodOf } from './webidl.ts';

/**
 * URLs of http, https, ws, wss and ftp by cutting them where their delimiters are: the same records as the state
 * machine of whatwg-url makes, ten times sooner. What is rare (IPv6, odd characters in a host, tabs,
 * backslashes, other schemes) is left to the machine: these functions answer undefined.
 */
const defaultPorts: Readonly<Record<string, number>> = {
  __proto__: null as never,
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  ftp: 21,
};
const absolute = /^(https?|wss?|ftp):\/\/([^/?#]+)/;
const hasScheme = /^[a-z][a-z\d+.-]*:/i;
/** What the machine strips or reads as something else. */
const odd = /[\t\n\r\\]|^[\0- ]|[\0- ]$/;
/** User name, password, host, port. */
const authority = /^(?:([\w.~-]*)(?::([\w.~-]*))?@)?([a-z\d_.-]+)(?::(\d{1,5}))?$/i;
/** A last label like a number makes an IPv4 address, or none. */
const numericEnd = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i;
const dotted = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const oneDot = /^(?:\.|%2e)$/i;
const twoDots = /^(?:\.|%2e){2}$/i;
const dotSegment = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;
const inPath = /[^!$-.0-;=@-\]_a-z|~%/]+/g;
const inQuery = /[^!$-&(-;=?-~]+/g;
const inFragment = /[^!#-;=?-_a-~]+/g;

const replaceAll = methodOf<(text: string, pattern: RegExp, by: (part: string) => string) => string>(
  String.prototype,
  'replace',
);
const encode = encodeURIComponent;
/** The one character of these sets that encodeURIComponent leaves. */
const encodeQuote = (part: string): string => encode(part).replaceAll("'", '%27');

/** The record of `text`, a USVString, on a base of a special scheme; undefined: ask the machine. */
export function parseSpecial(text: string, base: UrlRecord | undefined): UrlRecord | undefined {
  if (odd.test(text)) return undefined;
  const found = absolute.exec(text);
  if (found !== null) {
    const [start, scheme, name] = found as unknown as readonly [string, string, string];
    const record = withAuthority(scheme, name);
    return record && parseRest(record, text, start.length);
  }
  if (base === undefined || !isSpecialBase(base) || hasScheme.test(text)) return undefined;
  return text.startsWith('//') ? undefined : parseRelative(text, base);
}

function isSpecialBase({ scheme, path }: UrlRecord): boolean {
  return defaultPorts[scheme] !== undefined && typeof path !== 'string';
}

function withAuthority(scheme: string, text: string): UrlRecord | undefined {
  const found = authority.exec(text);
  if (found === null) return undefined;
  const [, username = '', password = '', host, digits] = found;
  const name = (host as string).toLowerCase();
  const isNumber = numericEnd.test(name);
  if (isNumber && !dotted.test(name)) return undefined;
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && port > 0xffff) return undefined;
  return {
    scheme,
    username,
    password,
    host: isNumber ? toIpv4(name) : name,
    port: port === defaultPorts[scheme] ? null : port,
    path: [],
    query: null,
    fragment: null,
  };
}

/** The machine's form of an address. */
function toIpv4(text: string): number {
  let address = 0;
  for (const part of text.split('.')) address = address * 256 + Number(part);
  return address;
}

/** Path, query and fragment from `at` on. */
function parseRest(record: UrlRecord, text: string, at: number): UrlRecord {
  const hash = text.indexOf('#', at);
  const end = hash < 0 ? text.length : hash;
  const mark = text.indexOf('?', at);
  const hasQuery = mark >= 0 && mark < end;
  record.path = parsePath(text.slice(at, hasQuery ? mark : end));
  if (hasQuery) record.query = encodeQuery(text.slice(mark + 1, end));
  if (hash >= 0) record.fragment = encodeFragment(text.slice(hash + 1));
  return record;
}

function parseRelative(text: string, base: UrlRecord): UrlRecord {
  const { scheme, username, password, host, port } = base;
  const path = base.path as readonly string[];
  const record = {
    scheme,
    username,
    password,
    host,
    port,
    path: [] as string[],
    query: null,
    fragment: null,
  };
  if (text.startsWith('/')) return parseRest(record, text, 0);
  if (text === '' || text.startsWith('#')) {
    const fragment = text === '' ? null : encodeFragment(text.slice(1));
    return { ...record, path: [...path], query: base.query, fragment };
  }
  if (text.startsWith('?')) return { ...parseRest(record, text, 0), path: [...path] };
  const folder = path.length < 2 ? '' : `/${path.slice(0, -1).join('/')}`;
  return parseRest(record, `${folder}/${text}`, 0);
}

/** URL, 4.4 "path state" of a special scheme, for text without a query. Its first slash is optional. */
export function parsePath(text: string): string[] {
  const encoded = replaceAll(text, inPath, encode);
  const segments = (encoded.startsWith('/') ? encoded.slice(1) : encoded).split('/');
  return dotSegment.test(encoded) ? removeDots(segments) : segments;
}

function removeDots(segments: readonly string[]): string[] {
  const path: string[] = [];
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at] as string;
    const isLast = at === segments.length - 1;
    if (twoDots.test(segment)) path.pop();
    else if (!oneDot.test(segment)) {
      path.push(segment);
      continue;
    }
    if (isLast) path.push('');
  }
  return path;
}

export function encodeQuery(text: string): string {
  return replaceAll(text, inQuery, encodeQuote);
}

export function encodeFragment(text: string): string {
  return replaceAll(text, inFragment, encode);
}

/** The serialisation of a record with a host that is a name and a path of segments; undefined: ask the machine. */
export function serializeSpecial(record: UrlRecord): string | undefined {
  const { scheme, username, password, host, port, path, query, fragment } = record;
  if (typeof host !== 'string' || typeof path === 'string' || username !== '' || password !== '')
    return undefined;
  const front = port === null ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
  const search = query === null ? '' : `?${query}`;
  const hash = fragment === null ? '' : `#${fragment}`;
  return path.length === 0 ? undefined : `${front}/${path.join('/')}${search}${hash}`;
}
