import { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Body, Handle, RequestCall, Sink } from '#host/call.ts';
import type { Limits } from '#runtime/limits.ts';
import type { Usage } from '#runtime/meter.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Refusal } from './error-answer.ts';
import { refusals, unusableAnswer } from './error-answer.ts';
import type { Exchange } from './exchange.ts';
import { toResponseHead } from './response-head.ts';
import { ServerSocket } from './server-socket.ts';
import type { Upgrade } from './server-socket.ts';

/** RFC 6455, 4.1: sixteen bytes in base64. */
const keyPattern = /^[+/0-9A-Za-z]{22}==$/;
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** How long a client may take to read a plain answer to its request before it is cut off. */
const lingerMs = 1_000;

/** A response for a connection that Node's server has given up; it is the last one there. */
export function toResponse({ request, socket }: Upgrade): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  socket.on('error', () => socket.destroy());
  if (socket instanceof Socket) response.assignSocket(socket);
  response.on('finish', () => {
    if (socket instanceof Socket) response.detachSocket(socket);
    socket.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  });
  return response;
}

/** Why this is no opening handshake (RFC 6455, 4.2.1); undefined when it is one. */
export function refuseHandshake({ request }: Upgrade): Refusal | undefined {
  const { headers, method } = request;
  if (method !== 'GET') return refusals.handshake('a WebSocket is opened by GET');
  if (headers.upgrade?.toLowerCase() !== 'websocket')
    return refusals.handshake(`this server speaks no ${JSON.stringify(headers.upgrade)}`);
  if (!keyPattern.test(headers['sec-websocket-key'] ?? ''))
    return refusals.handshake('its sec-websocket-key is not sixteen bytes in base64');
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    return refusals.handshake('it has a body');
  if (offeredOf(request.headers['sec-websocket-protocol']) === undefined)
    return refusals.handshake('its sec-websocket-protocol is not a list of tokens');
  return headers['sec-websocket-version'] === '13' ? undefined : refusals.version;
}

/** The call of a request that may become a WebSocket; it says so in the headers that are kept from others. */
export function toUpgrade(call: RequestCall): RequestCall {
  const { json, ...rest } = call;
  void json;
  const headers = [...call.headers, 'connection', 'Upgrade', 'upgrade', 'websocket'];
  return { ...rest, headers, upgrade: true };
}

/** The sink of a call that may become a WebSocket; until then it is an exchange as any. */
export class UpgradeExchange implements Sink {
  readonly #exchange: Exchange;
  readonly #upgrade: Upgrade;
  readonly #response: ServerResponse;
  readonly #limits: Limits;
  readonly #sockets: Set<ServerSocket>;
  #socket: ServerSocket | undefined;

  constructor(
    wire: {
      exchange: Exchange;
      upgrade: Upgrade;
      response: ServerResponse;
      /** All that are open. */
      sockets: Set<ServerSocket>;
    },
    limits: Limits,
  ) {
    this.#exchange = wire.exchange;
    this.#upgrade = wire.upgrade;
    this.#response = wire.response;
    this.#limits = limits;
    this.#sockets = wire.sockets;
  }

  head(status: number, headers: readonly string[], body: Body): void {
    if (status !== 101) return this.#exchange.head(status, headers, body);
    const { handle } = this.#exchange;
    if (handle !== undefined) this.#open(handle, headers);
  }

  chunk(bytes: Uint8Array): void {
    if (this.#socket === undefined) this.#exchange.chunk(bytes);
    else this.#socket.chunk(bytes);
  }

  end(): void {
    if (this.#socket === undefined) this.#exchange.end();
    else this.#socket.end();
  }

  wants(bytes: number): void {
    this.#socket?.wants(bytes);
  }

  done(outcome: Outcome, usage: Usage): void {
    void usage;
    if (this.#socket === undefined) this.#exchange.done(outcome);
    else this.#socket.done(outcome);
  }

  #open(handle: Handle, given: readonly string[]): void {
    const offered = offeredOf(this.#upgrade.request.headers['sec-websocket-protocol']) ?? [];
    const protocol = headerOf(given, 'sec-websocket-protocol');
    const head = toResponseHead({
      id: handle.id,
      method: 'GET',
      status: 204,
      headers: given,
      body: { kind: 'none' },
    });
    const unusable = head === undefined || (protocol !== undefined && !offered.includes(protocol));
    const { socket } = this.#upgrade;
    if (unusable) {
      this.#exchange.refuse(unusableAnswer, handle.id);
      return handle.abort();
    }
    if (!this.#exchange.leave()) return;
    if (socket instanceof Socket) this.#response.detachSocket(socket);
    const opened = ServerSocket.open(this.#upgrade, {
      handle,
      limits: this.#limits,
      protocol,
      headers: withoutHandshake(head.headers),
      closed: (over) => this.#sockets.delete(over),
    });
    if (opened === undefined) return handle.abort();
    this.#socket = opened;
    this.#sockets.add(opened);
  }
}

/** Names in a sec-websocket-protocol header; undefined when one is no token, or there twice (RFC 6455, 4.1). */
function offeredOf(header: string | undefined): readonly string[] | undefined {
  if (header === undefined) return [];
  const names = header.split(',').map((name) => name.trim());
  if (!names.every((name) => tokenPattern.test(name))) return undefined;
  return new Set(names).size === names.length ? names : undefined;
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return headers[i + 1];
  return undefined;
}

/** What the handshake writes itself, and what describes a body, is not the function's to say. */
function withoutHandshake(headers: readonly string[]): readonly string[] {
  return headers.filter((_, i) => {
    const name = headers[i - (i % 2)] ?? '';
    return !name.startsWith('sec-websocket-') && name !== 'content-length' && name !== 'content-type';
  });
}
