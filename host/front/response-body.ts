import type { Sink } from '../call.ts';

/** What may be under way to the client. */
const windowBytes = 256 * 1024;

/** A body on its way from the host to a client, as fast as that takes it. */
export class ResponseBody {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #sink: Sink;
  /** An event stream: it has no end of its own. */
  readonly endless: boolean;
  #unconsumed = 0;
  #cancelled = false;
  #wake: (() => void) | undefined;
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>, sink: Sink, headers: readonly string[]) {
    this.#source = source[Symbol.asyncIterator]();
    this.#sink = sink;
    this.endless = headers.some(
      (value, i) => i % 2 === 1 && headers[i - 1] === 'content-type' && value.startsWith('text/event-stream'),
    );
  }

  /** Resolves to whether all of it was sent; rejects when the source fails. */
  async send(): Promise<boolean> {
    while (!this.#cancelled) {
      const next = await this.#source.next();
      if (next.done === true) return true;
      if (this.#cancelled) break;
      this.bytes += next.value.length;
      this.#unconsumed += next.value.length;
      if (next.value.length > 0) this.#sink.chunk(next.value);
      await this.#room();
    }
    return false;
  }

  consumed(bytes: number): void {
    this.#unconsumed -= bytes;
    this.#stir();
  }

  /** Nobody wants more: the source is told, also while its next piece is awaited. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#stir();
    void this.#source.return?.().catch(() => undefined);
  }

  async #room(): Promise<void> {
    while (this.#unconsumed >= windowBytes && !this.#cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
