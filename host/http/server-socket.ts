import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { Handle } from '#host/call.ts';
import type { Limits } from '#runtime/limits.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { socketHeaderBytes } from '#runtime/guest/protocol.ts';
import { encodeEnd, encodeMessage, SocketReader } from '#runtime/socket-frames.ts';
import type { SocketEnd, SocketMessage } from '#runtime/socket-frames.ts';
import { outcomeRefusal } from './error-answer.ts';

/** A request that Node took off its server because it asks for another protocol. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Buffer;
}

export interface ServerSocketOptions {
  readonly handle: Handle;
  readonly limits: Pick<Limits, 'messageBytes' | 'socketIdleMs'>;
  /** What the function chose, of what the client offered. */
  readonly protocol: string | undefined;
  /** Flat; checked. */
  readonly headers: readonly string[];
  readonly closed: (socket: ServerSocket) => void;
  /** A client that says nothing for so long is asked, and gone when it is silent for as long again; 30 s by default. */
  readonly pingMs?: number;
}

/** No piece handed to a call is longer. */
const pieceBytes = 64 * 1024;
/** What may wait for the guest before the client is not read any more; messages of one read come all the same. */
const waitingBytes = 64 * 1024;
/** How long a client may take for its part of the close handshake. */
const closeMs = 5_000;
const defaultPingMs = 30_000;
/** How often a guest is told at the most what has been sent, unless it is much. */
const creditMs = 50;
const creditBytes = 64 * 1024;

/** The gateway's end of an accepted WebSocket (RFC 6455): the client on one side, the call on the other. The one door to ws. */
export class ServerSocket {
  readonly #options: ServerSocketOptions;
  readonly #socket: WebSocket;
  readonly #reader: SocketReader;
  /** Frames for the guest that it has no room for yet. */
  readonly #queue: Buffer[] = [];
  #queued = 0;
  #credit = 0;
  /** The end is among what waits, or was sent. */
  #ended = false;
  #over = false;
  #sent = 0;
  /** Of the message that comes, what the guest has its credit back for. */
  #granted = 0;
  #creditTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #messageAt: number = performance.now();
  #heardAt: number = performance.now();
  #asked = false;

  private constructor(socket: WebSocket, options: ServerSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new SocketReader(options.limits.messageBytes, (message) => this.#send(message));
    // One message a turn of the loop would be slower; its errors are followed by its close.
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => this.#received(data as Buffer, isBinary));
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    socket.on('close', (code, reason) => this.#closed(code, reason));
    this.#watch();
  }

  /** Shakes hands; undefined when the client has gone meanwhile. */
  static open(upgrade: Upgrade, options: ServerSocketOptions): ServerSocket | undefined {
    let opened: ServerSocket | undefined;
    const { protocol, headers, limits } = options;
    // Its types do not know closeTimeout yet.
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      closeTimeout: closeMs,
      handleProtocols: () => protocol ?? false,
    };
    const server = new WebSocketServer(settings);
    server.on('headers', (lines) => {
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
    });
    server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => {
      opened = new ServerSocket(socket, options);
    });
    return opened;
  }

  // From the call

  chunk(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#reader.push(bytes);
    // A message longer than the guest's credit would never come whole: what is held of it is as good as sent.
    const more = this.#reader.held - this.#granted;
    if (more <= 0) return;
    this.#granted += more;
    this.#wasSent(more);
  }

  /** The guest is done with the socket: a guest's runtime says so once it is closed. */
  end(): void {
    this.#close(1011, 'ERR_GUEST_RESULT');
  }

  wants(bytes: number): void {
    this.#credit += bytes;
    this.#pump();
  }

  done(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue.length = 0;
    clearTimeout(this.#creditTimer);
    const { code, reason } = closeOf(outcome);
    this.#close(code, reason);
  }

  /** Begins the close handshake; the guest hears how it ended. */
  close(code: number, reason: string): void {
    this.#close(code, reason);
  }

  #close(code: number, reason: string): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return;
    if (code === 1005) socket.close();
    else socket.close(code, reason);
    // Its close frame is behind whatever it has sent.
    socket.resume();
  }

  #send(message: SocketMessage): void {
    const socket = this.#socket;
    if (message.kind === 'close') {
      this.#granted = 0;
      return this.#close(message.code, message.reason);
    }
    const { bytes } = message;
    const framed = bytes.length + socketHeaderBytes - this.#granted;
    this.#granted = 0;
    if (socket.readyState !== socket.OPEN) return this.#wasSent(framed);
    this.#messageAt = performance.now();
    socket.send(bytes, { binary: message.kind === 'binary' }, () => this.#wasSent(framed));
  }

  /** The guest may send as much again. */
  #wasSent(bytes: number): void {
    if (this.#over) return;
    this.#sent += bytes;
    if (this.#sent >= creditBytes) this.#grant();
    else this.#creditTimer ??= setTimeout(() => this.#grant(), creditMs);
  }

  #grant(): void {
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    const sent = this.#sent;
    this.#sent = 0;
    if (!this.#over && sent > 0) this.#options.handle.consumed(sent);
  }

  // From the client

  #heard(): void {
    this.#heardAt = performance.now();
    this.#asked = false;
  }

  #received(data: Buffer, isBinary: boolean): void {
    this.#heard();
    this.#messageAt = this.#heardAt;
    const { readyState, OPEN } = this.#socket;
    // HTML: what comes while it is being closed is not for anybody.
    if (this.#over || readyState !== OPEN) return;
    this.#push(encodeMessage(isBinary, [data]));
    if (this.#queued > waitingBytes) this.#socket.pause();
  }

  #push(frame: Buffer): void {
    this.#queue.push(frame);
    this.#queued += frame.length;
    this.#pump();
  }

  #pump(): void {
    const { handle } = this.#options;
    while (this.#credit > 0 && !this.#over) {
      const [frame] = this.#queue;
      if (frame === undefined) break;
      const length = Math.min(frame.length, this.#credit, pieceBytes);
      if (length === frame.length) this.#queue.shift();
      else this.#queue[0] = frame.subarray(length);
      this.#credit -= length;
      this.#queued -= length;
      handle.write(frame.subarray(0, length));
    }
    if (this.#queue.length > 0 || this.#over) return;
    if (this.#ended) return handle.end();
    if (this.#socket.isPaused) this.#socket.resume();
  }

  #closed(code: number, reason: Buffer): void {
    clearTimeout(this.#timer);
    this.#options.closed(this);
    if (this.#over || this.#ended) return;
    const end: SocketEnd = { code, reason: reason.toString(), clean: code !== 1006 };
    this.#ended = true;
    this.#push(encodeEnd(end));
    // A guest that has taken no message for so long takes none.
    if (this.#queue.length > 0) setTimeout(() => this.#options.handle.abort(), closeMs).unref();
  }

  /** One timer, set anew when it is due: messages cost nothing. */
  #watch(): void {
    const now = performance.now();
    const { limits, pingMs = defaultPingMs } = this.#options;
    const { socketIdleMs } = limits;
    const idleLeft = this.#messageAt + socketIdleMs - now;
    if (idleLeft <= 0) return this.#close(1001, 'ERR_LIMIT_SOCKET_IDLE');
    if (now - this.#heardAt >= pingMs) {
      // It has had as long again for its pong.
      if (this.#asked) return this.#socket.terminate();
      this.#asked = true;
      this.#socket.ping();
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(Math.max(idleLeft, 1), pingMs));
    this.#timer.unref();
  }
}

/** How a socket is closed whose call is over (RFC 6455, 7.4.1, and IANA's registry); the reason is a code of ours. */
function closeOf(outcome: Outcome): { readonly code: number; readonly reason: string } {
  const reason = outcomeRefusal(outcome).code;
  switch (outcome.kind) {
    case 'exceeded':
      if (outcome.limit === 'socketMs') return { code: 1001, reason };
      return { code: outcome.limit === 'messageBytes' ? 1009 : 1008, reason };
    case 'refused':
      return { code: 1012, reason };
    case 'cancelled':
      return { code: 1001, reason };
    case 'threw':
    case 'crashed':
    case 'responded':
    case 'returned':
      return { code: 1011, reason };
  }
}
