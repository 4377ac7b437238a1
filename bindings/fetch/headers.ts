/** Headers as they cross the channel: name, value, name, value. */
export type FlatHeaders = readonly string[];

/** RFC 9110, 5.6.2 (token). */
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110, 5.5 (field value, as bytes 0 to 255). */
export const valuePattern: RegExp = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * What a guest may not set: headers of the connection (RFC 9110, 7.6.1), and those that follow from the address and
 * the body. They are dropped, as fetch does with forbidden names.
 */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What belongs to the connection an answer came over (RFC 9110, 7.6.1), not to the answer. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** An answer's headers without those of its connection. */
export function withoutHopByHop(headers: FlatHeaders): FlatHeaders {
  const named = connectionNames(headers);
  return withoutHeaders(headers, (name) => hopByHop.has(name) || named.has(name));
}

/** Unknown to headers with lower-case names, forbidden ones dropped. Throws TypeError for what is no header list. */
export function parseHeaders(value: unknown): FlatHeaders {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length % 2 !== 0) {
    throw new TypeError('fetch headers are not a flat list; send name, value, name, value');
  }
  const headers: string[] = [];
  for (let index = 0; index < value.length; index += 2) {
    headers.push(...parseHeader(value[index], value[index + 1]));
  }
  const named = connectionNames(value);
  return withoutHeaders(headers, (name) => forbidden.has(name) || named.has(name));
}

/** The value of the first header of this (lower-case) name. */
export function headerOf(headers: FlatHeaders, name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) return headers[index + 1];
  }
  return undefined;
}

/** A copy without the headers whose lower-case name is `unwanted`. */
export function withoutHeaders(headers: FlatHeaders, unwanted: (name: string) => boolean): FlatHeaders {
  return headers.filter((_, index) => !unwanted(headers[index - (index % 2)] ?? ''));
}

function parseHeader(name: unknown, value: unknown): readonly [string, string] {
  if (typeof name !== 'string' || !tokenPattern.test(name)) {
    throw new TypeError(
      `fetch header name ${JSON.stringify(name)} is not a token; use letters, digits and "-"`,
    );
  }
  if (typeof value !== 'string' || !valuePattern.test(value)) {
    throw new TypeError(
      `fetch header ${JSON.stringify(name)} has a value no header can carry; use one line of Latin-1`,
    );
  }
  return [name.toLowerCase(), value];
}

/** Names that a guest's `connection` header makes hop-by-hop. */
function connectionNames(headers: readonly unknown[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let index = 0; index < headers.length; index += 2) {
    if (String(headers[index]).toLowerCase() !== 'connection') continue;
    for (const name of String(headers[index + 1]).split(',')) names.add(name.trim().toLowerCase());
  }
  return names;
}
