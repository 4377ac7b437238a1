import type { Started } from './operations.ts';
import type { Invocation } from './invocation.ts';
import { current } from './invocation.ts';
import { NativeError, NativeTypeError, quote, quoteList } from './primordials.ts';
import { startOperation } from './operations.ts';
import {
  abortReason,
  createFetchResponse,
  encodeUtf8,
  isAborted,
  onAbort,
  takeRequest,
} from './web/index.ts';

interface FetchAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
}

/**
 * The global fetch (Fetch standard, fetch method), out through the host: operation "fetch" of binding "".
 * args {method, url, headers, redirect}; answer {status, statusText, headers, url, redirected} and a body.
 */
export async function fetch(input: unknown, init?: unknown): Promise<Response> {
  const invocation = current;
  if (invocation === undefined) {
    throw new NativeError('fetch is not available at the top level; call it while handling a request');
  }
  return await fetchThrough(invocation, '', input, init);
}

/** The same by operation "fetch" of any binding. */
export async function fetchThrough(
  invocation: Invocation,
  binding: string,
  input: unknown,
  init: unknown,
): Promise<Response> {
  const { method, url, headers, body, redirect, signal } = takeRequest(input, init);
  if (signal !== undefined && isAborted(signal)) throw abortReason(signal);
  const args = `{"method":${quote(method)},"url":${quote(url)},"headers":${quoteList(headers)},"redirect":${quote(redirect)}}`;
  const started = startOperation(invocation, {
    binding,
    method: 'fetch',
    args,
    bytes: body.kind === 'bytes' ? body.bytes : body.kind === 'text' ? encodeUtf8(body.text) : undefined,
    stream: body.kind === 'stream' ? body.stream : undefined,
  });
  return await respond(started, signal);
}

async function respond(started: Started, signal: AbortSignal | undefined): Promise<Response> {
  let breakOff = (reason: unknown): void => started.kill(reason);
  if (signal !== undefined) onAbort(signal, (reason) => breakOff(reason));
  const { value, bytes, body } = await started.answer;
  breakOff = (reason) => body?.breakOff(reason);
  const head = value as FetchAnswer | null;
  if (head === null || typeof head !== 'object') throw new NativeTypeError('fetch failed');
  return createFetchResponse({
    status: head.status,
    statusText: head.statusText,
    headers: head.headers,
    url: head.url,
    redirected: head.redirected,
    ...(bytes === undefined ? {} : { bytes }),
    ...(body === undefined ? {} : { stream: () => body.stream() }),
  });
}
