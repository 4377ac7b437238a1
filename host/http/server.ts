import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { HostLogLine } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import type { GatewayEvents } from './gateway.ts';
import { PlainConnections } from './plain-connections.ts';

export interface HttpListenOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly hostname?: string;
  /** The command-line flag that sets the port, for the message when it is taken. Default `--port`. */
  readonly flag?: string;
  /** False: node:http parses every request (default true: not those that leave nothing to it, plain-request.ts). */
  readonly plain?: boolean;
  /** Told when accepting a connection fails later on, e.g. for want of file descriptors. */
  readonly log?: (line: HostLogLine) => void;
}

/** A server that takes calls, until it is closed. */
export interface HttpListener {
  readonly port: number;
  readonly hostname: string;
  /** `http://127.0.0.1:8787`, without a slash at the end. */
  readonly url: string;
  /**
   * Stops accepting, closes idle connections, lets what is under way finish and destroys what is left after
   * `graceMs`. Resolves when no connection is open.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/** Head of a request: request line and fields together. */
const maxHeaderBytes = 32 * 1024;
/** From the first byte of a request to the end of its head. */
const headersTimeoutMs = 30_000;
/** To the end of its body: the longest wall limit (15 min) and a minute. */
const requestTimeoutMs = 960_000;
/** Longer than the 60 s load balancers keep an idle connection, so that the side that reuses it closes it. */
const keepAliveTimeoutMs = 75_000;

/**
 * Listens with node:http. A Gateway gets its other server events as well; any request listener will do.
 * Rejects with HostError ERR_PORT_IN_USE when the port is taken, ERR_BAD_INPUT when the address cannot be had.
 */
export async function listenHttp(
  handler: RequestListener & Partial<GatewayEvents>,
  options: HttpListenOptions,
): Promise<HttpListener> {
  const hostname = options.hostname ?? '127.0.0.1';
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    insecureHTTPParser: false,
    // Any other upgrade may be ignored (RFC 9110, 7.8), and clients that offer h2c expect that.
    shouldUpgradeCallback: ({ headers }): boolean => headers.upgrade?.toLowerCase() === 'websocket',
    // The gateway answers a missing Host with a code and an id.
    requireHostHeader: !isGateway(handler),
    // Streams of requests without a body never start.
    optimizeEmptyRequests: isGateway(handler),
  });
  server.on('request', handler);
  if (isGateway(handler)) {
    // 0 lifts node:http's 2000, above which it drops fields in silence; the gateway refuses from 257 on.
    server.maxHeadersCount = 0;
    server.on('checkContinue', handler.checkContinue);
    server.on('checkExpectation', handler.checkExpectation);
    server.on('clientError', handler.clientError);
    server.on('connect', handler.connect);
    server.on('upgrade', handler.upgrade);
  }
  const plain = isGateway(handler) && options.plain !== false ? openPlain(server, handler) : undefined;
  const sockets = new OpenSockets(server);
  await listening(server, { port: options.port, hostname, flag: options.flag ?? '--port' });
  server.on('error', (error) => {
    options.log?.({
      level: 'error',
      message: `Cannot accept a connection: ${error.message}`,
      at: Date.now(),
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    port,
    hostname,
    url: `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`,
    close: ({ graceMs }): Promise<void> => {
      handler.beginClosing?.();
      plain?.closeIdle();
      return sockets.closed(server, { graceMs, late: () => plain?.closeAll() });
    },
  };
}

function isGateway(
  handler: RequestListener & Partial<GatewayEvents>,
): handler is RequestListener & GatewayEvents {
  return handler.clientError !== undefined;
}

/** Puts the quick way for plain requests before node:http. */
function openPlain(server: Server, gateway: GatewayEvents): PlainConnections {
  const { plain, clientError, trustProxy } = gateway;
  return new PlainConnections(server, { take: plain, refuse: clientError, trustProxy });
}

/** Where to listen, nothing left open. */
interface Place {
  readonly port: number;
  readonly hostname: string;
  readonly flag: string;
}

function listening(server: Server, options: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, options)));
    server.listen({ port: options.port, host: options.hostname }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, options: Place): HostError {
  const { port, hostname, flag } = options;
  const state = `Cannot listen on ${hostname}:${port}`;
  if (error.code === 'EADDRINUSE') {
    const remedy = `stop what listens there or choose another port with ${flag}, 0 for a free one`;
    return new HostError('ERR_PORT_IN_USE', `${state}: the port is in use; ${remedy}`, { cause: error });
  }
  const remedy = `choose another port with ${flag} or another host name`;
  return new HostError('ERR_BAD_INPUT', `${state}: ${error.code ?? error.message}; ${remedy}`, {
    cause: error,
  });
}

/** Counts connections until each has told its listeners that it closed: by then their calls are stopped. */
class OpenSockets {
  #count = 0;
  #drained: (() => void) | undefined;

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#count += 1;
      socket.once('close', () => {
        this.#count -= 1;
        if (this.#count === 0) this.#drained?.();
      });
    });
  }

  /** `late` is called when `graceMs` is over and connections are left. */
  async closed(server: Server, { graceMs, late }: { graceMs: number; late: () => void }): Promise<void> {
    const timer = setTimeout(() => {
      late();
      server.closeAllConnections();
    }, graceMs);
    await new Promise((resolve) => server.close(resolve));
    clearTimeout(timer);
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }
}
