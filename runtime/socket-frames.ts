import { isUtf8 } from 'node:buffer';
import { SocketFrame, socketHeaderBytes } from './guest/protocol.ts';

/** One frame of a WebSocket between host and guest (guest/protocol.ts, SocketFrame), read. */
export type SocketMessage =
  | { readonly kind: 'text' | 'binary'; readonly bytes: Uint8Array }
  /** Code 1005: none was given. */
  | { readonly kind: 'close'; readonly code: number; readonly reason: string };

/** How a socket ended, as the guest is told. */
export interface SocketEnd {
  /** 1005: the close frame had none; 1006: there was no close frame. */
  readonly code: number;
  readonly reason: string;
  /** Both sides sent a close frame. */
  readonly clean: boolean;
}

const kinds: ReadonlySet<number> = new Set(Object.values(SocketFrame));
/** A code and a reason of 123 bytes (RFC 6455, 5.5). */
const mostCloseBytes = 125;

/** A message as a frame of its own memory; `pieces` are its payload, one after the other. */
export function encodeMessage(binary: boolean, pieces: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const frame = Buffer.allocUnsafe(socketHeaderBytes + length);
  frame[0] = binary ? SocketFrame.Binary : SocketFrame.Text;
  frame.writeUInt32LE(length, 1);
  let at = socketHeaderBytes;
  for (const piece of pieces) {
    frame.set(piece, at);
    at += piece.length;
  }
  return frame;
}

/** The last frame towards a guest. */
export function encodeEnd({ code, reason, clean }: SocketEnd): Buffer {
  const text = Buffer.from(reason);
  const frame = Buffer.allocUnsafe(socketHeaderBytes + 3 + text.length);
  frame[0] = SocketFrame.Close;
  frame.writeUInt32LE(3 + text.length, 1);
  frame.writeUInt16LE(code, socketHeaderBytes);
  frame[socketHeaderBytes + 2] = clean ? 1 : 0;
  frame.set(text, socketHeaderBytes + 3);
  return frame;
}

/**
 * Finds the frames in a stream without keeping them: how many messages began, and whether one is too long. Throws
 * TypeError for what is no frame: a guest's runtime writes none such.
 */
export class SocketScanner {
  readonly #mostBytes: number;
  readonly #header: Buffer = Buffer.alloc(socketHeaderBytes);
  #have = 0;
  #left = 0;
  messages = 0;
  /** A message is longer than it may be; nothing is looked at any more. */
  tooLong = false;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.tooLong) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, bytes.length - at);
        this.#left -= part;
        at += part;
        continue;
      }
      this.#header[this.#have] = bytes[at] ?? 0;
      this.#have++;
      at++;
      if (this.#have === socketHeaderBytes) this.#begin();
    }
  }

  #begin(): void {
    this.#have = 0;
    this.#left = this.#header.readUInt32LE(1);
    const kind = this.#header[0] ?? 0;
    if (!kinds.has(kind)) throw new TypeError(`socket frame of kind ${kind}`);
    if (kind === SocketFrame.Close) {
      if (this.#left > mostCloseBytes || this.#left < 2) throw new TypeError('socket close frame');
      return;
    }
    this.messages++;
    if (this.#left > this.#mostBytes) this.tooLong = true;
  }
}

/**
 * Puts a guest's frames together again. Holds at most one message; what is longer than `mostBytes`, is not UTF-8 where it
 * says so, or is no frame at all is a TypeError.
 */
export class SocketReader {
  readonly #mostBytes: number;
  readonly #take: (message: SocketMessage) => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(mostBytes: number, take: (message: SocketMessage) => void) {
    this.#mostBytes = mostBytes;
    this.#take = take;
  }

  /** Bytes of a message that has not come whole. */
  get held(): number {
    return this.#bytes;
  }

  /** Takes ownership. */
  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes >= socketHeaderBytes) {
      const first = this.#gather(socketHeaderBytes);
      const length = first.readUInt32LE(1);
      if (length > Math.max(this.#mostBytes, mostCloseBytes)) throw new TypeError('socket frame too long');
      const whole = socketHeaderBytes + length;
      if (this.#bytes < whole) return;
      const frame = this.#gather(whole);
      const payload = frame.subarray(socketHeaderBytes, whole);
      const rest = frame.subarray(whole);
      this.#pieces = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
      this.#take(toMessage(frame[0] ?? 0, payload));
    }
  }

  /** The pieces so far, joined as far as the first `bytes` of them need it, as one. */
  #gather(bytes: number): Buffer {
    const [only] = this.#pieces;
    if (only !== undefined && only.length >= bytes && this.#pieces.length === 1)
      return Buffer.from(only.buffer, only.byteOffset, only.length);
    if (only !== undefined && only.length >= bytes && bytes === socketHeaderBytes)
      return Buffer.from(only.buffer, only.byteOffset, only.length);
    const all = Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [all];
    return all;
  }
}

function toMessage(kind: number, payload: Buffer): SocketMessage {
  if (kind === SocketFrame.Binary) return { kind: 'binary', bytes: payload };
  if (kind === SocketFrame.Text) {
    if (!isUtf8(payload)) throw new TypeError('socket text is not UTF-8');
    return { kind: 'text', bytes: payload };
  }
  if (kind !== SocketFrame.Close || payload.length < 2 || payload.length > mostCloseBytes)
    throw new TypeError(`socket frame of kind ${kind}`);
  const reason = payload.subarray(2);
  const code = payload.readUInt16LE(0);
  if (!isUtf8(reason) || !isSendable(code)) throw new TypeError('socket close frame');
  return { kind: 'close', code, reason: reason.toString() };
}

/** Codes an endpoint may send (RFC 6455, 7.4, and IANA's registry), and 1005 for none. */
function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999);
}
