import type { Incoming, Invocation, Outgoing } from './invocation.ts';
import {
  NativeError,
  NativePromise,
  NativeUint8Array,
  copyBytes,
  defineProperty,
  min,
  quote,
  setBytes,
  viewLength,
} from './primordials.ts';
import { writeBytes } from './output.ts';
import { Out, chunkBytes, initialCredit } from './protocol.ts';
import { describe } from './thrown.ts';
import { createByteStream, openReader } from './web/index.ts';

interface Node {
  readonly bytes: Uint8Array;
  next: Node | undefined;
}

type Sink = Parameters<Parameters<typeof createByteStream>[0]['pull']>[0];

/** A body on its way in: kept until the guest reads it, which grants the sender more. */
export class IncomingBody implements Incoming {
  readonly #invocation: Invocation;
  readonly #number: number;
  #head: Node | undefined;
  #tail: Node | undefined;
  /** Where a reader waits. */
  #sink: Sink | undefined;
  /** Where it is said at once that the body failed; what came before and was not read is lost, as Streams has it. */
  #broken: Sink | undefined;
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open';
  #error: unknown;
  #consumed = 0;
  #stream: ReadableStream<Uint8Array> | undefined;
  #wake: (() => void) | undefined;
  /** What a body that fails fails with. */
  Failure: new (message: string) => Error = NativeError;

  constructor(invocation: Invocation, number: number) {
    this.#invocation = invocation;
    this.#number = number;
    invocation.incoming[number] = this;
  }

  chunk(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    const node: Node = { bytes, next: undefined };
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    this.#feed();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#feed();
  }

  fail(message: unknown, code: unknown): void {
    const error = new this.Failure(typeof message === 'string' ? message : 'The body failed');
    const property = { __proto__: null, value: code, writable: true, configurable: true };
    if (typeof code === 'string') defineProperty(error, 'code', property as never);
    this.drop(error);
  }

  drop(reason: Error): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = reason;
    this.#feed();
  }

  /** The guest's own stream broke off (an aborted fetch): tells the sender too. */
  breakOff(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#cancel();
    this.#state = 'failed';
    this.#error = reason;
    this.#feed();
  }

  /** The body as the guest reads it; made once. */
  stream(): ReadableStream<Uint8Array> {
    this.#stream ??= createByteStream({
      start: (sink) => {
        this.#broken = sink;
      },
      pull: (sink) => {
        this.#sink = sink;
        this.#feed();
      },
      cancel: () => this.#cancel(),
    });
    return this.#stream;
  }

  /** All of it, for handlers that want the body whole. Rejects when it fails. */
  async collect(): Promise<Uint8Array> {
    let total = 0;
    let first: Node | undefined;
    let last: Node | undefined;
    for (;;) {
      for (let bytes = this.#take(); bytes !== undefined; bytes = this.#take()) {
        const node: Node = { bytes, next: undefined };
        if (last === undefined) first = node;
        else last.next = node;
        last = node;
        total += viewLength(bytes);
      }
      if (this.#state !== 'open') break;
      await new NativePromise<void>((done) => (this.#wake = done));
    }
    if (this.#error !== undefined) throw this.#error;
    const all = new NativeUint8Array(total);
    let offset = 0;
    for (let node = first; node !== undefined; node = node.next) {
      setBytes(all, node.bytes, offset);
      offset += viewLength(node.bytes);
    }
    return all;
  }

  /** Gives a waiting reader what is here. */
  #feed(): void {
    const sink = this.#sink ?? (this.#state === 'failed' ? this.#broken : undefined);
    if (sink === undefined) {
      this.#stir();
      return;
    }
    const bytes = this.#state === 'failed' ? undefined : this.#take();
    if (bytes === undefined && this.#state === 'open') return;
    this.#sink = undefined;
    if (bytes !== undefined) sink.enqueue(bytes);
    else if (this.#error === undefined) sink.close();
    else sink.error(this.#error);
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #take(): Uint8Array | undefined {
    const node = this.#head;
    if (node === undefined) return undefined;
    this.#head = node.next;
    if (node.next === undefined) this.#tail = undefined;
    this.#consumed += viewLength(node.bytes);
    if (this.#consumed >= chunkBytes && this.#state === 'open') {
      this.#invocation.emit(Out.Credit, `[${this.#number},${this.#consumed}]`);
      this.#consumed = 0;
    }
    return node.bytes;
  }

  #cancel(): void {
    this.#head = undefined;
    this.#tail = undefined;
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    this.#invocation.emit(Out.Cancel, `[${this.#number}]`);
  }
}

/** A body on its way out, sent as fast as the receiver grants. */
export class OutgoingBody implements Outgoing {
  readonly #invocation: Invocation;
  readonly #number: number;
  readonly #done: () => void;
  #credit = initialCredit;
  #wake: (() => void) | undefined;
  #stopped = false;
  #stop: ((reason: unknown) => void) | undefined;

  /** `done` runs once: at the end, when the source fails, and when the receiver wants no more. */
  constructor(invocation: Invocation, number: number, done: () => void) {
    this.#invocation = invocation;
    this.#number = number;
    this.#done = done;
    invocation.outgoing[number] = this;
  }

  credit(bytes: number): void {
    this.#credit += bytes;
    this.#stir();
  }

  cancel(): void {
    if (this.#stopped) return;
    this.drop(new NativeError('The receiver wants no more of this body'));
    this.#done();
  }

  drop(reason: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    delete this.#invocation.outgoing[this.#number];
    this.#stir();
    this.#stop?.(reason);
  }

  /** Takes ownership of whole bytes. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    try {
      await this.#send(bytes);
      this.#finish(Out.End, `[${this.#number}]`);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async sendStream(stream: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const reader = openReader(stream);
      this.#stop = (reason) => void ignoreFailure(reader.cancel(reason));
      for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
        await this.#send(chunk);
        if (this.#stopped) return;
      }
      this.#finish(Out.End, `[${this.#number}]`);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const total = viewLength(bytes);
    let sent = 0;
    while (sent < total && !this.#stopped) {
      const length = min(total - sent, this.#credit, chunkBytes);
      if (length === 0) {
        await new NativePromise<void>((done) => (this.#wake = done));
        continue;
      }
      // The guest may still hold the buffer: what is sent is what it was now.
      const offset = writeBytes(copyBytes(bytes, sent, length));
      this.#credit -= length;
      sent += length;
      this.#invocation.emit(Out.Chunk, `[${this.#number},${offset},${length}]`);
    }
  }

  #fail(thrown: unknown): void {
    const { name, message } = describe(thrown);
    this.#finish(Out.Fail, `[${this.#number},${quote(`${name}: ${message}`)}]`);
    this.#stop?.(new NativeError('The body was broken off'));
  }

  #finish(letter: string, json: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    delete this.#invocation.outgoing[this.#number];
    this.#invocation.emit(letter, json);
    this.#done();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

async function ignoreFailure(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch {
    // The guest's cancel callback threw; nobody waits for it.
  }
}
