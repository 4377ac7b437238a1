import { getHeader } from './header-list.ts';

/** A MIME type record (MIME Sniffing, 3). Type, subtype and parameter names are in lower case. */
export interface MimeType {
  readonly essence: string;
  readonly parameters: Map<string, string>;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const quotedToken = /^[\t\x20-\x7e\x80-\xff]*$/;
const edges = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const trailing = /[\t\n\r ]+$/;

/** MIME Sniffing, 4.4 "parse a MIME type"; undefined where that fails. */
export function parseMime(input: string): MimeType | undefined {
  const text = input.replace(edges, '');
  const slash = text.indexOf('/');
  const type = text.slice(0, Math.max(slash, 0));
  const semicolon = text.indexOf(';', slash);
  const subtype = text.slice(slash + 1, semicolon < 0 ? undefined : semicolon).replace(trailing, '');
  if (!token.test(type) || !token.test(subtype)) return undefined;
  const parameters = new Map<string, string>();
  if (semicolon >= 0) parseParameters(text, semicolon, parameters);
  return { essence: `${type}/${subtype}`.toLowerCase(), parameters };
}

/** Step 11: parameters from the semicolon at `start`; the first of a name counts. */
function parseParameters(text: string, start: number, parameters: Map<string, string>): void {
  for (let at = start; at < text.length;) {
    at++;
    while (isSpace(text.charCodeAt(at))) at++;
    const nameStart = at;
    while (at < text.length && text[at] !== ';' && text[at] !== '=') at++;
    const name = text.slice(nameStart, at).toLowerCase();
    if (text[at] !== '=') continue;
    at++;
    if (at >= text.length) return;
    let value: string;
    if (text[at] === '"') {
      [value, at] = readQuoted(text, at);
      at = endOf(text, at);
    } else {
      const end = endOf(text, at);
      value = text.slice(at, end).replace(trailing, '');
      at = end;
      if (value === '') continue;
    }
    if (token.test(name) && quotedToken.test(value) && !parameters.has(name)) parameters.set(name, value);
  }
}

function endOf(text: string, from: number): number {
  const at = text.indexOf(';', from);
  return at < 0 ? text.length : at;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** Fetch, 2.2 "collect an HTTP quoted string", its value extracted; and where the text goes on behind it. */
function readQuoted(text: string, quote: number): [value: string, end: number] {
  let value = '';
  let at = quote + 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++;
    value += text[at] as string;
  }
  return [value, at + 1];
}

/** MIME Sniffing, 4.5 "serialize a MIME type". */
export function serializeMime({ essence, parameters }: MimeType): string {
  let text = essence;
  for (const [name, value] of parameters)
    text += token.test(value) ? `;${name}=${value}` : `;${name}="${value.replace(/["\\]/g, '\\$&')}"`;
  return text;
}

/** Fetch, 2.2.2 "extract a MIME type" from a header list; undefined where that fails. */
export function extractMime(list: readonly string[]): MimeType | undefined {
  const header = getHeader(list, 'content-type');
  if (header === null) return undefined;
  let found: MimeType | undefined;
  let charset: string | undefined;
  for (const value of splitList(header)) {
    const mime = parseMime(value);
    if (mime === undefined || mime.essence === '*/*') continue;
    const given = mime.parameters.get('charset');
    if (mime.essence !== found?.essence) charset = given;
    else if (given === undefined && charset !== undefined) mime.parameters.set('charset', charset);
    else if (given !== undefined) charset = given;
    found = mime;
  }
  return found;
}

/** Fetch, 2.2.2 "get, decode, and split": at commas outside of quotes. */
function splitList(header: string): string[] {
  if (!header.includes(',')) return [header];
  const values: string[] = [];
  let start = 0;
  for (let at = 0; at < header.length; at++) {
    if (header[at] === '"') at = readQuoted(header, at)[1] - 1;
    else if (header[at] === ',') {
      values.push(header.slice(start, at));
      start = at + 1;
    }
  }
  values.push(header.slice(start));
  return values;
}
