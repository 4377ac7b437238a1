import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import type { Dispatch } from '#host/call.ts';
import type { HostLogLine } from '#host/host.ts';
import type { Registry } from '#host/registry.ts';
import { connectionOf, knownConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { errorAnswer, outcomeRefusal, refusals } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import { Exchange } from './exchange.ts';
import type { Shared } from './exchange.ts';
import type { KnownHead } from './known-head.ts';
import { takePlain } from './plain-door.ts';
import type { PlainArrival, PlainTaker } from './plain-door.ts';
import type { PlainWire } from './plain-exchange.ts';
import { gatherBody } from './request-body.ts';
import { findFunction, toCall } from './request-call.ts';
import { headerFields } from './request-head.ts';
import type { ServerSocket, Upgrade } from './server-socket.ts';
import { refuseHandshake, toResponse, toUpgrade, UpgradeExchange } from './upgrade.ts';

export interface GatewayOptions {
  readonly registry: Pick<Registry, 'match'>;
  readonly dispatch: Dispatch;
  readonly log: (line: HostLogLine) => void;
  /**
   * True when every client comes through a proxy that writes `x-forwarded-for` and `x-forwarded-proto`: they are
   * believed and the last address is the client's. Default false: a client's own forwarding headers are dropped.
   */
  readonly trustProxy?: boolean;
}

/** Listeners for the server events that are more, or less, than a request; `listenHttp` attaches them. */
export interface GatewayEvents {
  /** For `checkContinue`: `100 Continue` is sent when the body is wanted, not before. */
  readonly checkContinue: RequestListener;
  /** For `checkExpectation`: 417. */
  readonly checkExpectation: RequestListener;
  /** For `clientError`: what is not HTTP gets 400, 408 or 431, and the connection closes. */
  readonly clientError: (error: Error & { code?: string }, socket: Duplex) => void;
  /** For `connect`: 405. */
  readonly connect: (request: IncomingMessage, socket: Duplex) => void;
  /** Takes requests that node:http never sees (plain-connections.ts). */
  readonly plain: PlainTaker;
  /** A proxy's forwarding headers are believed. */
  readonly trustProxy: boolean;
  /** For `upgrade`: a function may accept a WebSocket; any other answer is the last one on its connection. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** From now on each answer that is the last on its connection says `connection: close`; WebSockets are closed. */
  readonly beginClosing: () => void;
}

/** The public door: a node:http request listener, which also works alone in a server of someone else's. */
export type Gateway = ((request: IncomingMessage, response: ServerResponse) => void) & GatewayEvents;

/**
 * Requests in, calls out: finds the function by host and path, reads the request as the guest shall see it, and starts
 * the call in the turn the request came in. Answers with a coded error where there is no function or no valid request.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const shared: Shared = { dispatch: options.dispatch, closing: false };
  const sockets = new Set<ServerSocket>();
  const take = (request: IncomingMessage, response: ServerResponse, waits: boolean): void => {
    const connection = connectionOf(request.socket);
    const known = connection.readHead(request.rawHeaders, options.trustProxy === true);
    const { head } = known;
    const exchange = new Exchange(
      shared,
      { request, response, connection },
      { present: head.chunked || head.contentLength > 0, expectsContinue: waits },
    );
    attempt({ options, request, known, connection, exchange }, route);
  };
  const handler = (request: IncomingMessage, response: ServerResponse): void =>
    take(request, response, false);
  return Object.assign(handler, {
    checkContinue: (request: IncomingMessage, response: ServerResponse): void =>
      take(request, response, true),
    checkExpectation: (_request: IncomingMessage, response: ServerResponse): void => {
      const answer = errorAnswer(refusals.expectation, randomUUID());
      response.writeHead(answer.status, answer.headers).end(answer.text);
    },
    clientError,
    connect: (_request: IncomingMessage, socket: Duplex): void => refuseSocket(socket, refusals.method),
    plain: (arrival: PlainArrival, wire: PlainWire): void => takePlain({ options, shared }, arrival, wire),
    trustProxy: options.trustProxy === true,
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const upgrade = { request, socket, head };
      const connection = connectionOf(request.socket);
      const known = connection.readHead(request.rawHeaders, options.trustProxy === true);
      const response = toResponse(upgrade);
      const wire = { request, response, connection };
      const exchange = new Exchange(shared, wire, { present: false, expectsContinue: false });
      attempt(
        { options, request, known, connection, exchange, wants: { upgrade, response, sockets } },
        route,
      );
    },
    beginClosing: (): void => {
      shared.closing = true;
      for (const socket of sockets) socket.close(1001, 'ERR_CLOSING');
    },
  });
}

/** One request on its way from the socket to its call. */
interface Arrival {
  readonly options: GatewayOptions;
  readonly request: IncomingMessage;
  readonly known: KnownHead;
  readonly connection: Connection;
  readonly exchange: Exchange;
  /** Set where the client asks for a WebSocket. */
  readonly wants?: {
    readonly upgrade: Upgrade;
    readonly response: ServerResponse;
    readonly sockets: Set<ServerSocket>;
  };
}

/** Takes a step with a request; a refusal, or a mistake of the host, becomes its answer. */
function attempt(arrival: Arrival, step: (arrival: Arrival) => Refusal | undefined): void {
  const { options, request, exchange } = arrival;
  try {
    const refusal = step(arrival);
    if (refusal !== undefined) exchange.refuse(refusal, randomUUID());
  } catch (error) {
    const detail = error instanceof Error ? error.stack : String(error);
    const message = `Cannot take ${request.method} ${request.url}: ${detail}`;
    options.log({ level: 'error', message, at: Date.now() });
    exchange.refuse(outcomeRefusal({ kind: 'crashed', cause: 'internal' }), randomUUID());
  }
}

/** Starts the call, now or when its body is here, or says why not. */
function route(arrival: Arrival): Refusal | undefined {
  const { options, request, known, connection, exchange, wants } = arrival;
  const { head } = known;
  if (request.rawHeaders.length > headerFields * 2) return refusals.headers;
  if (request.method === 'TRACE' || request.method === 'CONNECT') return refusals.method;
  const refusal = wants === undefined ? undefined : refuseHandshake(wants.upgrade);
  if (refusal !== undefined) return refusal;
  const asked = { method: request.method ?? 'GET', target: request.url ?? '', known, connection };
  const found = findFunction(options.registry, asked);
  if (found.refusal !== undefined) return found.refusal;
  const { target, match } = found;
  const call = toCall(asked, target, match);
  if (wants !== undefined) {
    const sink = new UpgradeExchange({ exchange, ...wants }, match.target.deployment.limits);
    exchange.start(match.target, toUpgrade(call), sink);
    return undefined;
  }
  connection.keepHead(known);
  if (call.streamed || head.contentLength <= 0) {
    exchange.start(match.target, call);
    return undefined;
  }
  if (request.readableEnded) {
    throw new TypeError(
      'Cannot read the request body: it was read before; mount the handler before body parsers',
    );
  }
  exchange.proceed();
  gatherBody(request, head.contentLength, (body) => {
    attempt(arrival, () => {
      exchange.start(match.target, { ...call, body });
      return undefined;
    });
  });
  return undefined;
}

/** Not HTTP, or not in time. A client that is gone, or an answer half sent, leaves only the connection to end. */
function clientError(error: Error & { code?: string }, socket: Duplex): void {
  const answerable = error.code?.startsWith('HPE_') === true || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (!socket.writable || !answerable) {
    socket.destroy();
    return;
  }
  const last = socket instanceof Socket ? knownConnection(socket)?.pending.at(-1) : undefined;
  const remedy = last === undefined ? 'refuse' : last.broken();
  if (remedy === 'wait') return;
  if (remedy === 'refuse') refuseSocket(socket, errorRefusal(error.code));
  else socket.destroy();
}

function errorRefusal(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return refusals.headers;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusals.timeout;
  return refusals.malformed('Cannot read the request: it is not well-formed HTTP/1.1');
}

/** Writes a refusal where there is no ServerResponse, then closes; a client that stays is cut off after a second. */
function refuseSocket(socket: Duplex, refusal: Refusal): void {
  const { status, headers, text } = errorAnswer(refusal, randomUUID());
  let head = `HTTP/1.1 ${status} ${statusText[status] ?? 'Error'}\r\nconnection: close\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}\r\n${text}`);
  setTimeout(() => socket.destroy(), 1_000).unref();
}

const statusText: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};
