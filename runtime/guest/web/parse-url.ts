import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import {
  type Piece,
  type Pieces,
  type WholePieces,
  joinPieces,
  parseSpecial,
  serializeSpecial,
  toRecord,
} from './special-url.ts';
import { machine } from './url-machine.ts';

const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** Of characters the parser escapes none, and no "." at the start. */
const segment = '(?!\\.|%2[eE])[!$-.0-;=@-\\[\\]_a-z|~]*';
const queryAndFragment = '(?:\\?([!$-&(-;=?-~]*))?(?:#([!#-;=?-_a-~]*))?$';

/**
 * http(s) URLs that the parser would leave as they are, but for a path that is not there: lower-case host without Punycode, an
 * IPv4 address in its normal form or a last label that begins with a letter; no character the parser escapes; no "." at the
 * start of a segment. Groups: scheme, host, port, path, query, fragment. Parsing these so is what makes new URL(request.url) cheap.
 */
const plain = new RegExp(
  `^(https?)://((?:${byte}\\.){3}${byte}|(?:(?!xn--)[a-z0-9_-]+\\.)*(?!xn--)[a-z][a-z0-9_-]*)` +
    `(?::([1-9]\\d{0,3}))?((?:/${segment})*)${queryAndFragment}`,
);

/** The same on a base, after any number of "./" and "../". Groups: those, path, query, fragment. */
const relative = new RegExp(
  `^(?!//|[A-Za-z][A-Za-z\\d+.-]*:)((?:\\.\\.?/)*)(${segment}(?:/${segment})*)${queryAndFragment}`,
);

/** The pieces of a plain URL; undefined for others. */
function parsePlain(text: string): Pieces | undefined {
  const found = plain.exec(text);
  if (found === null) return undefined;
  const [, scheme, host, port, path, query, fragment] = found as unknown as Pieces;
  if (port !== undefined && port === (scheme === 'http' ? '80' : '443')) return undefined;
  if (path !== '') return found;
  return joinPieces({ scheme: scheme as string, host: host as string, port }, '/', query, fragment);
}

/** The pieces of a plain text on a base; undefined for others. */
function parsePlainOn(text: string, base: Pieces): Pieces | undefined {
  const found = relative.exec(text);
  if (found === null) return undefined;
  const [, dots, rest, query, fragment] = found as unknown as readonly [string, string, string, ...Piece[]];
  const [, scheme, host, port, path, baseQuery, , username, password] = base as WholePieces;
  const front = { scheme, host, port, username, password };
  if (dots !== '' || rest !== '') return joinPieces(front, resolvePath(path, dots, rest), query, fragment);
  return joinPieces(front, path, query ?? baseQuery, fragment);
}

/** URL, 4.4 "path state" on a path, for one without "." and "..": `dots` are those before it. */
function resolvePath(base: string, dots: string, rest: string): string {
  if (dots === '' && rest[0] === '/') return rest;
  let end = base.lastIndexOf('/');
  for (let at = 0; at < dots.length; at += 2) {
    if (dots[at + 1] === '/') continue;
    at++;
    if (end > 0) end = base.lastIndexOf('/', end - 1);
  }
  return base.slice(0, end + 1) + rest;
}

/** URL, 4.4, for what needs no state machine; undefined for the rest, and where that fails. */
export function parsePieces(text: string, base?: string): Pieces | undefined {
  if (base === undefined) return parsePlain(text) ?? parseSpecial(text, undefined);
  const { pieces, record } = openBase(base);
  if (pieces !== undefined) return parsePlainOn(text, pieces) ?? parseSpecial(text, pieces);
  return record && parseSpecial(text, undefined);
}

/** The same by the machine, which takes any text; undefined where that fails. */
export function parseRecord(text: string, base?: string): UrlRecord | undefined {
  if (base === undefined) return machine().basicURLParse(text) ?? undefined;
  const { pieces, record } = openBase(base);
  const baseURL = pieces === undefined ? record : toRecord(pieces);
  return baseURL && (machine().basicURLParse(text, { baseURL }) ?? undefined);
}

/** A base is one of these, or nothing where parsing it fails. */
interface Base {
  readonly text: string;
  readonly pieces?: Pieces | undefined;
  readonly record?: UrlRecord | undefined;
}

/** The base of last time: code that resolves many addresses does so on one. */
let lastBase: Base = { text: '' };

function openBase(text: string): Base {
  if (lastBase.text === text) return lastBase;
  const pieces = parsePieces(text);
  lastBase = { text, pieces, record: pieces === undefined ? parseRecord(text) : undefined };
  return lastBase;
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
