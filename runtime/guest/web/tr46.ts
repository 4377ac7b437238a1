import { io } from './io.ts';

const beyondAscii = /[^\0-\x7f]/;

/**
 * Stands in for the npm package `tr46` (540 KB of IDNA tables): whatwg-url calls it for every domain it parses, and
 * the tables stay outside the isolate. Bundlers alias `tr46` to this file, see bundle-options.ts.
 * URL, 3.3 "domain to ASCII" for beStrict false: plain ASCII without Punycode labels only changes its case.
 */
export function toASCII(domain: string): string | null {
  const lower = domain.toLowerCase();
  if (!beyondAscii.test(domain) && !lower.startsWith('xn--') && !lower.includes('.xn--')) return lower;
  const ascii = io.idna(domain);
  return ascii === '' ? null : ascii;
}
