import type { SocketAddress } from './socket-address.ts';
import type { SocketCore } from './socket-core.ts';

/** What the web classes need from outside the isolate; the bootstrap provides it. */
export interface WebIo {
  /** Domain to ASCII (Punycode, lower case), "" on failure. */
  idna(domain: string): string;
  /** Fills with random bytes. */
  random(bytes: Uint8Array): void;
  /** Milliseconds since the epoch; stands still within a turn. */
  now(): number;
  /** performance.timeOrigin, milliseconds since the epoch. */
  readonly origin: number;
  /** Runs `callback` once after `ms`; for AbortSignal.timeout. Default: the global setTimeout at that moment. */
  setTimeout?(callback: () => void, ms: number): unknown;
  /** Runs `run` in a turn of its own, soon, for the invocation at work; with it, it ends. */
  queueTask?(run: () => void): void;
  /** The global fetch, for EventSource; without it there are no connections. */
  fetch?(input: unknown, init: unknown): Promise<unknown>;
  /** An exception nobody catches (a throwing event listener). Default: a rejected promise nobody handles. */
  reportError?(error: unknown): void;
  /** Work of the cell, by method; this thread waits. `args` is JSON text of an array. Throws what the cell says. */
  serve(method: string, args: string, bytes?: Uint8Array): Served;
  /** The same without waiting; at the top level it is done before this returns. */
  serveLater(method: string, args: string, bytes?: Uint8Array): Promise<Served>;
  /** Opens the way of `new WebSocket`, and tells the core of it. Throws where there is none. */
  connect?(core: SocketCore, target: SocketTarget): void;
}

/** What the cell answered. Has no prototype. */
export interface Served {
  readonly value: unknown;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** What a WebSocket is opened to. */
export interface SocketTarget extends SocketAddress {
  readonly protocols: readonly string[];
}

const missing = (): never => {
  throw new TypeError('The web classes are not installed yet; call installWeb first');
};

/** Set once by installWeb; read at call time only, never while modules load. */
export let io: WebIo = {
  idna: missing,
  random: missing,
  now: missing,
  origin: 0,
  serve: missing,
  serveLater: missing,
};

/** Called by installWeb. */
export function setIo(next: WebIo): void {
  io = next;
}

/** "Report the exception" (HTML): nobody awaits what a listener throws. */
export function reportException(error: unknown): void {
  if (io.reportError) {
    io.reportError(error);
    return;
  }
  void Promise.reject(error);
}
