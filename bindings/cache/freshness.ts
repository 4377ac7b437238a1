import { headerOf, type Headers } from './head.ts';
import { longestMs } from './limits.ts';

/**
 * Until when a response may be given (RFC 9111, 4.2.1), milliseconds since the epoch; undefined when it may not be
 * stored at all: no-store, private and no-cache, since many callers share the cache and nobody revalidates.
 */
export function expiryOf(headers: Headers, nowMs: number): number | undefined {
  const directives = parseDirectives(headerOf(headers, 'cache-control') ?? '');
  if (directives.has('no-store') || directives.has('private') || directives.has('no-cache')) return undefined;
  const seconds = toSeconds(directives.get('s-maxage') ?? directives.get('max-age'));
  if (seconds !== undefined) {
    const age = toSeconds(headerOf(headers, 'age')) ?? 0;
    return seconds > age ? nowMs + Math.min((seconds - age) * 1000, longestMs) : undefined;
  }
  const expires = headerOf(headers, 'expires');
  if (expires === undefined) return nowMs + longestMs;
  // What is no date is in the past (RFC 9111, 5.3).
  const at = Date.parse(expires);
  return at > nowMs ? Math.min(at, nowMs + longestMs) : undefined;
}

function parseDirectives(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', quoted, plain] of text.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;]*)))?/g)) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted ?? plain ?? '');
  }
  return found;
}

function toSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
