import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { connectionOf } from './connection.ts';
import type { Connection } from './connection.ts';
import { KnownHead } from './known-head.ts';
import type { PlainArrival, PlainTaker } from './plain-door.ts';
import type { PlainExchange, PlainWire } from './plain-exchange.ts';
import { readPlainRequest } from './plain-request.ts';

export interface PlainOptions {
  readonly take: PlainTaker;
  /** As the server's clientError listener. */
  readonly refuse: (error: Error & { code?: string }, socket: Duplex) => void;
  readonly trustProxy: boolean;
}

/** How often idle connections are looked at, in ms. */
const sweepMs = 1000;
/** Characters of a head that a connection keeps, to know it again: there may be many connections, and idle. */
const mostKept = 4096;
/** What a client may send ahead while its request is under way. */
const mostHeldBytes = 64 * 1024;

/**
 * The connections of one server as long as what comes over them is plain requests, one after the other. All others, and
 * what was read of them, are node:http's from the first byte on that is not plain.
 */
export class PlainConnections {
  readonly options: PlainOptions;
  readonly keepAliveSeconds: number;
  /** Seconds that this has seen, about. */
  now = 0;
  readonly #open: Set<PlainConnection> = new Set();
  readonly #nodeHttp: readonly ((socket: Socket) => void)[];
  readonly #server: Server;
  readonly #sweep: NodeJS.Timeout;

  /** Takes the server's connections from node:http's own listener, which gets those that are not plain. */
  constructor(server: Server, options: PlainOptions) {
    this.options = options;
    this.#server = server;
    this.keepAliveSeconds = Math.trunc(server.keepAliveTimeout / 1000);
    this.#nodeHttp = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#open.add(new PlainConnection(this, socket)));
    this.#sweep = setInterval(() => this.#look(), sweepMs);
    this.#sweep.unref();
    server.on('close', () => clearInterval(this.#sweep));
  }

  delete(connection: PlainConnection): void {
    this.#open.delete(connection);
  }

  handOver(socket: Socket): void {
    for (const listener of this.#nodeHttp) listener.call(this.#server, socket);
  }

  /** Ends the connections that wait for their next request. */
  closeIdle(): void {
    for (const connection of this.#open) if (connection.idle && connection.used) connection.socket.destroy();
  }

  closeAll(): void {
    for (const connection of this.#open) connection.socket.destroy();
  }

  #look(): void {
    this.now++;
    const { headersTimeout } = this.#server;
    for (const connection of this.#open) {
      if (!connection.idle) continue;
      const seconds = this.now - connection.since - 1;
      if (connection.used && seconds > this.keepAliveSeconds) connection.socket.destroy();
      if (!connection.used && seconds * 1000 >= headersTimeout) connection.timeOut();
    }
  }
}

/** What a connection keeps of a request. */
function withoutBody(arrival: PlainArrival): PlainArrival {
  if (arrival.request.body === undefined) return arrival;
  return { ...arrival, request: { ...arrival.request, body: undefined } };
}

const requestTimeout: Error & { code: string } = Object.assign(new Error('Request timeout'), {
  code: 'ERR_HTTP_REQUEST_TIMEOUT',
});

/** One of them: at most one request is under way, and what comes meanwhile is held. */
class PlainConnection implements PlainWire {
  readonly socket: Socket;
  readonly connection: Connection;
  readonly #all: PlainConnections;
  /** True once a request came. */
  used = false;
  /** When it became idle. */
  since: number;
  #exchange: PlainExchange | undefined;
  /** Its answer is not all with the system yet. */
  #draining = false;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The last request, to know it or its fields again. */
  #last: PlainArrival | undefined;
  readonly #onData = (bytes: Buffer): void => this.#data(bytes);
  readonly #onDrain = (): void => this.#drained();
  readonly #onEnd = (): void => void this.socket.end();
  readonly #onError = (): void => void this.socket.destroy();
  readonly #onClose = (): void => this.#closed();

  constructor(all: PlainConnections, socket: Socket) {
    this.#all = all;
    this.since = all.now;
    this.socket = socket;
    this.connection = connectionOf(socket);
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get idle(): boolean {
    return this.#exchange === undefined && !this.#draining;
  }

  get hasMore(): boolean {
    return this.#heldBytes > 0;
  }

  get keepAliveSeconds(): number {
    return this.#all.keepAliveSeconds;
  }

  begin(exchange: PlainExchange): void {
    this.#exchange = exchange;
  }

  answered(last: boolean): void {
    this.#exchange = undefined;
    this.since = this.#all.now;
    const { socket } = this;
    if (last) {
      // Whatever still comes is thrown away.
      this.#draining = true;
      socket.off('data', this.#onData);
      socket.off('drain', this.#onDrain);
      socket.destroySoon();
      return;
    }
    this.#draining = socket.writableNeedDrain;
    if (!this.#draining && this.#heldBytes > 0) this.#release();
  }

  /** No request came in time. */
  timeOut(): void {
    this.#forget();
    this.#all.options.refuse(requestTimeout, this.socket);
  }

  #data(bytes: Buffer): void {
    if (this.idle) return this.#take(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > mostHeldBytes) this.socket.pause();
  }

  #take(bytes: Buffer): void {
    const last = this.#last;
    const request = readPlainRequest(bytes, last?.request);
    if (request === undefined) return this.#handOver(bytes);
    const { options } = this.#all;
    this.used = true;
    if (last !== undefined && request === last.request) return options.take(last, this);
    const { fields } = request;
    const known =
      fields === last?.request.fields ? last.known : new KnownHead(fields.raw, options.trustProxy);
    const arrival: PlainArrival = { request, known, call: undefined };
    this.#last = request.text.length <= mostKept ? withoutBody(arrival) : undefined;
    options.take(arrival, this);
  }

  /** What came while another request was under way. */
  #release(): void {
    const bytes = Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.socket.isPaused()) this.socket.resume();
    this.#take(bytes);
  }

  #drained(): void {
    this.#exchange?.drained();
    if (!this.#draining) return;
    this.#draining = false;
    this.since = this.#all.now;
    if (this.#heldBytes > 0) this.#release();
  }

  /** node:http takes the connection, beginning with these bytes. */
  #handOver(bytes: Buffer): void {
    const { socket } = this;
    this.#forget();
    socket.off('error', this.#onError);
    this.#all.handOver(socket);
    socket.unshift(bytes);
  }

  #closed(): void {
    this.#all.delete(this);
    this.#exchange?.gone();
    this.#exchange = undefined;
  }

  /** Nothing more is read here. */
  #forget(): void {
    const { socket } = this;
    this.#all.delete(this);
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
  }
}
