import { Readable, type Duplex } from 'node:stream';
import { Agent, buildConnector } from 'undici';
import { HostError } from '#runtime/errors.ts';
import { toFetchError } from './failure.ts';
import type { Guard } from './guard.ts';
import type { FlatHeaders } from './headers.ts';
import type { Body, OutgoingRequest } from './request.ts';

/** The head of an answer, and its body while the connection is read. */
export interface Incoming {
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names. */
  readonly headers: FlatHeaders;
  readonly body: IncomingBody;
}

export interface IncomingBody {
  /** The whole body when all `bytes` of it have arrived already, without waiting. */
  takeWhole(bytes: number): Uint8Array | undefined;
  /** The body as it comes. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Lets the connection go: reads a short rest, breaks off a long one. */
  discard(): void;
  /** Breaks the connection off. */
  destroy(): void;
}

/** A rest of up to this size is read, so that the connection can be used again. */
const discardBytes = 64 * 1024;

const connectMs = 10_000;
/** A server may ask for connections to be kept; longer than this they are not. */
const mostKeepAliveMs = 60_000;

/** The one door to undici: a pool of connections, made and used under one guard. */
export class FetchClient {
  readonly #agent: Agent;
  readonly #connect: buildConnector.connector;

  /** Times are the caller's: its signal ends a request, so the pool's own clocks for heads and bodies are off. */
  constructor(guard: Guard) {
    this.#agent = new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveMaxTimeout: mostKeepAliveMs,
      connect: guardedConnector(guard, {}),
    });
    this.#connect = guardedConnector(guard, { allowH2: false });
  }

  /** One request, one answer; follows nothing. Rejects with HostError ERR_FETCH_FAILED. */
  async send(request: OutgoingRequest, signal: AbortSignal): Promise<Incoming> {
    const { url } = request;
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: request.method,
        headers: [...request.headers],
        body: toBody(request.body),
        signal,
        responseHeaders: 'raw',
      });
      return {
        status: answer.statusCode,
        statusText: answer.statusText,
        headers: toFlat(answer.headers),
        body: toIncomingBody(answer.body),
      };
    } catch (error) {
      throw toFetchError(url, error, signal);
    }
  }

  /** A connection of the caller's own to where an http(s) URL leads, for HTTP/1.1. Rejects as `send` does. */
  open(url: URL): Promise<Duplex> {
    const { hostname, host, port, protocol } = url;
    const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    return new Promise((resolve, reject) => {
      // Over TLS the host is the name it asks for, unless it is an address, which RFC 6066 does not allow.
      this.#connect({ hostname: bare, host, port, protocol }, (...[error, socket]) => {
        if (error === null) resolve(socket);
        else reject(error);
      });
    });
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Makes connections only to where the guard lets them go. */
function guardedConnector(guard: Guard, options: { readonly allowH2?: boolean }): buildConnector.connector {
  // Two, since a lookup is told no more than a name: whether this name with this port is granted is known before.
  const open = (isGranted: boolean): buildConnector.connector =>
    buildConnector({ ...options, timeout: connectMs, lookup: guard.lookup({ isGranted }) });
  const toPublic = open(false);
  const toGranted = open(true);
  return (peer, callback) => {
    const refusal = guard.refusalOfLiteral(peer);
    if (refusal !== undefined) return callback(refusal, null);
    const connect = guard.isGranted(peer) ? toGranted : toPublic;
    return connect(peer, (...[error, socket]) => {
      // On failure there is no second argument, whatever the types say.
      if (error !== null) return callback(guard.toError(peer, error), null);
      const address = socket.remoteAddress;
      const problem = address === undefined ? closedAtOnce() : guard.refusalOf(peer, address);
      if (problem === undefined) return callback(null, socket);
      socket.on('error', () => undefined).destroy();
      return callback(problem, null);
    });
  };
}

function closedAtOnce(): Error {
  return Object.assign(new Error('The connection was closed'), { code: 'ECONNRESET' });
}

function toBody(body: Body | undefined): Uint8Array | Readable | null {
  if (body === undefined) return null;
  if (body instanceof Uint8Array) return body;
  return Readable.from(guarded(body), { objectMode: false });
}

async function* guarded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw new HostError('ERR_FETCH_FAILED', 'Cannot send the request: its body broke off; check the stream', {
      cause,
    });
  }
}

/** With `responseHeaders: 'raw'` undici gives a flat list, which its types do not say. */
function toFlat(raw: unknown): FlatHeaders {
  const headers = raw as readonly (string | Uint8Array)[];
  return headers.map((text, index) => {
    const latin1 = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    return index % 2 === 0 ? latin1.toLowerCase() : latin1;
  });
}

type UndiciBody = Readable & { dump(options: { limit: number }): Promise<void> };

function toIncomingBody(body: UndiciBody): IncomingBody {
  // A connection that breaks before anybody reads must not become an uncaught error.
  body.on('error', () => undefined);
  return {
    stream: body,
    takeWhole(bytes) {
      if (body.readableLength !== bytes) return undefined;
      const whole = bytes === 0 ? undefined : (body.read(bytes) as Uint8Array | null);
      body.resume();
      return new Uint8Array(whole ?? []);
    },
    discard() {
      body.dump({ limit: discardBytes }).catch(() => undefined);
    },
    destroy() {
      body.destroy();
    },
  };
}
