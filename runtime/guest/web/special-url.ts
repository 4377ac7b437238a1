import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import { toASCII } from './tr46.ts';
import { methodOf } from './webidl.ts';

/**
 * URLs of http, https, ws, wss and ftp by cutting them where their delimiters are, ten times sooner than by the state
 * machine of whatwg-url. What is rare (IPv6, odd characters in a host, tabs, backslashes, other schemes) is left to the
 * machine: these functions answer undefined.
 */

/**
 * Such a URL serialised, and its pieces: scheme, host (a name or an IPv4 address), port, path, query, fragment, user name,
 * password. What there is none of is undefined, an empty name or password too.
 */
export type Pieces = readonly Piece[];
export type Piece = string | undefined;
/** Their types by place. */
export type WholePieces = readonly [string, string, string, Piece, string, ...Piece[]];

const defaultPorts: Readonly<Record<string, number>> = {
  __proto__: null as never,
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  ftp: 21,
};
const hasScheme = /^[a-z][a-z\d+.-]*:/i;
/** What the machine strips or reads as something else; at the ends also spaces and controls. */
const odd = /[\t\n\r\\]/;
const space = 0x20;
const plainName = /^[\w.-]+$/;
/** User name, password, host, port. */
const authority = /^(?:([\w.~-]*)(?::([\w.~-]*))?@)?([\w.\-\x80-\uffff]+)(?::(\d{1,5}))?$/;
const beyondAscii = /[^\0-\x7f]/;
/** What is left of a name in ASCII where nothing has to be refused. */
const asciiName = /^[a-z\d_.-]+$/;
/** A last label like a number makes an IPv4 address, or none. */
const numericEnd = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i;
const dotted = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const oneDot = /^(?:\.|%2e)$/i;
const twoDots = /^(?:\.|%2e){2}$/i;
const dotSegment = /\/(?:\.|%2[eE]){1,2}(?:\/|$)/;
/** What is escaped: to find one, each run of them, and whether there is something that encodeURI sees otherwise. */
const inPath = escaped('[^!$-.0-;=@-\\]_a-z|~%/]+', /[#%?[\]|]/);
const inQuery = escaped('[^!$-&(-;=?-~]+', /[#%'[-^`{-}]/);
const inFragment = escaped('[^!#-;=?-_a-~]+', /[%[-^{-}]/);

interface Escaped {
  readonly one: RegExp;
  readonly all: RegExp;
  readonly other: RegExp;
}

function escaped(pattern: string, other: RegExp): Escaped {
  return { one: new RegExp(pattern), all: new RegExp(pattern, 'g'), other };
}

const replaceAll = methodOf<(text: string, pattern: RegExp, by: (part: string) => string) => string>(
  String.prototype,
  'replace',
);
const encodePart = encodeURIComponent;
const encodeWhole = encodeURI;
/** The one character of these sets that encodeURIComponent leaves. */
const encodeQuote = (part: string): string => encodePart(part).replaceAll("'", '%27');

/** The pieces of `text`, a USVString, on a base; undefined: ask the machine. */
export function parseSpecial(text: string, base: Pieces | undefined): Pieces | undefined {
  if (isOdd(text)) return undefined;
  const colon = text.indexOf('://');
  const scheme = colon < 0 ? '' : text.slice(0, colon);
  if (defaultPorts[scheme] === undefined) return base && parseRelative(text, base);
  let end = colon + 3;
  while (end < text.length && !endsAuthority(text.charCodeAt(end))) end++;
  const front = parseAuthority(scheme, text.slice(colon + 3, end));
  return front && parseRest(front, text, end);
}

function isOdd(text: string): boolean {
  return text.charCodeAt(0) <= space || text.charCodeAt(text.length - 1) <= space || odd.test(text);
}

/** "/", "?", "#". */
function endsAuthority(code: number): boolean {
  return code === 0x2f || code === 0x3f || code === 0x23;
}

/** What is before the path. */
export interface Front {
  readonly scheme: string;
  readonly host: string;
  readonly port: Piece;
  readonly username?: Piece;
  readonly password?: Piece;
  /** Before the first segment of the path, where that does not begin with a slash. */
  readonly folder?: string;
}

function parseAuthority(scheme: string, text: string): Front | undefined {
  const found = plainName.test(text) ? [text, undefined, undefined, text] : authority.exec(text);
  if (found === null) return undefined;
  const [, username, password, name, digits] = found;
  const host = toName(name as string);
  if (host === undefined || (endsInNumber(host) && !dotted.test(host))) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && port > 0xffff) return undefined;
  return {
    scheme,
    host,
    port: port === undefined || port === defaultPorts[scheme] ? undefined : `${port}`,
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
  };
}

/** Looks first at what the last label begins with. */
function endsInNumber(host: string): boolean {
  const code = host.charCodeAt(host.lastIndexOf('.', host.length - 2) + 1);
  return code >= 0x30 && code <= 0x39 && numericEnd.test(host);
}

/** In lower case and ASCII; undefined where the machine finds out why not. */
function toName(host: string): string | undefined {
  if (!beyondAscii.test(host)) return host.toLowerCase();
  const name = toASCII(host);
  return name !== null && asciiName.test(name) ? name : undefined;
}

function parseRelative(text: string, base: Pieces): Pieces | undefined {
  if (hasScheme.test(text) || text.startsWith('//')) return undefined;
  const [, scheme, host, port, path, query, , username, password] = base as WholePieces;
  const front = { scheme, host, port, username, password };
  const first = text[0];
  if (first === undefined || first === '#')
    return joinPieces(front, path, query, first && encodeFragment(text.slice(1)));
  if (first === '?') return parseRest({ ...front, folder: path }, text, 0);
  if (first === '/') return parseRest(front, text, 0);
  return parseRest({ ...front, folder: path.slice(0, path.lastIndexOf('/') + 1) }, text, 0);
}

/** Path, query and fragment from `at` on. */
function parseRest(front: Front, text: string, at: number): Pieces {
  const hash = text.indexOf('#', at);
  const end = hash < 0 ? text.length : hash;
  const mark = text.indexOf('?', at);
  const hasQuery = mark >= 0 && mark < end;
  const path = normalizePath((front.folder ?? '') + text.slice(at, hasQuery ? mark : end));
  const query = hasQuery ? encodeQuery(text.slice(mark + 1, end)) : undefined;
  return joinPieces(front, path, query, hash < 0 ? undefined : encodeFragment(text.slice(hash + 1)));
}

/** The pieces of a URL from those of its authority and the rest, all as they are serialised. */
export function joinPieces(front: Front, path: string, query: Piece, fragment: Piece): Pieces {
  const { scheme, host, port, username, password } = front;
  let href = `${scheme}://`;
  if (username !== undefined || password !== undefined) {
    href += username ?? '';
    if (password !== undefined) href += `:${password}`;
    href += '@';
  }
  href += host;
  if (port !== undefined) href += `:${port}`;
  href += path;
  if (query !== undefined) href += `?${query}`;
  if (fragment !== undefined) href += `#${fragment}`;
  return [href, scheme, host, port, path, query, fragment, username, password];
}

/** URL, 4.4 "path state" of a special scheme, for text without a query. Its first slash is optional. */
function normalizePath(text: string): string {
  const encoded = encode(text, inPath, encodePart);
  const path = encoded[0] === '/' ? encoded : `/${encoded}`;
  return dotSegment.test(path) ? `/${removeDots(path.slice(1).split('/')).join('/')}` : path;
}

/** The same as the segments of a record. */
export function parsePath(text: string): string[] {
  return normalizePath(text).slice(1).split('/');
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

function encode(text: string, { one, all, other }: Escaped, by: (part: string) => string): string {
  if (!one.test(text)) return text;
  return other.test(text) ? replaceAll(text, all, by) : encodeWhole(text);
}

export function encodeQuery(text: string): string {
  return encode(text, inQuery, encodeQuote);
}

export function encodeFragment(text: string): string {
  return encode(text, inFragment, encodePart);
}

/** The machine's record of a URL. */
export function toRecord(pieces: Pieces): UrlRecord {
  const [, scheme, host, port, path, query, fragment, username, password] = pieces as WholePieces;
  return {
    scheme,
    username: username ?? '',
    password: password ?? '',
    host: dotted.test(host) ? toIpv4(host) : host,
    port: port === undefined ? null : Number(port),
    path: path.slice(1).split('/'),
    query: query ?? null,
    fragment: fragment ?? null,
  };
}

/** The machine's form of an address. */
function toIpv4(text: string): number {
  let address = 0;
  for (const part of text.split('.')) address = address * 256 + Number(part);
  return address;
}

/** URL, 4.5 "URL path serializer". */
export function serializePath({ path }: UrlRecord): string {
  if (typeof path === 'string') return path;
  return path.length === 0 ? '' : `/${path.join('/')}`;
}

/** URL, 4.7, of a record whose host is a name; undefined: ask the machine. */
export function serializeOrigin({ scheme, host, port }: UrlRecord): string | undefined {
  if (defaultPorts[scheme] === undefined || typeof host !== 'string') return undefined;
  return port === null ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}

/** The serialisation of a record of a special scheme with a host that is a name; undefined: ask the machine. */
export function serializeSpecial(record: UrlRecord): string | undefined {
  const { username, password, path, query, fragment } = record;
  const front = username === '' && password === '' ? serializeOrigin(record) : undefined;
  if (front === undefined || path.length === 0) return undefined;
  const search = query === null ? '' : `?${query}`;
  const hash = fragment === null ? '' : `#${fragment}`;
  return front + serializePath(record) + search + hash;
}
