import type { Answer, GrantContext, Operation } from '#runtime/binding.ts';
import { exchangeClock, takeSlot } from './exchange.ts';
import { toFetchError } from './failure.ts';
import type { FlatHeaders } from './headers.ts';
import { headerOf, parseHeaders, withoutHeaders, withoutHopByHop } from './headers.ts';
import type { Outlet } from './outlet.ts';
import { checkPolicy } from './policy.ts';
import { parseAddress } from './request.ts';
import type { OutgoingRequest } from './request.ts';
import { OutgoingSocket } from './socket.ts';
import { shakeHands } from './socket-client.ts';

export interface ConnectRun {
  readonly outlet: Outlet;
  readonly context: GrantContext;
  readonly fill?: (request: OutgoingRequest) => OutgoingRequest;
  readonly messageBytes: number;
}

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Operation `connect`: a WebSocket to { url, headers?: [name, value, …], protocols?: [name, …] }, an http(s) address, under
 * the same policy, guard and slots as `fetch`; its frames are the operation's stream and the answer's. Where the server
 * answers with another status than 101 there is no stream, and the beginning of its body as bytes.
 */
export async function runConnect(operation: Operation, run: ConnectRun): Promise<Answer> {
  const { outlet, context, fill, messageBytes } = run;
  const { url, headers, protocols } = parseConnect(operation.args);
  const frames = operation.stream;
  if (frames === undefined) throw new TypeError('connect needs a stream of frames');
  const signal = operation.signal ?? context.signal;
  checkPolicy(outlet.policy, url, 'GET');
  const done = await takeSlot(outlet, url, signal);
  try {
    const plain: OutgoingRequest = { url, method: 'GET', headers, body: undefined, redirect: 'manual' };
    const request = fill === undefined ? plain : fill(plain);
    using clock = exchangeClock(url, { signal, limits: outlet.policy });
    const shaken = await shakeHands({
      url,
      headers: request.headers,
      protocols,
      connect: (to) => outlet.client.open(to),
      messageBytes,
      signal: clock.signal,
    });
    const { status, statusText, headers: given } = shaken.head;
    const value = { status, statusText, headers: withoutHopByHop(given), url: url.href };
    if (shaken.kind === 'answered') {
      done();
      return { value: { ...value, protocol: '' }, bytes: shaken.bytes };
    }
    const { requestBytes, responseBytes } = outlet.policy;
    const stream = new OutgoingSocket(shaken.socket, {
      mostBytes: { sent: requestBytes, received: responseBytes },
      messageBytes,
      frames,
      host: url.host,
      done,
    });
    return { value: { ...value, protocol: shaken.socket.protocol }, stream };
  } catch (error) {
    done();
    throw toFetchError(url, error, signal);
  }
}

interface ConnectRequest {
  readonly url: URL;
  readonly headers: FlatHeaders;
  readonly protocols: readonly string[];
}

/** Throws TypeError for what is no request, HostError ERR_EGRESS_REFUSED for an address that may not be called. */
function parseConnect(args: unknown): ConnectRequest {
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw new TypeError('connect arguments are not an object; send { url, headers, protocols }');
  const { url, headers, protocols } = args as Readonly<Record<string, unknown>>;
  const all = parseHeaders(headers);
  const named = headerOf(all, 'sec-websocket-protocol')
    ?.split(',')
    .map((name) => name.trim());
  return {
    url: parseAddress(url),
    // The handshake's own are written by whoever shakes hands.
    headers: withoutHeaders(all, (name) => name.startsWith('sec-websocket-')),
    protocols: [...parseProtocols(protocols ?? []), ...(named ?? [])],
  };
}

function parseProtocols(value: unknown): readonly string[] {
  const isList =
    Array.isArray(value) && value.every((name) => typeof name === 'string' && tokenPattern.test(name));
  if (isList) return value as readonly string[];
  throw new TypeError('connect protocols are not a list of tokens');
}
