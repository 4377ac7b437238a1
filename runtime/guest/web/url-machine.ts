import * as library from 'whatwg-url/lib/url-state-machine.js';
import { parseUrlencodedString } from 'whatwg-url/lib/urlencoded.js';

/** The URL standard's state machine; runs with the first URL that special-url.ts does not cut. */
export function machine(): typeof library {
  return library;
}

/** URL, 5.1: the name of the first pair, where escapes or UTF-8 are malformed. */
export function parseMalformed(text: string): string {
  return parseUrlencodedString(`${text}=`)[0]?.[0] ?? '';
}
