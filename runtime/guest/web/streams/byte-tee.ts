import { cloneBytes, viewParts, type ViewParts } from './buffers.ts';
import type { ByobState, ByteControl } from './byte-control.ts';
import { createReadableBytes } from './create.ts';
import { Latch, settled, upon } from './promises.ts';
import { type ReadableState, ReaderState, type ReadRequest } from './readable-state.ts';
import { type Branch, type Branches, cancelBranch } from './tee.ts';

interface ByteBranch extends Branch<ByteControl> {
  /** It was pulled while a read was under way. */
  readAgain: boolean;
}

/** Streams, 4.9.1 "ReadableByteStreamTee": reads into the memory of whichever branch asks. */
export function teeBytes(source: ReadableState): Branches {
  const one = {} as ByteBranch;
  const two = {} as ByteBranch;
  const both = [one, two] as const;
  const tee = new ByteTee(source, both);
  for (const branch of both) {
    Object.assign(branch, { canceled: false, reason: undefined, readAgain: false });
    Object.assign(
      branch,
      createReadableBytes({
        pull: () => tee.pull(branch),
        cancel: (reason) => tee.cancel(branch, reason),
      }),
    );
  }
  tee.watch();
  return { first: one.stream, second: two.stream };
}

class ByteTee {
  readonly #source: ReadableState;
  readonly #both: readonly [ByteBranch, ByteBranch];
  readonly #cancelled: Latch = new Latch(false);
  readonly cancel: (branch: ByteBranch, reason: unknown) => Promise<unknown>;
  #reader: ReaderState;
  #reading = false;

  constructor(source: ReadableState, both: readonly [ByteBranch, ByteBranch]) {
    this.#source = source;
    this.#both = both;
    this.#reader = new ReaderState(source, 'default');
    this.cancel = cancelBranch(source, both, this.#cancelled);
  }

  /** Tells the branches when the source fails. */
  watch(): void {
    const reader = this.#reader;
    upon(
      reader.closed.promise,
      () => undefined,
      (reason) => {
        if (reader !== this.#reader) return;
        this.#fail(reason);
        this.#settle();
      },
    );
  }

  pull(branch: ByteBranch): Promise<unknown> {
    if (this.#reading) {
      branch.readAgain = true;
      return settled;
    }
    this.#reading = true;
    const request = branch.control.byobRequest;
    if (request === undefined) this.#pullDefault();
    else this.#pullInto(branch, request);
    return settled;
  }

  #pullDefault(): void {
    this.#useReader('default');
    const request: ReadRequest = {
      chunk: (value) => upon(settled, () => this.#deliver(value as Uint8Array)),
      close: () => {
        this.#reading = false;
        for (const branch of this.#both) if (!branch.canceled) branch.control.close();
        for (const branch of this.#both) if (branch.control.waitsForBytes) branch.control.respond(0);
        this.#settle();
      },
      error: () => {
        this.#reading = false;
      },
    };
    this.#reader.read(request);
  }

  #deliver(chunk: Uint8Array): void {
    const [one, two] = this.#both;
    this.#forgetAgain();
    let other = chunk;
    if (!one.canceled && !two.canceled) {
      const copy = this.#copy(chunk);
      if (copy === undefined) return;
      other = copy;
    }
    if (!one.canceled) one.control.enqueue(partsOf(chunk));
    if (!two.canceled) two.control.enqueue(partsOf(other));
    this.#readOn();
  }

  #pullInto(branch: ByteBranch, { view }: ByobState): void {
    this.#useReader('byob');
    const other = this.#both[0] === branch ? this.#both[1] : this.#both[0];
    const request: ReadRequest = {
      chunk: (value) => upon(settled, () => this.#deliverInto(branch, other, value as Uint8Array)),
      close: (end) => {
        this.#reading = false;
        if (!branch.canceled) branch.control.close();
        if (!other.canceled) other.control.close();
        if (end !== undefined) {
          if (!branch.canceled) branch.control.respondWithView(partsOf(end));
          if (!other.canceled && other.control.waitsForBytes) other.control.respond(0);
        }
        if (!branch.canceled || !other.canceled) this.#cancelled.resolve();
      },
      error: () => {
        this.#reading = false;
      },
    };
    const stream = this.#source;
    stream.disturbed = true;
    if (stream.state === 'errored') request.error(stream.error);
    else (stream.control as ByteControl).pullInto(partsOf(view as Uint8Array), 1, request);
  }

  #deliverInto(branch: ByteBranch, other: ByteBranch, chunk: Uint8Array): void {
    this.#forgetAgain();
    if (other.canceled) {
      if (!branch.canceled) branch.control.respondWithView(partsOf(chunk));
    } else {
      const copy = this.#copy(chunk);
      if (copy === undefined) return;
      if (!branch.canceled) branch.control.respondWithView(partsOf(chunk));
      other.control.enqueue(partsOf(copy));
    }
    this.#readOn();
  }

  /** Undefined when there is no memory for it: both branches have failed then. */
  #copy(chunk: Uint8Array): Uint8Array | undefined {
    try {
      return cloneBytes(chunk);
    } catch (error) {
      this.#fail(error);
      this.#cancelled.resolve(this.#source.cancel(error));
      return undefined;
    }
  }

  #useReader(kind: 'default' | 'byob'): void {
    if (this.#reader.kind === kind) return;
    this.#reader.release();
    this.#reader = new ReaderState(this.#source, kind);
    this.watch();
  }

  #forgetAgain(): void {
    for (const branch of this.#both) branch.readAgain = false;
  }

  #readOn(): void {
    this.#reading = false;
    const [one, two] = this.#both;
    if (one.readAgain) void this.pull(one);
    else if (two.readAgain) void this.pull(two);
  }

  #fail(reason: unknown): void {
    for (const branch of this.#both) branch.control.error(reason);
  }

  #settle(): void {
    if (!this.#both[0].canceled || !this.#both[1].canceled) this.#cancelled.resolve();
  }
}

function partsOf(view: ArrayBufferView): ViewParts {
  return viewParts(view) as ViewParts;
}
