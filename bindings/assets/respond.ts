import type { AssetAnswer, AssetRequest } from './assets.ts';
import { judge } from './conditions.ts';
import { contentType } from './content-type.ts';
import type { AssetBlob, AssetFile } from './list.ts';
import type { Index } from './lookup.ts';
import { chooseCoding } from './negotiate.ts';
import type { Coding } from './negotiate.ts';
import type { Parts } from './parts.ts';
import { fitting } from './pattern.ts';
import { parseRange } from '../range.ts';

/** Answers up to this long are sent whole. */
const wholeBytes = 256 * 1024;
const defaultCache = 'public, max-age=0, must-revalidate';

/** What the files answer to a GET or HEAD; undefined when they have nothing to say. */
export function respond(index: Index, request: AssetRequest, parts: Parts): Promise<AssetAnswer> | undefined {
  const { path, search } = splitUrl(request.url);
  const found = index.find(path);
  if (found.kind === 'file') return send(index, found.file, { request, parts, status: 200 });
  if (found.kind === 'moved') {
    const location = prefixOf(request) + found.path + search;
    return Promise.resolve({ status: 308, headers: ['location', location, 'cache-control', defaultCache] });
  }
  if (!isNavigation(request)) return undefined;
  return page(index, request, parts);
}

/** The page for what is no file: the application's own, or the one that says so. */
export function page(index: Index, request: AssetRequest, parts: Parts): Promise<AssetAnswer> | undefined {
  const { fallback, notFound } = index.list;
  const application = index.file(fallback);
  if (application !== undefined) return send(index, application, { request, parts, status: 200 });
  const apology = index.file(notFound);
  return apology === undefined ? undefined : send(index, apology, { request, parts, status: 404 });
}

interface Sending {
  readonly request: AssetRequest;
  readonly parts: Parts;
  readonly status: 200 | 404;
}

async function send(
  index: Index,
  file: AssetFile,
  { request, parts, status }: Sending,
): Promise<AssetAnswer> {
  const range = status === 200 && request.method === 'GET' ? headerOf(request, 'range') : undefined;
  const coding = range === undefined ? chooseCoding(headersOf(request, 'accept-encoding'), file) : 'identity';
  const blob = blobOf(file, coding);
  const etag = `"${blob.hash.slice(0, 32)}"`;
  const common = commonHeaders(index, file, etag);
  if (status === 200) {
    const verdict = judge(etag, headersOf(request, 'if-match'), headersOf(request, 'if-none-match'));
    if (verdict === 'not-modified') return { status: 304, headers: common };
    if (verdict === 'failed')
      return { status: 412, headers: ['cache-control', 'no-store', 'content-length', '0'] };
  }
  const type = ['content-type', contentType(file.path)];
  const ifRange = headerOf(request, 'if-range');
  const wanted = parseRange(ifRange === undefined || ifRange.trim() === etag ? range : undefined, blob.bytes);
  if (wanted.kind === 'unsatisfiable') {
    return { status: 416, headers: ['content-range', `bytes */${blob.bytes}`, 'content-length', '0'] };
  }
  const { start, end } = wanted.kind === 'part' ? wanted : { start: 0, end: blob.bytes };
  const headers = [
    ...type,
    ...common,
    ...(coding === 'identity' ? [] : ['content-encoding', coding]),
    ...(wanted.kind === 'part' ? ['content-range', `bytes ${start}-${end - 1}/${blob.bytes}`] : []),
    'accept-ranges',
    'bytes',
    'content-length',
    String(end - start),
  ];
  const answer = { status: wanted.kind === 'part' ? 206 : status, headers: settled(headers) };
  if (request.method === 'HEAD') return answer;
  const body = parts.stream(index.owner, blob, { start, end });
  return { ...answer, body: end - start > wholeBytes ? body : await gather(body) };
}

function blobOf(file: AssetFile, coding: Coding): AssetBlob {
  if (coding === 'br') return file.brotli ?? file;
  return coding === 'gzip' ? (file.gzip ?? file) : file;
}

/** Those of 200, 206 and 304 alike. */
function commonHeaders({ list }: Index, file: AssetFile, etag: string): string[] {
  const cache = fitting(list.cache, file.path).at(-1) ?? defaultCache;
  const headers = ['etag', etag, 'cache-control', cache, 'x-content-type-options', 'nosniff'];
  if (file.brotli !== undefined || file.gzip !== undefined) headers.push('vary', 'accept-encoding');
  for (const own of fitting(list.headers, file.path)) headers.push(...Object.entries(own).flat());
  return settled(headers);
}

/** Each name once, its last value. */
function settled(headers: readonly string[]): string[] {
  const last = new Map<string, string>();
  for (let i = 0; i + 1 < headers.length; i += 2) last.set(headers[i] ?? '', headers[i + 1] ?? '');
  return [...last].flat();
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

/** True for a browser on its way to a page: programs that fetch are the function's. */
function isNavigation(request: AssetRequest): boolean {
  const mode = headerOf(request, 'sec-fetch-mode');
  if (mode !== undefined && mode !== 'navigate') return false;
  return headerOf(request, 'accept')?.toLowerCase().includes('text/html') === true;
}

function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const rest = start === -1 ? '/' : url.slice(start).replace(/#.*$/s, '');
  const question = rest.indexOf('?');
  return question === -1
    ? { path: rest, search: '' }
    : { path: rest.slice(0, question), search: rest.slice(question) };
}

function headerOf({ headers }: AssetRequest, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/** What was stripped from the path; nothing that would lead to another host. */
function prefixOf(request: AssetRequest): string {
  const prefix = headerOf(request, 'x-forwarded-prefix') ?? '';
  return /^(?:\/[\w.~@%!$&'()*+,;=:-]+)+$/.test(prefix) ? prefix : '';
}

/** All lines of a list header in one. */
function headersOf({ headers }: AssetRequest, name: string): string | undefined {
  const values = headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name);
  return values.length === 0 ? undefined : values.join(', ');
}
