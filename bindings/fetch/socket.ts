import type { WebSocket } from 'ws';
import { HostError } from '#runtime/errors.ts';
import { encodeEnd, encodeMessage, SocketReader } from '#runtime/socket-frames.ts';
import type { SocketMessage } from '#runtime/socket-frames.ts';

export interface OutgoingSocketOptions {
  /** Both directions have as much. */
  readonly mostBytes: { readonly sent: number; readonly received: number };
  readonly messageBytes: number;
  /** Frames of the guest. */
  readonly frames: AsyncIterable<Uint8Array>;
  /** Of the host asked for, for messages. */
  readonly host: string;
  /** It is closed. */
  readonly done: () => void;
}

/** What may wait for the guest before the server is not read any more. */
const waitingBytes = 64 * 1024;
/** What may wait for the network before the guest is not read any more. */
const unsentBytes = 256 * 1024;

/**
 * A WebSocket that a guest has opened, between its frames and the server: an AsyncIterable of frames for the guest, which
 * ends with the socket. `return()` breaks it off.
 */
export class OutgoingSocket implements AsyncIterableIterator<Uint8Array> {
  readonly #socket: WebSocket;
  readonly #options: OutgoingSocketOptions;
  readonly #reader: SocketReader;
  readonly #queue: Buffer[] = [];
  #queued = 0;
  #sent = 0;
  #received = 0;
  #state: 'open' | 'ended' | HostError = 'open';
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, options: OutgoingSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new SocketReader(options.messageBytes, (message) => this.#send(message));
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => this.#take(data as Buffer, isBinary));
    socket.on('close', (code, reason) => {
      this.#push(encodeEnd({ code, reason: reason.toString(), clean: code !== 1006 }));
      this.#end('ended');
    });
    socket.resume();
    void this.#pump();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const frame = this.#queue.shift();
      if (frame !== undefined) {
        this.#queued -= frame.length;
        if (this.#queue.length === 0 && this.#state === 'open') this.#socket.resume();
        return { done: false, value: frame };
      }
      if (this.#state instanceof HostError) throw this.#state;
      if (this.#state === 'ended') return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#queue.length = 0;
    // Going away; a server that does not answer is cut off.
    this.#close(1001, '');
    this.#end('ended');
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The guest's frames, as fast as the network takes them. */
  async #pump(): Promise<void> {
    try {
      for await (const bytes of this.#options.frames) {
        this.#sent += bytes.length;
        if (this.#sent > this.#options.mostBytes.sent)
          return this.#fail(
            `it was sent more than ${this.#options.mostBytes.sent} bytes; raise egress.requestBytes`,
          );
        this.#reader.push(bytes);
        if (this.#socket.bufferedAmount > unsentBytes) await this.#drained();
      }
    } catch {
      // The invocation is over, or its cell sent what is no frame: the socket is nobody's.
    }
    this.#close(1001, '');
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const { socket } = { socket: this.#socket };
      const check = (): void => {
        if (socket.bufferedAmount > unsentBytes && socket.readyState === socket.OPEN) return;
        clearInterval(timer);
        resolve();
      };
      const timer = setInterval(check, 10);
    });
  }

  #send(message: SocketMessage): void {
    if (message.kind === 'close') return this.#close(message.code, message.reason);
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(message.bytes, { binary: message.kind === 'binary' });
  }

  #close(code: number, reason: string): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return;
    if (code === 1005) socket.close();
    else socket.close(code, reason);
    socket.resume();
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#state !== 'open' || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#received += data.length;
    if (this.#received > this.#options.mostBytes.received)
      return this.#fail(
        `it sent more than ${this.#options.mostBytes.received} bytes; raise egress.responseBytes`,
      );
    this.#push(encodeMessage(isBinary, [data]));
    if (this.#queued > waitingBytes) this.#socket.pause();
  }

  #push(frame: Buffer): void {
    if (this.#state !== 'open') return;
    this.#queue.push(frame);
    this.#queued += frame.length;
    this.#wake?.();
  }

  #fail(reason: string): void {
    this.#end(
      new HostError('ERR_EGRESS_LIMIT', `Cannot go on with ${JSON.stringify(this.#options.host)}: ${reason}`),
    );
    this.#socket.terminate();
  }

  #end(state: 'ended' | HostError): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#options.done();
    this.#wake?.();
  }
}
