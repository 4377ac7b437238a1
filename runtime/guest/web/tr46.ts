import { io } from './io.ts';
import { encodePunycode } from './punycode.ts';

const beyondAscii = /[^\0-\x7f]/;

/**
 * Names of characters that IDNA keeps as they are, or of which it takes the lower case, and that combine with none of
 * them and go in one direction: letters of Latin, Greek, Cyrillic, Armenian and Georgian scripts, kana, Bopomofo, Han, Hangul.
 * Left to the cell: what is mapped otherwise (ligatures, full width, final sigma's capital, U+3002), marks, right to left.
 */
const common = new RegExp(
  '^[\\w.\\-' +
    '\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u012f\\u0131\\u0134-\\u013e\\u0141-\\u0148\\u014a-\\u017e' +
    '\\u0180-\\u01c3\\u01cd-\\u01f0\\u01f4-\\u02af' +
    '\\u0386\\u0388-\\u038a\\u038c\\u038e-\\u03a1\\u03a4-\\u03ce\\u0400-\\u0481\\u048a-\\u04bf\\u04c1-\\u052f' +
    '\\u0560-\\u0586\\u0588\\u10d0-\\u10fa\\u1e00-\\u1e99\\u1e9c\\u1e9d\\u1e9f-\\u1eff' +
    '\\u3005-\\u3007\\u3041-\\u3096\\u309d\\u309e\\u30a1-\\u30fa\\u30fc-\\u30fe\\u3105-\\u312f' +
    '\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7a3]+$',
);
const punycode = /(?:^|\.)xn--/;

/** Longer names are the cell's: Punycode takes time that grows with the square of a label. */
const longest = 255;
/** What the host answered lately: code asks for the same few names. All are non-ASCII or Punycode. */
const mostKnown = 64;
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

/** The labels of a lower-case name of `common` one after the other. */
function encodeLabels(domain: string): string {
  let ascii = '';
  for (let from = 0; ;) {
    const dot = domain.indexOf('.', from);
    const label = domain.slice(from, dot < 0 ? domain.length : dot);
    ascii += beyondAscii.test(label) ? `xn--${encodePunycode(label)}` : label;
    if (dot < 0) return ascii;
    ascii += '.';
    from = dot + 1;
  }
}

/**
 * Stands in for the npm package `tr46` (540 KB of IDNA tables): whatwg-url calls it for every domain it parses, and
 * the tables stay outside the isolate. Bundlers alias `tr46` to this file, see bundle-options.ts.
 * URL, 3.3 "domain to ASCII" for beStrict false: plain ASCII without Punycode labels only changes its case.
 */
export function toASCII(domain: string): string | null {
  const lower = domain.toLowerCase();
  const isEncoded = punycode.test(lower);
  if (!isEncoded) {
    if (!beyondAscii.test(domain)) return lower;
    if (domain.length <= longest && common.test(domain)) return encodeLabels(lower);
  }
  const ascii = ask(domain);
  return ascii === '' ? null : ascii;
}
