import type { IncomingMessage } from 'node:http';
import type { Handle } from '#host/call.ts';

/** Sized bodies up to this are gathered and travel whole with the head; longer and chunked ones are streamed. */
export const gatherBytes: number = 256 * 1024;

/** What is read off a body nobody wants, so that the connection can be used again. */
const lingerBytes = 1024 * 1024;
/** How long a sender of such a body may take to notice the answer. */
const lingerMs = 2_000;

/** Reads a body of `length` bytes, then calls `done` with it, in the turn its last byte came. Owns nothing after. */
export function gatherBody(request: IncomingMessage, length: number, done: (body: Uint8Array) => void): void {
  let pieces: Buffer | undefined;
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    if (received === 0 && chunk.length === length) {
      received = length;
      done(chunk);
      return;
    }
    pieces ??= Buffer.allocUnsafeSlow(length);
    received += chunk.copy(pieces, received);
    if (received === length) done(pieces);
  });
}

/**
 * A streamed request body on its way into a call: passes on what `Sink.wants` asked for and lets the socket wait
 * otherwise. At most one chunk (64 KB) is held here.
 */
export class BodyFeed {
  readonly #request: IncomingMessage;
  readonly #handle: Handle;
  #credit: number;
  #held: Buffer | undefined;
  #ended = false;
  #discarding = false;

  constructor(request: IncomingMessage, handle: Handle, credit: number) {
    this.#request = request;
    this.#handle = handle;
    this.#credit = credit;
    request.on('data', (chunk: Buffer) => this.#take(chunk));
    request.on('end', () => this.#end());
    if (credit <= 0) request.pause();
  }

  /** True once every byte was passed on. */
  get complete(): boolean {
    return this.#ended && this.#held === undefined;
  }

  /** Room for `bytes` more. */
  grant(bytes: number): void {
    if (this.#discarding || !(bytes > 0)) return;
    this.#credit += bytes;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#take(held);
    if (this.#held !== undefined) return;
    if (this.#ended) this.#handle.end();
    else if (this.#credit > 0) this.#request.resume();
  }

  /** The call is over: what still comes is thrown away. */
  discard(): void {
    if (this.#discarding) return;
    this.#discarding = true;
    this.#held = undefined;
    this.#request.removeAllListeners('data');
    discardBody(this.#request);
  }

  #take(chunk: Buffer): void {
    const now = Math.min(chunk.length, this.#credit);
    this.#credit -= now;
    if (now > 0) this.#handle.write(now === chunk.length ? chunk : chunk.subarray(0, now));
    if (now < chunk.length) this.#held = chunk.subarray(now);
    if (this.#credit === 0) this.#request.pause();
  }

  #end(): void {
    this.#ended = true;
    if (this.#held === undefined && !this.#discarding) this.#handle.end();
  }
}

/**
 * Takes the rest of an unwanted body off the wire: up to 1 MB, so that a client still writing sees the answer
 * instead of a reset. One that goes on after that, or takes longer than 2 s, loses its connection.
 */
export function discardBody(request: IncomingMessage): void {
  const { socket } = request;
  if (request.readableEnded || socket.destroyed) return;
  let left = lingerBytes;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.pause();
  });
  request.once('end', () => clearTimeout(timer));
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
