import { createDomException } from './dom-exception.ts';
import { URL } from './url.ts';
import { toText } from './webidl.ts';

/** Where a WebSocket leads. */
export interface SocketAddress {
  /** ws: or wss:, serialised, as the guest sees it. */
  readonly href: string;
  /** http: or https:, without credentials. */
  readonly http: string;
  /** Of the address; "" where there are none. */
  readonly username: string;
  readonly password: string;
}

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** WebSockets, 3.1, the constructor's steps 1 to 8. Throws SyntaxError for what is no address of a WebSocket. */
export function toSocketAddress(text: string): SocketAddress {
  const url = parse(text);
  if (url === undefined)
    throw syntax(`Cannot parse URL ${JSON.stringify(text)}; use one such as wss://example.com/`);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw syntax(`Cannot open a WebSocket to a ${JSON.stringify(url.protocol)} address; use ws: or wss:`);
  const { href, username, password } = url;
  if (href.includes('#')) throw syntax('Cannot open a WebSocket to an address with a fragment; leave it out');
  url.protocol = url.protocol === 'ws:' ? 'http:' : 'https:';
  url.username = '';
  url.password = '';
  return { href, http: url.href, username, password };
}

/** The second argument of the constructor: a name, or a list of them. Throws SyntaxError for what no header can carry. */
export function toProtocols(value: unknown): readonly string[] {
  const names: string[] = [];
  if (value === undefined) return names;
  if (typeof value === 'object' && value !== null && Symbol.iterator in value)
    for (const name of value as Iterable<unknown>) names.push(toText(name));
  else names.push(toText(value));
  const seen = new Set<string>();
  for (const name of names) {
    if (!tokenPattern.test(name)) throw syntax(`The protocol ${JSON.stringify(name)} is not a token`);
    const folded = name.toLowerCase();
    if (seen.has(folded)) throw syntax(`The protocol ${JSON.stringify(name)} is there twice`);
    seen.add(folded);
  }
  return names;
}

function parse(text: string): URL | undefined {
  // A guest that gives itself a location, as browser code expects one, has relative addresses.
  const base = (globalThis as { location?: { href?: unknown } }).location?.href;
  try {
    return typeof base === 'string' ? new URL(text, base) : new URL(text);
  } catch {
    return undefined;
  }
}

function syntax(message: string): Error {
  return createDomException(message, 'SyntaxError');
}
