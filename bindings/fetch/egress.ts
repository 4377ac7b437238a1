import { Readable } from 'node:stream';
import { defaultEgress } from '#runtime/deployment.ts';
import type { EgressPolicy } from '#runtime/deployment.ts';
import type { Egress, EgressAnswer, EgressRequest } from '#runtime/egress.ts';
import { HostError } from '#runtime/errors.ts';
import { receive } from './answer.ts';
import type { Received } from './answer.ts';
import { exchange } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { GuardOptions } from './guard.ts';
import type { FlatHeaders } from './headers.ts';
import { Outlets } from './outlet.ts';
import { parseRequest } from './request.ts';
import type { OutgoingRequest } from './request.ts';

/** What requests of the host's own services get where no policy is given: they are many, and short. */
const servicePolicy: EgressPolicy = {
  ...defaultEgress,
  connections: 256,
  timeoutMs: 10_000,
  responseBytes: 2 ** 20,
};

/** Requests of bindings to addresses that users choose (webhooks, push services, providers), under the guard. */
export function createEgress(options: GuardOptions): Egress {
  const outlets = new Outlets(options);
  const send: Send = (policy, request, signal) =>
    exchange(outlets.of(keyOf(policy), policy), request, { signal, limits: policy });
  return {
    async request(url, given = {}) {
      const policy = toPolicy(given);
      const request = toRequest(url, given);
      const clock = AbortSignal.timeout(policy.timeoutMs);
      const signal = given.signal === undefined ? clock : AbortSignal.any([clock, given.signal]);
      try {
        const answered = await send(policy, request, signal);
        return await toAnswer(answered, receive(answered));
      } catch (error) {
        if (clock.aborted)
          throw new HostError(
            'ERR_EGRESS_LIMIT',
            `Cannot fetch from ${JSON.stringify(request.url.host)}: it took more than ${policy.timeoutMs} ms; try again`,
          );
        throw error;
      }
    },
    fetchUnder: (policy = servicePolicy) => fetchWith(send, policy),
    close: () => outlets.close(),
  };
}

/** Time and size are each request's own: all under one policy share its connections. */
function keyOf({ mode, allow, private: granted, connections }: EgressPolicy): string {
  return JSON.stringify([mode, allow, granted, connections]);
}

function toPolicy({ policy = servicePolicy, timeoutMs, maxBytes }: EgressRequest): EgressPolicy {
  return {
    ...policy,
    headers: [],
    timeoutMs: timeoutMs ?? servicePolicy.timeoutMs,
    responseBytes: maxBytes ?? servicePolicy.responseBytes,
  };
}

function toRequest(url: string, given: EgressRequest): OutgoingRequest {
  const { method = 'GET', headers = {}, body, redirect = 'manual' } = given;
  const bytes = typeof body === 'string' ? new Uint8Array(Buffer.from(body)) : body;
  const args = { url, method, redirect, headers: Object.entries({ ...agent, ...lowerCase(headers) }).flat() };
  return parseRequest({ method: 'fetch', args, ...(bytes === undefined ? {} : { bytes }) });
}

const agent: Readonly<Record<string, string>> = { 'user-agent': 'islet', accept: '*/*' };

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function toAnswer(answered: Exchange, { headers, bytes, stream }: Received): Promise<EgressAnswer> {
  const pieces: Uint8Array[] = bytes === undefined ? [] : [bytes];
  for await (const piece of stream ?? []) pieces.push(piece);
  return {
    status: answered.incoming.status,
    headers: Object.fromEntries(toHeaders(headers)),
    body: new Uint8Array(Buffer.concat(pieces)),
  };
}

type Send = (policy: EgressPolicy, request: OutgoingRequest, signal: AbortSignal) => Promise<Exchange>;

function fetchWith(send: Send, policy: EgressPolicy): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { method, url, headers, redirect, signal } = request;
    signal.throwIfAborted();
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const args = { url, method, redirect, headers: [...headers].flat() };
    try {
      const parsed = parseRequest({ method: 'fetch', args, ...(body === undefined ? {} : { bytes: body }) });
      return toResponse(await send(policy, parsed, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HostError) throw new TypeError(error.message, { cause: error });
      throw error;
    }
  };
}

function toResponse(answered: Exchange): Response {
  const { status, statusText } = answered.incoming;
  const { headers, bytes, stream } = receive(answered);
  const whole = bytes === undefined ? null : new Uint8Array(bytes);
  const body =
    stream === undefined ? whole : (Readable.toWeb(Readable.from(stream)) as ReadableStream<Uint8Array>);
  const response = new Response(body, { status, statusText, headers: toHeaders(headers) });
  const url = new URL(answered.request.url);
  url.hash = '';
  // A Response made by hand has no address of its own; libraries read it (Fetch standard, 2.2.6).
  Object.defineProperty(response, 'url', { value: url.href });
  Object.defineProperty(response, 'redirected', { value: answered.redirected });
  return response;
}

function toHeaders(flat: FlatHeaders): Headers {
  const headers = new Headers();
  for (let index = 0; index < flat.length; index += 2)
    headers.append(flat[index] ?? '', flat[index + 1] ?? '');
  return headers;
}
