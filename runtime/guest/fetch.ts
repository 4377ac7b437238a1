import { matchesIntegrity } from './integrity.ts';
import type { Invocation } from './invocation.ts';
import { current } from './invocation.ts';
import type { OperationAnswer, Started } from './operations.ts';
import { startOperation } from './operations.ts';
import {
  NativeError,
  NativePromise,
  NativeTypeError,
  defineProperty,
  getOwnPropertyDescriptor,
  quote,
  quoteList,
  viewLength,
} from './primordials.ts';
import { fetchSocket, isUpgrade } from './socket-connect.ts';
import { createFetchResponse, encodeUtf8, onAbort, takeRequest } from './web/index.ts';

interface FetchAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
}

type Taken = ReturnType<typeof takeRequest>;

/** A promise that is rejected at once: what is wrong with the arguments is known before any microtask. */
function rejected(reason: unknown): Promise<never> {
  return new NativePromise<never>((_resolve, reject) => {
    reject(reason);
  });
}

/**
 * The global fetch (Fetch standard, 5.6), out through the host: operation "fetch" of binding "".
 * args {method, url, headers, redirect, length?}; answer {status, statusText, headers, url, redirected} and a body.
 */
export function fetch(input: unknown, init: unknown = undefined): Promise<Response> {
  if (arguments.length === 0) return rejected(new NativeTypeError('fetch needs an address or a Request'));
  return fetchThrough(current, '', input, init);
}

/** The same by operation "fetch" of any binding. */
export function fetchThrough(
  invocation: Invocation | undefined,
  binding: string,
  input: unknown,
  init: unknown,
): Promise<Response> {
  try {
    const request = takeRequest(input, init);
    const { local } = request;
    if (local !== undefined && request.integrity === '')
      return new NativePromise<Response>((resolve) => {
        resolve(local);
      });
    if (invocation === undefined)
      throw new NativeError('fetch is not available at the top level; call it while handling a request');
    if (local !== undefined) return checkLocal(invocation, local, request.integrity);
    if (binding === '' && isUpgrade(request.headers)) return fetchSocket(invocation, request);
    return respond({ invocation, binding, started: start(invocation, binding, request) }, request);
  } catch (thrown) {
    return rejected(thrown);
  }
}

function start(invocation: Invocation, binding: string, request: Taken): Started {
  const { method, url, headers, body, redirect } = request;
  const bytes = body.kind === 'bytes' ? body.bytes : body.kind === 'text' ? encodeUtf8(body.text) : undefined;
  // Also of a body that is known whole and leaves in pieces.
  const length = bytes === undefined ? '' : `,"length":${viewLength(bytes)}`;
  const args = `{"method":${quote(method)},"url":${quote(url)},"headers":${quoteList(headers)},"redirect":${quote(redirect)}${length}}`;
  return startOperation(invocation, {
    binding,
    method: 'fetch',
    args,
    bytes,
    stream: body.kind === 'stream' ? body.stream : undefined,
  });
}

interface Sent {
  readonly invocation: Invocation;
  readonly binding: string;
  readonly started: Started;
}

/** What the host says of the network is a network error: a TypeError, with the host's code (Fetch, 5.6). */
async function answerOf({ answer }: Started, binding: string): Promise<OperationAnswer> {
  if (binding !== '') return await answer;
  try {
    const answered = await answer;
    if (answered.body !== undefined) answered.body.Failure = NativeTypeError;
    return answered;
  } catch (thrown) {
    throw toNetworkError(thrown);
  }
}

function toNetworkError(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return thrown;
  const code: unknown = getOwnPropertyDescriptor(thrown, 'code')?.value;
  const message: unknown = getOwnPropertyDescriptor(thrown, 'message')?.value;
  if (typeof code !== 'string' || typeof message !== 'string') return thrown;
  const error = new NativeTypeError(message);
  const property = { __proto__: null, value: code, writable: true, configurable: true };
  defineProperty(error, 'code', property as never);
  return error;
}

async function respond(
  { invocation, binding, started }: Sent,
  { signal, integrity }: Taken,
): Promise<Response> {
  let breakOff = (reason: unknown): void => started.kill(reason);
  if (signal !== undefined) onAbort(signal, (reason) => breakOff(reason));
  const answer = await answerOf(started, binding);
  breakOff = (reason) => answer.body?.breakOff(reason);
  const head = answer.value as FetchAnswer | null;
  if (head === null || typeof head !== 'object') throw new NativeTypeError('fetch failed');
  const { bytes, body } = integrity === '' ? answer : await verified(invocation, answer, integrity);
  return createFetchResponse({
    status: head.status,
    statusText: head.statusText,
    headers: head.headers,
    url: head.url,
    redirected: head.redirected,
    type: 'basic',
    signal,
    bytes,
    stream: body && (() => body.stream()),
    webSocket: undefined,
  });
}

type Content = Pick<OperationAnswer, 'bytes' | 'body'>;

/** Fetch, 4.1 "main fetch", step 22: the whole body is read, and is what the integrity says, before anybody sees it. */
async function verified(invocation: Invocation, answer: Content, integrity: string): Promise<Content> {
  const bytes = answer.body === undefined ? answer.bytes : await answer.body.collect();
  if (await matchesIntegrity(invocation, bytes ?? new Uint8Array(0), integrity))
    return { bytes, body: undefined };
  throw new NativeTypeError('Cannot use the answer: its body is not what the integrity says');
}

async function checkLocal(invocation: Invocation, local: Response, integrity: string): Promise<Response> {
  const bytes = new Uint8Array(await local.clone().arrayBuffer());
  await verified(invocation, { bytes, body: undefined }, integrity);
  return local;
}

/** `fetch` of a binding, where a path alone is an address too: the host looks at no other part. */
export async function fetchPath(
  owner: Invocation,
  binding: string,
  input: unknown,
  init: unknown,
): Promise<Response> {
  const path = typeof input === 'string' && input[0] === '/';
  return await fetchThrough(owner, binding, path ? `http://localhost${input}` : input, init);
}
