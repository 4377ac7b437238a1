import type { Reply } from './answer.ts';
import type { Incoming, Invocation, Outgoing } from './invocation.ts';
import { writeBytes } from './output.ts';
import {
  NativeUint8Array,
  copyBytes,
  min,
  quoteList,
  setBytes,
  viewBuffer,
  viewLength,
  viewOffset,
} from './primordials.ts';
import { Out, SocketFrame, chunkBytes, initialCredit, socketHeaderBytes } from './protocol.ts';
import {
  type SocketCore,
  type SocketData,
  type SocketListener,
  type Wire,
  decodeUtf8,
  encodeUtf8,
  handOver,
} from './web/index.ts';

interface Frame {
  readonly bytes: Uint8Array;
  next: Frame | undefined;
}

/** Two streams of an invocation that carry a WebSocket (protocol.ts, SocketFrame). */
export class SocketWire implements Incoming, Outgoing, Wire {
  listener: SocketListener;
  readonly #invocation: Invocation;
  readonly #in: number;
  readonly #out: number;
  readonly #done: () => void;
  #credit = initialCredit;
  #first: Frame | undefined;
  #last: Frame | undefined;
  /** Bytes of the first frame that went out. */
  #begun = 0;
  #ended = false;
  #closing = false;
  #isOpen = false;
  #consumed = 0;
  /** Of a frame that has not come whole: its beginning, then room for all of it. */
  #part: Uint8Array = new NativeUint8Array(0);
  #have = 0;

  /** `done` runs once, when it has ended and the listener knows. */
  constructor(
    invocation: Invocation,
    streams: { readonly incoming: number; readonly outgoing: number },
    listener: SocketListener,
    done: () => void,
  ) {
    this.#invocation = invocation;
    this.#in = streams.incoming;
    this.#out = streams.outgoing;
    this.listener = listener;
    this.#done = done;
    invocation.incoming[this.#in] = this;
    invocation.outgoing[this.#out] = this;
  }

  // Wire

  send({ binary, bytes }: SocketData): void {
    if (this.#ended || this.#closing) return;
    this.#push(binary ? SocketFrame.Binary : SocketFrame.Text, bytes);
  }

  close(code: number, reason: string): void {
    if (this.#ended || this.#closing) return;
    this.#closing = true;
    const text = encodeUtf8(reason);
    const payload = new NativeUint8Array(2 + viewLength(text));
    payload[0] = code & 0xff;
    payload[1] = code >> 8;
    setBytes(payload, text, 2);
    this.#push(SocketFrame.Close, payload);
  }

  open(): void {
    this.#isOpen = true;
    this.#grant();
  }

  // Outgoing

  credit(bytes: number): void {
    this.#credit += bytes;
    this.listener.sent(bytes);
    this.#pump();
  }

  cancel(): void {
    this.#lost();
  }

  // Incoming

  chunk(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#consumed += viewLength(bytes);
    this.#read(bytes);
    this.#grant();
  }

  end(): void {
    this.#lost();
  }

  fail(): void {
    this.#lost();
  }

  drop(): void {
    this.#lost();
  }

  #push(kind: number, payload: Uint8Array): void {
    const length = viewLength(payload);
    const bytes = new NativeUint8Array(socketHeaderBytes + length);
    bytes[0] = kind;
    for (let at = 0; at < 4; at++) bytes[1 + at] = (length >>> (at * 8)) & 0xff;
    setBytes(bytes, payload, socketHeaderBytes);
    const frame: Frame = { bytes, next: undefined };
    if (this.#last === undefined) this.#first = frame;
    else this.#last.next = frame;
    this.#last = frame;
    this.#pump();
  }

  /** Sends what the host has room for. */
  #pump(): void {
    for (let frame = this.#first; frame !== undefined && this.#credit > 0; frame = this.#first) {
      const left = viewLength(frame.bytes) - this.#begun;
      const length = min(left, this.#credit, chunkBytes);
      const whole = this.#begun === 0 && length === left;
      const offset = writeBytes(whole ? frame.bytes : copyBytes(frame.bytes, this.#begun, length));
      this.#credit -= length;
      this.#begun += length;
      this.#invocation.emit(Out.Chunk, `[${this.#out},${offset},${length}]`);
      if (length < left) continue;
      this.#begun = 0;
      this.#first = frame.next;
      if (this.#first === undefined) this.#last = undefined;
    }
  }

  /** Room for as much as was taken; a message that is under way is as good as taken. */
  #grant(): void {
    if (this.#ended || !this.#isOpen || this.#consumed < chunkBytes) return;
    this.#invocation.emit(Out.Credit, `[${this.#in},${this.#consumed}]`);
    this.#consumed = 0;
  }

  /** Takes all frames in `bytes`, of which the first may have begun earlier and the last may go on. */
  #read(bytes: Uint8Array): void {
    let at = 0;
    const length = viewLength(bytes);
    while (at < length && !this.#ended) {
      if (this.#have === 0 && length - at >= socketHeaderBytes) {
        const size = socketHeaderBytes + sizeOf(bytes, at);
        if (length - at >= size) {
          this.#take(viewPart(bytes, at, size));
          at += size;
          continue;
        }
      }
      at += this.#gather(bytes, at);
    }
  }

  /** Adds to the frame that is under way, as far as its end; gives how many bytes that took. */
  #gather(bytes: Uint8Array, from: number): number {
    const header = this.#have < socketHeaderBytes;
    if (this.#have === 0) this.#part = new NativeUint8Array(socketHeaderBytes);
    const length = min(viewLength(this.#part) - this.#have, viewLength(bytes) - from);
    setBytes(this.#part, viewPart(bytes, from, length), this.#have);
    this.#have += length;
    if (this.#have < viewLength(this.#part)) return length;
    const size = socketHeaderBytes + sizeOf(this.#part, 0);
    if (header && size > this.#have) {
      const all = new NativeUint8Array(size);
      setBytes(all, this.#part, 0);
      this.#part = all;
      return length;
    }
    this.#have = 0;
    this.#take(this.#part);
    return length;
  }

  #take(frame: Uint8Array): void {
    const payload = viewPart(frame, socketHeaderBytes, viewLength(frame) - socketHeaderBytes);
    const kind = frame[0];
    if (kind !== SocketFrame.Close) {
      this.listener.received({ binary: kind === SocketFrame.Binary, bytes: payload });
      return;
    }
    const code = (payload[0] ?? 0) | ((payload[1] ?? 0) << 8);
    const reason = decodeUtf8(viewPart(payload, 3, viewLength(payload) - 3));
    this.#end({ code, reason, clean: payload[2] === 1 });
  }

  /** It is over without an end of its own. */
  #lost(): void {
    this.#end({ code: 1006, reason: '', clean: false });
  }

  #end(ending: { readonly code: number; readonly reason: string; readonly clean: boolean }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#first = undefined;
    this.#last = undefined;
    delete this.#invocation.incoming[this.#in];
    delete this.#invocation.outgoing[this.#out];
    // Listeners may still hand something to waitUntil: the stream ends after them.
    this.listener.ended(ending);
    this.#invocation.emit(Out.End, `[${this.#out}]`);
    this.#done();
  }
}

/** Accepts the WebSocket of a Response with status 101: the invocation lasts as long as it does. */
export function sendSocket(invocation: Invocation, reply: Reply, core: SocketCore): void {
  invocation.emit(Out.Head, `[101,${quoteList(reply.headers)},3,null]`);
  const wire = new SocketWire(invocation, { incoming: 0, outgoing: 1 }, core, () => invocation.complete());
  handOver(core, wire);
}

function sizeOf(bytes: Uint8Array, at: number): number {
  const low = (bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8) | ((bytes[at + 3] ?? 0) << 16);
  return low + (bytes[at + 4] ?? 0) * 2 ** 24;
}

function viewPart(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return new NativeUint8Array(viewBuffer(bytes), viewOffset(bytes) + from, length);
}
