import { decodeBase64 } from './base64.ts';
import { encodeUtf8 } from './encoding.ts';
import { decodeLatin1 } from './latin1.ts';
import { type MimeType, parseMime } from './mime.ts';

const base64Suffix = /; *base64$/i;
const spaces = /^[\t\n\f\r ]+|[\t\n\f\r ]+$/g;

/**
 * Fetch, 6.1 "data: URL processor".
 * @param url serialised, with its fragment, which does not count
 * @returns undefined for what is no data: URL, or one whose base64 is none
 */
export function parseDataUrl(
  url: string,
): { readonly mime: MimeType; readonly bytes: Uint8Array } | undefined {
  const hash = url.indexOf('#');
  const input = hash < 0 ? url : url.slice(0, hash);
  const comma = input.indexOf(',');
  if (!input.startsWith('data:') || comma < 0) return undefined;
  let type = input.slice(5, comma).replace(spaces, '');
  let bytes = percentDecode(encodeUtf8(input.slice(comma + 1)));
  if (base64Suffix.test(type)) {
    const decoded = decodeBase64(decodeLatin1(bytes));
    if (decoded === undefined) return undefined;
    bytes = decoded;
    type = type.replace(base64Suffix, '');
  }
  if (type.startsWith(';')) type = `text/plain${type}`;
  const mime = parseMime(type);
  const fallback = { essence: 'text/plain', parameters: new Map([['charset', 'US-ASCII']]) };
  return { mime: mime ?? fallback, bytes };
}

/** URL, 1.3 "percent-decode". */
function percentDecode(bytes: Uint8Array): Uint8Array {
  const first = bytes.indexOf(0x25);
  if (first < 0) return bytes;
  let length = first;
  for (let at = first; at < bytes.length; at++, length++) {
    const byte = bytes[at] as number;
    const high = byte === 0x25 ? hexValue(bytes[at + 1]) : -1;
    const low = high < 0 ? -1 : hexValue(bytes[at + 2]);
    bytes[length] = low < 0 ? byte : high * 16 + low;
    if (low >= 0) at += 2;
  }
  return bytes.slice(0, length);
}

function hexValue(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
