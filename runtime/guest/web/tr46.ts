import { io } from './io.ts';

const beyondAscii = /[^\0-\x7f]/;

/** What the host answered lately: code asks for the same few names. All are non-ASCII or Punycode. */
const mostKnown = 64;
const longest = 255;
let known: Record<string, string> = { __proto__: null as never };
let count = 0;

function ask(domain: string): string {
  const before = known[domain];
  if (before !== undefined) return before;
  const ascii = io.idna(domain);
  if (domain.length > longest) return ascii;
  if (count >= mostKnown) {
    known = { __proto__: null as never };
    count = 0;
  }
  count++;
  known[domain] = ascii;
  return ascii;
}

/**
 * Stands in for the npm package `tr46` (540 KB of IDNA tables): whatwg-url calls it for every domain it parses, and
 * the tables stay outside the isolate. Bundlers alias `tr46` to this file, see bundle-options.ts.
 * URL, 3.3 "domain to ASCII" for beStrict false: plain ASCII without Punycode labels only changes its case.
 */
export function toASCII(domain: string): string | null {
  const lower = domain.toLowerCase();
  if (!beyondAscii.test(domain) && !lower.startsWith('xn--') && !lower.includes('.xn--')) return lower;
  const ascii = ask(domain);
  return ascii === '' ? null : ascii;
}
