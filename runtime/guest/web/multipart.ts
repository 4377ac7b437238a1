import { createFile, blobBytes } from './blob.ts';
import { decodeUtf8, decodeUtf8Body, encodeUtf8 } from './encoding.ts';
import { decodeLatin1 } from './latin1.ts';
import type { FormEntry } from './form-data.ts';
import { io } from './io.ts';

/**
 * HTML, 4.10.21.8 "multipart/form-data encoding algorithm".
 * @returns the body and its content type with the boundary
 */
export function encodeMultipart(entries: readonly FormEntry[]): { bytes: Uint8Array; type: string } {
  const boundary = `----islet-form-${createBoundary()}`;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const add = (chunk: Uint8Array): void => {
    chunks.push(chunk);
    size += chunk.byteLength;
  };
  for (const [name, value] of entries) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(toCrlf(name))}"`;
    if (typeof value === 'string') {
      add(encodeUtf8(`${head}\r\n\r\n${toCrlf(value)}\r\n`));
      continue;
    }
    const type = value.type || 'application/octet-stream';
    add(encodeUtf8(`${head}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
    add(blobBytes(value));
    add(encodeUtf8('\r\n'));
  }
  add(encodeUtf8(`--${boundary}--\r\n`));
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { bytes, type: `multipart/form-data; boundary=${boundary}` };
}

function createBoundary(): string {
  const bytes = new Uint8Array(16);
  io.random(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function toCrlf(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n');
}

function escapeName(name: string): string {
  return name.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22');
}

/**
 * Fetch, 6.1 "multipart/form-data parser" (RFC 7578). Throws TypeError for a body that is not well-formed.
 * @param boundary as the content type has it, without the leading dashes
 */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormEntry[] {
  if (boundary === '') throw new TypeError('Cannot parse the form: its content type has no boundary');
  const text = decodeLatin1(bytes);
  const delimiter = `--${boundary}`;
  const entries: FormEntry[] = [];
  let at = text.startsWith(delimiter) ? delimiter.length : skipPreamble(text, delimiter);
  while (!text.startsWith('--', at)) {
    if (!text.startsWith('\r\n', at)) throw malformed('a boundary is not followed by a line break');
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0) throw malformed('the headers of a part do not end');
    const bodyEnd = text.indexOf(`\r\n${delimiter}`, headEnd + 2);
    if (bodyEnd < 0) throw malformed('a part does not end with the boundary');
    // An empty body shares its line break with the end of the headers.
    const body = bytes.subarray(Math.min(headEnd + 4, bodyEnd), bodyEnd);
    entries.push(toEntry(parseHead(bytes.subarray(at + 2, headEnd)), body));
    at = bodyEnd + 2 + delimiter.length;
  }
  return entries;
}

function skipPreamble(text: string, delimiter: string): number {
  const first = text.indexOf(`\r\n${delimiter}`);
  if (first < 0) throw malformed('the boundary does not occur');
  return first + 2 + delimiter.length;
}

interface PartHead {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string | undefined;
}

function parseHead(bytes: Uint8Array): PartHead {
  let name: string | undefined;
  let filename: string | undefined;
  let type: string | undefined;
  for (const line of decodeUtf8(bytes).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) throw malformed('a header of a part has no colon');
    const key = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (key === 'content-type') type = value;
    if (key !== 'content-disposition') continue;
    if (!/^form-data\s*(?:;|$)/i.test(value)) throw malformed('a part is not form-data');
    name = parameter(value, 'name');
    filename = parameter(value, 'filename');
  }
  if (name === undefined) throw malformed('a part has no name');
  return { name, filename, type };
}

/** Quotes, line breaks come percent-encoded, as browsers send them; backslash escapes of quotes are understood too. */
function parameter(value: string, key: string): string | undefined {
  const found = new RegExp(`;\\s*${key}=(?:"((?:[^"\\\\]|\\\\.|\\\\)*)"|([^\\s;]+))`, 'i').exec(value);
  if (!found) return undefined;
  const raw = found[1] === undefined ? (found[2] as string) : found[1].replace(/\\(["\\])/g, '$1');
  return raw.replace(/%0A/gi, '\n').replace(/%0D/gi, '\r').replace(/%22/g, '"');
}

function toEntry(head: PartHead, body: Uint8Array): FormEntry {
  if (head.filename === undefined) return [head.name, decodeUtf8Body(body)];
  return [head.name, createFile(body.slice(), head.filename, head.type ?? 'text/plain')];
}

function malformed(why: string): TypeError {
  return new TypeError(`Cannot parse the multipart form: ${why}`);
}
