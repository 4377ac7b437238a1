import { current, type Invocation } from './invocation.ts';
import { operate, type OperationAnswer } from './operations.ts';
import { NativeError, quote, quoteList } from './primordials.ts';
import {
  createFetchResponse,
  encodeUtf8,
  seeRequest,
  type SeenRequest,
  type SeenResponse,
  type TakenBody,
  toDictionary,
} from './web/index.ts';

/** undefined: `caches.default`; null: all caches. */
export type Which = string | undefined | null;

/** A stored response as the host tells of it (bindings/cache/cache.ts). */
interface Described {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly type: 'default' | 'error' | 'basic';
  readonly hasBody: boolean;
}

function invocationNow(): Invocation {
  if (current === undefined)
    throw new NativeError('caches are not available at the top level; use them while handling a request');
  return current;
}

/** Operation `cache.…` of the runtime; `args` are JSON texts by name. */
export function callCache(
  method: string,
  args: Readonly<Record<string, string | undefined>>,
  body: {
    readonly bytes?: Uint8Array | undefined;
    readonly stream?: ReadableStream<Uint8Array> | undefined;
  } = {},
): Promise<OperationAnswer> {
  let json = '';
  for (const name in args) {
    const value = args[name];
    if (value !== undefined) json += `${json === '' ? '' : ','}${quote(name)}:${value}`;
  }
  return operate(invocationNow(), { binding: '', method: `cache.${method}`, args: `{${json}}`, ...body });
}

export function cacheJson(which: Which): string | undefined {
  return which === undefined ? undefined : quote(which);
}

/** The arguments of a query; undefined when nothing can match it: caches hold answers to GET. */
export function queryArguments(
  which: Which,
  input: unknown,
  options: unknown,
): Record<string, string | undefined> | undefined {
  const { ignoreMethod, ignoreSearch, ignoreVary } = toDictionary(options, 'The options of a cache');
  if (input === undefined) return { cache: cacheJson(which), headers: '[]' };
  const request = seeRequest(input);
  if (request.method !== 'GET' && !ignoreMethod) return undefined;
  if (!isHttp(request.url)) return undefined;
  return {
    cache: cacheJson(which),
    url: quote(request.url),
    headers: quoteList(request.headers),
    ignoreSearch: quote(Boolean(ignoreSearch)),
    ignoreVary: quote(Boolean(ignoreVary)),
  };
}

export function isHttp(url: string): boolean {
  return url.startsWith('http://') || url.startsWith('https://');
}

/** The first response a query finds. */
export async function matchFirst(
  which: Which,
  input: unknown,
  options: unknown,
): Promise<Response | undefined> {
  const args = queryArguments(which, input, options);
  if (args === undefined) return undefined;
  return toResponse(await callCache('match', args));
}

/** All of them; their bodies are read one after the other. */
export async function matchEach(which: Which, input: unknown, options: unknown): Promise<Response[]> {
  const args = queryArguments(which, input, options);
  if (args === undefined) return [];
  const { value } = await callCache('all', args);
  const responses: Response[] = [];
  for (const item of value as readonly (Described & { key: string })[]) {
    const { bytes, body } = item.hasBody
      ? await callCache('read', { key: quote(item.key) })
      : { bytes: undefined, body: undefined };
    responses[responses.length] = toResponse({ value: item, bytes, body }) as Response;
  }
  return responses;
}

function toResponse({ value, bytes, body }: OperationAnswer): Response | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const head = value as Described;
  return createFetchResponse({
    status: head.status,
    statusText: head.statusText,
    headers: head.headers,
    url: head.url,
    redirected: false,
    type: head.type,
    signal: undefined,
    bytes,
    stream: body && (() => body.stream()),
    webSocket: undefined,
  });
}

/** Sends a checked response away; its body is used from now on. */
export async function store(
  which: Which,
  request: SeenRequest,
  response: SeenResponse,
  body: TakenBody,
): Promise<void> {
  const args = {
    cache: cacheJson(which),
    url: quote(request.url),
    requestHeaders: quoteList(request.headers),
    status: quote(response.status),
    statusText: quote(response.statusText),
    headers: quoteList(response.headers),
    responseUrl: quote(response.url),
    type: quote(response.type),
  };
  switch (body.kind) {
    case 'none':
      await callCache('put', args);
      return;
    case 'text':
      await callCache('put', args, { bytes: encodeUtf8(body.text) });
      return;
    case 'bytes':
      await callCache('put', args, { bytes: body.bytes });
      return;
    case 'stream':
      await callCache('put', args, { stream: body.stream });
  }
}
