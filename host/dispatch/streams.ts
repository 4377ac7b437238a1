import { HostError } from '#runtime/errors.ts';
import { chunkBytes, In, initialCredit } from '#runtime/guest/protocol.ts';

/** How the host speaks to a guest about one invocation. */
export interface GuestLine {
  /** `rest` is the JSON of the message after its kind and invocation number, without brackets. */
  send(kind: number, rest: string, bytes?: Uint8Array): void;
}

/** A body that comes from the guest, pulled by a binding. Its reader grants the guest room as it goes. */
export class IncomingStream implements AsyncIterable<Uint8Array> {
  readonly #guest: GuestLine;
  readonly #number: number;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #state: 'open' | 'ended' | { readonly error: Error } = 'open';
  #wake: (() => void) | undefined;

  constructor(guest: GuestLine, number: number) {
    this.#guest = guest;
    this.#number = number;
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > initialCredit * 2) return this.fail('more bytes than were asked for');
    this.#queue.push(bytes);
    this.#wake?.();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  fail(message: string): void {
    if (this.#state === 'open') this.#state = { error: new Error(message) };
    this.#wake?.();
  }

  /** Nobody is going to read it. */
  discard(): void {
    if (this.#state === 'open') this.#guest.send(In.Cancel, `${this.#number}`);
    this.#state = 'ended';
    this.#queue = [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const bytes = this.#queue.shift();
        if (bytes !== undefined) {
          this.#queuedBytes -= bytes.length;
          yield bytes;
          this.#guest.send(In.Credit, `${this.#number},${bytes.length}`);
          continue;
        }
        const state = this.#state;
        if (state === 'ended') return;
        if (state !== 'open') throw state.error;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.discard();
    }
  }
}

/** A body on its way to the guest, as fast as the guest grants room. */
export class OutgoingStream {
  readonly #guest: GuestLine;
  readonly #number: number;
  #credit = initialCredit;
  #cancelled = false;
  #source: AsyncIterator<Uint8Array> | undefined;
  #wake: (() => void) | undefined;

  constructor(guest: GuestLine, number: number) {
    this.#guest = guest;
    this.#number = number;
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** The guest wants no more: the source is told at once, also while its next piece is awaited. */
  cancel(): void {
    this.#cancelled = true;
    this.#wake?.();
    void this.#source?.return?.().catch(() => undefined);
  }

  /** Sends all of `source`; resolves when it is sent, failed or cancelled. Its iterator is always closed. */
  async run(source: AsyncIterable<Uint8Array>): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    this.#source = iterator;
    try {
      while (!this.#cancelled) {
        const next = await iterator.next();
        if (next.done === true) {
          if (!this.#cancelled) this.#guest.send(In.End, `${this.#number}`);
          return;
        }
        await this.#send(next.value);
      }
    } catch (error) {
      if (this.#cancelled) return;
      const message = error instanceof Error ? error.message : 'the body broke off';
      const code = error instanceof HostError ? `,${JSON.stringify(error.code)}` : '';
      this.#guest.send(In.Fail, `${this.#number},${JSON.stringify(message)}${code}`);
    } finally {
      this.#source = undefined;
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const piece = bytes.subarray(at, Math.min(bytes.length, at + chunkBytes));
      await this.#room();
      if (this.#cancelled) return;
      this.#credit -= piece.length;
      this.#guest.send(In.Chunk, `${this.#number},0,${piece.length}`, piece);
    }
  }

  async #room(): Promise<void> {
    while (this.#credit <= 0 && !this.#cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
