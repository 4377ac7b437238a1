import { WebSocket, type ClientOptions, type RawData } from 'ws';

export interface SocketClosed {
  readonly code: number;
  readonly reason: string;
}

export interface SocketOptions extends ClientOptions {
  readonly protocols?: readonly string[];
}

/** A real client of a WebSocket, whose messages are asked for one by one. */
export class SocketClient {
  readonly socket: WebSocket;
  /** Settles when it is closed, however that came. */
  readonly closed: Promise<SocketClosed>;
  /** Of the handshake's answer. */
  headers: Readonly<Record<string, string | readonly string[] | undefined>> = {};
  readonly #came: (string | Buffer)[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('upgrade', ({ headers }) => (this.headers = headers));
    socket.on('message', (data, isBinary) => {
      this.#came.push(isBinary ? toBuffer(data) : toBuffer(data).toString());
      this.#wake?.();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake?.();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** The next message: text, or bytes. Rejects when it is closed before one comes. */
  async next(): Promise<string | Buffer> {
    for (;;) {
      const first = this.#came.shift();
      if (first !== undefined) return first;
      if (this.#isClosed) throw new Error(`The socket was closed: ${JSON.stringify(await this.closed)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends, and gives the next message. */
  async ask(message: string | Uint8Array): Promise<string | Buffer> {
    this.socket.send(message);
    return this.next();
  }

  /** Closes it and waits for that. */
  async close(code: number = 1000): Promise<SocketClosed> {
    this.socket.close(code);
    return this.closed;
  }
}

/** Answer of a server that did not accept. */
export interface NotAccepted {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** Opens one; the plain answer where it is not accepted. Rejects when the connection breaks. */
export async function openSocket(
  url: string,
  options: SocketOptions = {},
): Promise<SocketClient | NotAccepted> {
  const { protocols = [], ...rest } = options;
  const socket = new WebSocket(url, [...protocols], rest);
  const client = new SocketClient(socket);
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(client));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, text: Buffer.concat(pieces).toString() });
      });
    });
  });
}

/** The same where it must be accepted. */
export async function connectSocket(url: string, options: SocketOptions = {}): Promise<SocketClient> {
  const opened = await openSocket(url, options);
  if (opened instanceof SocketClient) return opened;
  throw new Error(`${url} answered ${opened.status}: ${opened.text}`);
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}
