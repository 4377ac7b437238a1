import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, type ClientOptions } from 'ws';
import type { FlatHeaders } from './headers.ts';

/** What a server made of an opening handshake: a socket, or an answer as any with the beginning of its body. */
export type Handshake =
  | { readonly kind: 'open'; readonly socket: WebSocket; readonly head: HandshakeHead }
  | { readonly kind: 'answered'; readonly head: HandshakeHead; readonly bytes: Uint8Array };

export interface HandshakeHead {
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names. */
  readonly headers: FlatHeaders;
}

export interface HandshakeRequest {
  /** http: or https:. */
  readonly url: URL;
  readonly headers: FlatHeaders;
  readonly protocols: readonly string[];
  /** Makes the connection, and judges it. */
  readonly connect: (url: URL) => Promise<Duplex>;
  readonly messageBytes: number;
  readonly signal: AbortSignal;
}

/** How long a server may take for its part of the close handshake. */
const closeMs = 5_000;
/** What is read of the body of an answer that is no WebSocket. */
const answerBytes = 64 * 1024;

/** Opens a WebSocket (RFC 6455) over a connection of the caller's. The client's door to ws. Rejects with what went wrong. */
export async function shakeHands(request: HandshakeRequest): Promise<Handshake> {
  const { url, signal, messageBytes, protocols } = request;
  signal.throwIfAborted();
  const connected = await request.connect(url);
  if (signal.aborted) connected.destroy();
  signal.throwIfAborted();
  const address = new URL(url);
  address.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  // Its types do not know closeTimeout yet.
  const options: ClientOptions & { readonly closeTimeout: number } = {
    headers: toObject(request.headers),
    createConnection: (() => connected) as unknown as NonNullable<ClientOptions['createConnection']>,
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: messageBytes,
    closeTimeout: closeMs,
  };
  const socket = new WebSocket(address, [...protocols], options);
  // Until it is open: an abort ends it; later its owner does.
  const abort = (): void => socket.terminate();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await settled(socket);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function settled(socket: WebSocket): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    let head: HandshakeHead | undefined;
    socket.once('upgrade', (response) => (head = toHead(response)));
    socket.once('open', () => {
      // Nobody listens yet: what comes now waits.
      socket.pause();
      if (head !== undefined) resolve({ kind: 'open', socket, head });
    });
    socket.on('error', reject);
    socket.once('unexpected-response', (request, response) => {
      readAnswer(request, response).then(resolve, reject);
    });
  });
}

async function readAnswer(request: ClientRequest, response: IncomingMessage): Promise<Handshake> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length >= answerBytes) break;
  }
  request.destroy();
  return { kind: 'answered', head: toHead(response), bytes: Buffer.concat(pieces).subarray(0, answerBytes) };
}

function toHead({ statusCode = 0, statusMessage = '', rawHeaders }: IncomingMessage): HandshakeHead {
  const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text));
  return { status: statusCode, statusText: statusMessage, headers };
}

function toObject(flat: FlatHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] ?? '';
    const value = flat[i + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}
