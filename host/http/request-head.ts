import { isHopByHop, listedNames, withoutNames } from './hop-by-hop.ts';

/** What the gateway reads off a request's headers in one walk. */
export interface RequestHead {
  /** Flat, lower-case names, in the order sent; without hop-by-hop, forwarding and `x-islet-*` headers. */
  readonly headers: readonly string[];
  /** Undefined unless there is exactly one Host header. */
  readonly host: string | undefined;
  /** Bytes of a sized body; -1 without content-length. */
  readonly contentLength: number;
  readonly chunked: boolean;
  /** What a trusted proxy said; empty strings without `trustProxy`. */
  readonly forwarded: Forwarded;
}

export interface Forwarded {
  readonly for: string;
  readonly proto: string;
  readonly prefix: string;
}

/** More fields than this are refused with 431: node:http itself would drop them in silence from 2000 on. */
export const headerFields: number = 256;

const notForwarded: Forwarded = { for: '', proto: '', prefix: '' };

/**
 * Walks `rawHeaders` once. Names whose first letter is not one of those below cost one comparison.
 * With `trustProxy` the `forwarded`, `x-forwarded-*` and `x-real-ip` headers of the peer are kept; without, they are
 * dropped, since any client can write them.
 */
export function readHead(raw: readonly string[], trustProxy: boolean): RequestHead {
  const headers: string[] = [];
  let host: string | undefined;
  let hosts = 0;
  let contentLength = -1;
  let chunked = false;
  let forwarded = notForwarded;
  let listed: string[] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    if (!isReserved(name)) {
      headers.push(name, value);
      continue;
    }
    if (name === 'host') {
      host = value;
      hosts += 1;
    } else if (name === 'content-length') {
      contentLength = Number(value);
      headers.push(name, value);
    } else if (name === 'transfer-encoding') chunked = true;
    else if (name === 'connection') listed = (listed ?? []).concat(listedNames(value));
    else if (trustProxy && isForwarding(name)) {
      forwarded = readForwarded(forwarded, name, value);
      if (!ownForwarding.has(name)) headers.push(name, value);
    }
  }
  return {
    headers: listed === undefined ? headers : withoutNames(headers, listed),
    host: hosts === 1 ? host : undefined,
    contentLength,
    chunked,
    forwarded,
  };
}

/** Those the gateway writes itself. */
const ownForwarding: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-prefix',
]);

/** Headers that are not simply passed on: first letters c e f h k p t u x, then the name. */
function isReserved(name: string): boolean {
  switch (name.charCodeAt(0)) {
    case 0x63: // c
      return name === 'connection' || name === 'content-length';
    case 0x65: // e
      return name === 'expect';
    case 0x66: // f
      return name === 'forwarded';
    case 0x68: // h
      return name === 'host' || name === 'http2-settings';
    case 0x6b: // k
    case 0x70: // p
    case 0x74: // t
    case 0x75: // u
      return isHopByHop(name);
    case 0x78: // x
      return isForwarding(name) || name.startsWith('x-islet-');
    default:
      return false;
  }
}

function isForwarding(name: string): boolean {
  return name.startsWith('x-forwarded-') || name === 'x-real-ip' || name === 'forwarded';
}

function readForwarded(before: Forwarded, name: string, value: string): Forwarded {
  switch (name) {
    case 'x-forwarded-for':
      return { ...before, for: before.for === '' ? value : `${before.for}, ${value}` };
    case 'x-forwarded-proto':
      return { ...before, proto: value.trim().toLowerCase() };
    case 'x-forwarded-prefix':
      return /^(?:\/[\w.~@%-]+)+$/.test(value) ? { ...before, prefix: value } : before;
    default:
      return before;
  }
}
