import { Frame, frameHeaderBytes } from './frames.ts';

/** A two-way byte stream: the inherited socket of a cell, or memory between two halves of one process. */
export interface Pipe {
  write(bytes: Uint8Array): void;
  /** Called once, before anything is written. */
  listen(listener: PipeListener): void;
  close(): void;
}

export interface PipeListener {
  data(bytes: Buffer): void;
  closed(): void;
}

export interface ChannelListener {
  /** `text` and `bytes` are the receiver's to keep; `bytes` is a view that is never written again. */
  frame(type: number, id: number, text: string, bytes: Buffer): void;
  /** All frames that arrived together have been handed over. */
  turn(): void;
  /** Asked when frames are about to leave: true lets them wait for those of one more turn. Absent: they leave. */
  lingers?(): boolean;
  /** The peer is gone, or broke the framing (`problem`). */
  closed(problem?: string): void;
}

const emptyBytes: Buffer = Buffer.alloc(0);
const blockBytes = 64 * 1024;
/** Texts up to this length are packed, up to so much together and so many: what keeps a part keeps the pack's text. */
const longestPacked = 4 * 1024;
const mostPackedText = 16 * 1024;
const mostPacked = 128;
/** Type, id and length of text of each frame of a pack, u32. */
const entryBytes = 12;

/**
 * Frames over a pipe. Frames sent within one turn of the event loop leave in one write: `send` only encodes, and the
 * write happens in the check phase, after every socket that was readable in this turn has been served. A side that
 * lingers lets them wait for those of the next turn too. Short frames of text cross as one (`Frame.Pack`).
 */
export class Channel {
  readonly #pipe: Pipe;
  readonly #longest: number;
  #listener: ChannelListener;
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #used = 0;
  /** The pack that is being filled: its texts, their total length, and three numbers for each. */
  #packed = '';
  readonly #entries: Uint32Array = new Uint32Array(mostPacked * 3);
  readonly #entriesAsBytes: Uint8Array = new Uint8Array(this.#entries.buffer);
  #packedCount = 0;
  #scheduled = false;
  #closed = false;
  #rest: Buffer = emptyBytes;
  /** Pieces of a frame longer than what has arrived so far, joined when it is whole. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #wanted = 0;

  constructor(pipe: Pipe, longest: number, listener: ChannelListener) {
    this.#pipe = pipe;
    this.#longest = longest;
    this.#listener = listener;
    pipe.listen({ data: (bytes) => this.#read(bytes), closed: () => this.#end() });
  }

  /** Encodes one frame; `bytes` is copied. */
  send(type: number, id: number, text: string, bytes?: Uint8Array): void {
    if (this.#closed) return;
    if (text.length > longestPacked || (bytes !== undefined && bytes.length > 0)) {
      this.#endPack();
      this.#encode(type, id, text, bytes);
    } else {
      const entries = this.#entries;
      const at = this.#packedCount * 3;
      entries[at] = type;
      entries[at + 1] = id;
      entries[at + 2] = text.length;
      this.#packed += text;
      this.#packedCount++;
      if (this.#packedCount === mostPacked || this.#packed.length > mostPackedText) this.#endPack();
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turnEnds());
  }

  #endPack(): void {
    const count = this.#packedCount;
    if (count === 0) return;
    const text = this.#packed;
    this.#packed = '';
    this.#packedCount = 0;
    const [type = 0, id = 0] = this.#entries;
    if (count === 1) this.#encode(type, id, text, undefined);
    else this.#encode(Frame.Pack, count, text, this.#entriesAsBytes.subarray(0, count * entryBytes));
  }

  // oxlint-disable-next-line max-params -- the four parts of a frame, on the hot path
  #encode(type: number, id: number, text: string, bytes: Uint8Array | undefined): void {
    const extra = bytes === undefined ? 0 : bytes.length;
    const most = frameHeaderBytes + text.length * 3 + extra;
    if (most > this.#block.length - this.#used)
      this.#makeRoom(frameHeaderBytes + Buffer.byteLength(text) + extra);
    const block = this.#block;
    const at = this.#used;
    const textBytes = text.length === 0 ? 0 : block.write(text, at + frameHeaderBytes, 'utf8');
    let end = at + frameHeaderBytes + textBytes;
    if (bytes !== undefined && extra > 0) {
      block.set(bytes, end);
      end += extra;
    }
    block.writeUInt32LE(end - at - 4, at);
    block[at + 4] = type;
    block.writeUInt32LE(id, at + 5);
    block.writeUInt32LE(textBytes, at + 9);
    this.#used = end;
  }

  /** Writes what is encoded now instead of at the end of the turn. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    this.#endPack();
    if (this.#used > 0) this.#write();
  }

  #write(): void {
    const full = this.#block.subarray(0, this.#used);
    // The pipe may keep the memory until it is written: the next frames go to the rest of the block, or a new one.
    const left = this.#block.length - this.#used;
    this.#block = left >= 4096 ? this.#block.subarray(this.#used) : Buffer.allocUnsafeSlow(blockBytes);
    this.#used = 0;
    this.#pipe.write(full);
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#pipe.close();
  }

  #turnEnds(): void {
    if (this.#listener.lingers?.() === true) setImmediate(() => this.flush());
    else this.flush();
  }

  #makeRoom(exact: number): void {
    if (exact <= this.#block.length - this.#used) return;
    if (this.#used > 0) this.#write();
    if (exact > this.#block.length) this.#block = Buffer.allocUnsafeSlow(Math.max(blockBytes, exact));
  }

  #read(bytes: Buffer): void {
    if (this.#closed) return;
    let chunk = bytes;
    if (this.#wanted > 0) {
      this.#pieces.push(bytes);
      this.#pieceBytes += bytes.length;
      if (this.#pieceBytes < this.#wanted) return;
      chunk = Buffer.concat(this.#pieces, this.#pieceBytes);
      this.#pieces = [];
      this.#pieceBytes = 0;
      this.#wanted = 0;
    } else if (this.#rest.length > 0) {
      chunk = Buffer.concat([this.#rest, bytes]);
      this.#rest = emptyBytes;
    }
    const left = this.#frames(chunk);
    if (this.#closed) return;
    if (left > 0) this.#rest = chunk.subarray(chunk.length - left);
    this.#listener.turn();
  }

  /** Hands over the whole frames in `chunk`; returns how many bytes at its end belong to a frame not yet whole. */
  #frames(chunk: Buffer): number {
    let at = 0;
    while (chunk.length - at >= frameHeaderBytes) {
      const length = chunk.readUInt32LE(at);
      const textBytes = chunk.readUInt32LE(at + 9);
      if (
        length > this.#longest ||
        length + 4 < frameHeaderBytes ||
        textBytes > length + 4 - frameHeaderBytes
      ) {
        this.#end(`a frame of ${length} bytes with ${textBytes} bytes of text`);
        return 0;
      }
      const end = at + 4 + length;
      if (end > chunk.length) return this.#await(chunk, at, length + 4);
      const textAt = at + frameHeaderBytes;
      const text = textBytes === 0 ? '' : chunk.toString('utf8', textAt, textAt + textBytes);
      const type = chunk[at + 4] ?? 0;
      const bytesAt = textAt + textBytes;
      const bytes = bytesAt === end ? emptyBytes : chunk.subarray(bytesAt, end);
      const id = chunk.readUInt32LE(at + 5);
      if (type === Frame.Pack) this.#unpack(id, text, bytes);
      else this.#listener.frame(type, id, text, bytes);
      if (this.#closed) return 0;
      at = end;
    }
    return chunk.length - at;
  }

  #unpack(count: number, text: string, entries: Buffer): void {
    let from = 0;
    for (let at = 0; at + entryBytes <= entries.length; at += entryBytes) {
      const type = entries.readUInt32LE(at);
      const to = from + entries.readUInt32LE(at + 8);
      if (to > text.length || type === Frame.Pack) break;
      this.#listener.frame(type, entries.readUInt32LE(at + 4), text.slice(from, to), emptyBytes);
      if (this.#closed) return;
      from = to;
    }
    if (from !== text.length || entries.length !== count * entryBytes)
      this.#end(`a pack of ${count} frames with ${text.length} characters`);
  }

  #await(chunk: Buffer, at: number, length: number): number {
    this.#pieces = [chunk.subarray(at)];
    this.#pieceBytes = chunk.length - at;
    this.#wanted = length;
    return 0;
  }

  #end(problem?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipe.close();
    this.#listener.closed(problem);
  }
}

/** Two ends of a pipe within one process. Bytes arrive in a later turn, as they would over a socket. */
export function memoryPipes(): { readonly near: Pipe; readonly far: Pipe } {
  const near = new MemoryPipe();
  const far = new MemoryPipe();
  near.peer = far;
  far.peer = near;
  return { near, far };
}

class MemoryPipe implements Pipe {
  peer: MemoryPipe | undefined;
  #listener: PipeListener | undefined;
  #early: Buffer[] = [];

  write(bytes: Uint8Array): void {
    const peer = this.peer;
    if (peer === undefined) return;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    setImmediate(() => peer.#receive(whole));
  }

  listen(listener: PipeListener): void {
    this.#listener = listener;
    for (const bytes of this.#early) setImmediate(() => listener.data(bytes));
    this.#early = [];
  }

  close(): void {
    const peer = this.peer;
    if (peer === undefined) return;
    this.peer = undefined;
    setImmediate(() => {
      peer.peer = undefined;
      peer.#listener?.closed();
    });
  }

  #receive(bytes: Buffer): void {
    if (this.#listener === undefined) {
      this.#early.push(bytes);
      return;
    }
    this.#listener.data(bytes);
  }
}
