import { blobBytes } from './blob.ts';
import { wholeBody } from './body.ts';
import { parseDataUrl } from './data-url.ts';
import { getHeader, type HeaderList } from './header-list.ts';
import { parseMime, serializeMime } from './mime.ts';
import type { RequestState } from './request.ts';
import { createResponse, type Response } from './response.ts';

/**
 * Fetch, 4.3 "scheme fetch" for the addresses that need no network: data: and blob:. Undefined for http(s). Throws
 * TypeError, the network error, for all others and for what the scheme refuses.
 */
export function fetchLocally(state: RequestState): Response | undefined {
  const { url } = state;
  if (url.startsWith('http://') || url.startsWith('https://')) return undefined;
  if (url.startsWith('data:')) return fetchData(state);
  if (url.startsWith('blob:')) return fetchBlob(state);
  throw new TypeError(
    `Cannot fetch ${JSON.stringify(shorten(url))}; only http:, https:, data: and blob: addresses can be fetched`,
  );
}

function fetchData(state: RequestState): Response {
  const data = parseDataUrl(state.url);
  if (data === undefined)
    throw new TypeError(`Cannot fetch ${JSON.stringify(shorten(state.url))}: it is no data: URL`);
  return answer(state, 200, ['content-type', serializeMime(data.mime)], data.bytes);
}

function fetchBlob(state: RequestState): Response {
  const { blob } = state;
  if (blob === undefined)
    throw new TypeError(`Cannot fetch ${JSON.stringify(state.url)}: it stands for no blob, or was revoked`);
  if (state.method !== 'GET')
    throw new TypeError(`Cannot fetch ${JSON.stringify(state.url)} with ${state.method}; use GET`);
  const range = getHeader(state.list, 'range');
  const bytes = blobBytes(blob);
  const type = parseMime(blob.type) === undefined ? '' : blob.type;
  if (range !== null) return fetchPart(state, { bytes, type }, range);
  return answer(state, 200, ['content-length', `${bytes.length}`, 'content-type', type], bytes);
}

interface Content {
  readonly bytes: Uint8Array;
  readonly type: string;
}

/** Fetch, 4.3 "scheme fetch", blob: with a range. */
function fetchPart(state: RequestState, blob: Content, range: string): Response {
  const { bytes, type } = blob;
  const size = bytes.length;
  const [start, last] = parseRange(range, size);
  if (!(start <= last))
    throw new TypeError(
      `Cannot fetch a part of the blob: ${JSON.stringify(range)} is not in its ${size} bytes`,
    );
  const part = bytes.slice(start, last + 1);
  const headers = ['content-length', `${part.length}`, 'content-type', type];
  return answer(state, 206, [...headers, 'content-range', `bytes ${start}-${last}/${size}`], part);
}

/** Fetch, 2.2.2 "parse a single range header value", on `size` bytes; NaN, or last before start, where there is none. */
function parseRange(range: string, size: number): readonly [start: number, last: number] {
  const found = /^bytes[\t ]*=[\t ]*(\d*)[\t ]*-[\t ]*(\d*)$/.exec(range);
  const [, from = '', to = ''] = found ?? [];
  if (from === '') return [to === '' ? Number.NaN : Math.max(size - Number(to), 0), size - 1];
  return [Number(from), to === '' ? size - 1 : Math.min(Number(to), size - 1)];
}

function answer(state: RequestState, status: number, list: HeaderList, bytes: Uint8Array): Response {
  return createResponse({
    type: 'basic',
    status,
    statusText: status === 200 ? 'OK' : 'Partial Content',
    url: state.url,
    redirected: false,
    list,
    guard: 'immutable',
    headers: undefined,
    body: state.method === 'HEAD' ? null : wholeBody(bytes),
    fetchSignal: undefined,
    webSocket: undefined,
  });
}

function shorten(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}…` : url;
}
