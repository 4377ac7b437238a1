import {
  cloneBuffer,
  copyBytes,
  createBuffer,
  makeBytes,
  transferBuffer,
  type ViewConstructor,
  type ViewParts,
} from './buffers.ts';
import { Fifo } from './fifo.ts';

/** Memory that waits to be filled. Streams, 4.7.2 "pull-into descriptor". */
export class PullInto {
  buffer: ArrayBuffer;
  readonly bufferBytes: number;
  readonly offset: number;
  readonly bytes: number;
  readonly elementBytes: number;
  readonly make: ViewConstructor;
  /** Bytes that answer it. */
  readonly minimum: number;
  filled = 0;
  readerKind: 'default' | 'byob' | 'none';

  private constructor(parts: ViewParts, minimum: number, readerKind: 'default' | 'byob') {
    this.buffer = parts.buffer;
    this.bufferBytes = parts.bufferBytes;
    this.offset = parts.offset;
    this.bytes = parts.bytes;
    this.elementBytes = parts.elementBytes;
    this.make = parts.make;
    this.minimum = minimum * parts.elementBytes;
    this.readerKind = readerKind;
  }

  /** Takes the view's buffer over; TypeError when that cannot be. `minimum` in elements. */
  static forView(parts: ViewParts, minimum: number): PullInto {
    return new PullInto({ ...parts, buffer: transferBuffer(parts.buffer) }, minimum, 'byob');
  }

  /** Memory of ours for a default reader; RangeError when there is not so much. */
  static allocate(bytes: number): PullInto {
    const buffer = createBuffer(bytes);
    const parts = { buffer, bufferBytes: bytes, offset: 0, bytes, length: bytes };
    return new PullInto({ ...parts, elementBytes: 1, make: makeBytes }, 1, 'default');
  }

  /** Bytes beyond the last whole element. */
  get remainder(): number {
    return this.filled % this.elementBytes;
  }

  /** The filled part as its reader gets it; detaches the buffer. */
  toView(): ArrayBufferView {
    const { make, offset, filled, elementBytes } = this;
    return new make(transferBuffer(this.buffer), offset, filled / elementBytes);
  }
}

interface Piece {
  readonly buffer: ArrayBuffer;
  offset: number;
  bytes: number;
}

/** Bytes that wait for a reader. */
export class ByteQueue {
  readonly #pieces: Fifo<Piece> = new Fifo();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  push(buffer: ArrayBuffer, offset: number, bytes: number): void {
    this.#pieces.push({ buffer, offset, bytes });
    this.#total += bytes;
  }

  /** RangeError when there is no memory for the copy. */
  pushCopy(buffer: ArrayBuffer, offset: number, bytes: number): void {
    this.push(cloneBuffer(buffer, offset, bytes), 0, bytes);
  }

  /** Of a queue that is not empty. */
  shift(): Piece {
    const piece = this.#pieces.shift() as Piece;
    this.#total -= piece.bytes;
    return piece;
  }

  clear(): void {
    this.#pieces.clear();
    this.#total = 0;
  }

  /** Moves what is here into `target`; true when that answers it. Streams, 4.9.5 "FillPullIntoDescriptorFromQueue". */
  fill(target: PullInto): boolean {
    const most = Math.min(this.#total, target.bytes - target.filled);
    const aligned = target.filled + most - ((target.filled + most) % target.elementBytes);
    const ready = aligned >= target.minimum;
    let left = ready ? aligned - target.filled : most;
    while (left > 0) {
      const head = this.#pieces.first as Piece;
      const bytes = Math.min(left, head.bytes);
      const to = { buffer: target.buffer, at: target.offset + target.filled };
      copyBytes(to, { buffer: head.buffer, at: head.offset }, bytes);
      if (head.bytes === bytes) this.#pieces.shift();
      else {
        head.offset += bytes;
        head.bytes -= bytes;
      }
      this.#total -= bytes;
      target.filled += bytes;
      left -= bytes;
    }
    return ready;
  }
}
