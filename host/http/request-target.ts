/** A Host header, checked: `host` is what a URL shows (port kept), `hostname` what routes are looked up by. */
export interface Authority {
  readonly host: string;
  readonly hostname: string;
}

/** Where a request wants to go. `path` begins with "/" and has no dot segments; `query` is "" or begins with "?". */
export interface RequestTarget {
  readonly authority: Authority;
  readonly path: string;
  readonly query: string;
}

const hostPattern = /^(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?$/i;
const absolutePattern = /^https?:\/\/([^/?]*)(.*)$/i;
/** A path a URL parser leaves as it is: no dot segments, nothing to encode. Others take the slow way. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const slowPattern = /[\u0000-\u0020"#<>\\^`{|}\u007f-\uffff]|\/\.|%2e/i;
// oxlint-disable-next-line no-control-regex -- as above
const refusedPattern = /[\u0000-\u0020#\u007f]/;

const cacheSize = 1024;
const authorities = new Map<string, Authority>();

/**
 * Checks a Host header (RFC 9112, 3.2), or undefined when it is not one a URL could hold.
 * Hosts repeat, so the checked ones are kept, 1024 at most.
 */
export function parseAuthority(value: string): Authority | undefined {
  const known = authorities.get(value);
  if (known !== undefined) return known;
  if (!hostPattern.test(value)) return undefined;
  const url = URL.parse(`http://${value}/`);
  if (url === null) return undefined;
  const authority = { host: url.host, hostname: url.hostname.replace(/\.$/, '') };
  if (authorities.size >= cacheSize) authorities.clear();
  authorities.set(value, authority);
  return authority;
}

/** True for a Host header that could be one; `parseAuthority` still may refuse it. */
export function isPlainHost(value: string): boolean {
  return hostPattern.test(value);
}

/**
 * Reads a request target (RFC 9112, 3.2) in origin-form or absolute-form; the latter's authority wins over `host`.
 * Dot segments are resolved as URL parsers do, so that routes see the path the guest sees; other percent-encoding
 * stays as it came. Undefined when the target or the host is not usable.
 */
export function parseTarget(target: string, host: string): RequestTarget | undefined {
  if (target.charCodeAt(0) === 0x2f) return originForm(target, parseAuthority(host));
  const absolute = absolutePattern.exec(target);
  if (absolute === null) return undefined;
  const rest = absolute[2]!;
  if (parseAuthority(host) === undefined) return undefined;
  return originForm(rest.startsWith('/') ? rest : `/${rest}`, parseAuthority(absolute[1]!));
}

function originForm(target: string, authority: Authority | undefined): RequestTarget | undefined {
  if (authority === undefined) return undefined;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark);
  if (!slowPattern.test(target)) return { authority, path, query };
  if (refusedPattern.test(target)) return undefined;
  const url = URL.parse(`http://localhost${encodeBytes(path)}`);
  if (url === null) return undefined;
  return { authority, path: url.pathname, query: encodeBytes(query) };
}

/** node:http hands bytes above 0x7f over as latin1; percent-encoded they reach the guest as the bytes they were. */
function encodeBytes(text: string): string {
  return text.replace(/[\u0080-\u00ff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
