import { frameHeaderBytes } from './frames.ts';

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

/**
 * Frames over a pipe. Frames sent within one turn of the event loop leave in one write: `send` only encodes, and the
 * write happens in the check phase, after every socket that was readable in this turn has been served. A side that
 * lingers lets them wait for those of the next turn too.
 */
export class Channel {
  readonly #pipe: Pipe;
  readonly #longest: number;
  #listener: ChannelListener;
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #used = 0;
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
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turnEnds());
  }

  /** Writes what is encoded now instead of at the end of the turn. */
  flush(): void {
    this.#scheduled = false;
    if (this.#used === 0 || this.#closed) return;
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
    this.flush();
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
      this.#listener.frame(type, chunk.readUInt32LE(at + 5), text, bytes);
      if (this.#closed) return 0;
      at = end;
    }
    return chunk.length - at;
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
