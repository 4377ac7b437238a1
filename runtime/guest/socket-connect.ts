import { toBase64 } from './base64.ts';
import type { Invocation } from './invocation.ts';
import { current } from './invocation.ts';
import type { Started } from './operations.ts';
import { startOperation } from './operations.ts';
import { NativeError, NativeTypeError, quote, quoteList, toLowerCase } from './primordials.ts';
import { SocketWire } from './socket.ts';
import {
  type SocketCore,
  type SocketListener,
  type SocketTarget,
  createFetchResponse,
  createSocket,
  encodeUtf8,
  onAbort,
} from './web/index.ts';

/** The host's answer to operation "connect". With another status than 101 there is no socket, and `bytes` is the body. */
interface ConnectAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly protocol: string;
}

const decode = decodeURIComponent;

interface Address {
  readonly url: string;
  readonly headers: readonly string[];
  readonly protocols: readonly string[];
}

/** Until somebody listens: nothing comes before the wire is opened. */
const nobody: SocketListener = {
  received: () => undefined,
  ended: () => undefined,
  sent: () => undefined,
};

/** Opens the way of `new WebSocket(url, protocols)`: operation "connect" of binding "". */
export function connect(core: SocketCore, target: SocketTarget): void {
  const invocation = current;
  if (invocation === undefined) {
    throw new NativeError('A WebSocket cannot be opened at the top level; open it while handling a request');
  }
  const { username, password } = target;
  const headers =
    username === '' && password === ''
      ? []
      : [
          'authorization',
          `Basic ${toBase64(encodeUtf8(`${percentDecode(username)}:${percentDecode(password)}`))}`,
        ];
  const { started, wire } = open(invocation, { url: target.http, headers, protocols: target.protocols });
  wire.listener = core;
  core.line = {
    send: (data) => wire.send(data),
    open: () => undefined,
    close: (code, reason) => {
      if (waiting) void abandon(started);
      else wire.close(code, reason);
    },
  };
  let waiting = true;
  void settle();

  async function settle(): Promise<void> {
    try {
      const { value } = await started.answer;
      waiting = false;
      const { status, protocol } = value as ConnectAnswer;
      if (status !== 101) return wire.drop();
      core.opened(protocol, '');
      wire.open();
    } catch {
      waiting = false;
      wire.drop();
    }
  }
}

/** Gives up one that is not open yet; its events come in a later turn (WebSockets, 3.1, close). */
async function abandon(started: Started): Promise<void> {
  // oxlint-disable-next-line typescript/await-thenable -- one round of microtasks, no promise to wait for
  await undefined;
  started.kill(new NativeError('The WebSocket was closed before it was open'));
}

/** True for headers that ask for a WebSocket; names in lower case. */
export function isUpgrade(headers: readonly string[]): boolean {
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at] === 'upgrade') return toLowerCase(headers[at + 1] ?? '') === 'websocket';
  return false;
}

/** `fetch` with `upgrade: websocket`, as Workers have it: the Response has the socket, which waits for accept(). */
export async function fetchSocket(
  invocation: Invocation,
  { url, headers, signal }: { url: string; headers: readonly string[]; signal: AbortSignal | undefined },
): Promise<Response> {
  const { started, wire } = open(invocation, { url, headers, protocols: [] });
  if (signal !== undefined) onAbort(signal, (reason) => started.kill(reason));
  const { value, bytes } = await started.answer;
  const answer = value as ConnectAnswer | null;
  if (answer === null || typeof answer !== 'object') throw new NativeTypeError('fetch failed');
  const { status, statusText, headers: given, protocol } = answer;
  const head = {
    status,
    statusText,
    headers: given,
    url: answer.url,
    redirected: false,
    type: 'basic',
    signal,
    stream: undefined,
  } as const;
  if (status !== 101) {
    wire.drop();
    return createFetchResponse({ ...head, bytes, webSocket: undefined });
  }
  const webSocket = createSocket((core) => {
    core.protocol = protocol;
    core.line = wire;
    wire.listener = core;
  });
  return createFetchResponse({ ...head, bytes: undefined, webSocket });
}

function open(
  invocation: Invocation,
  address: Address,
): { readonly started: Started; readonly wire: SocketWire } {
  let wire!: SocketWire;
  const args = `{"url":${quote(address.url)},"headers":${quoteList(address.headers)},"protocols":${quoteList(address.protocols)}}`;
  const started = startOperation(invocation, {
    binding: '',
    method: 'connect',
    args,
    own: (number) => {
      const streams = { incoming: number + 1, outgoing: number };
      wire = new SocketWire(invocation, streams, nobody, () => undefined);
    },
  });
  return { started, wire };
}

/** Of a part of a URL, which holds ASCII only. */
function percentDecode(text: string): string {
  try {
    return decode(text);
  } catch {
    return text;
  }
}
