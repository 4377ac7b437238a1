/** What may wait here unread. */
const windowBytes = 64 * 1024;

export interface RequestBodyOptions {
  /** A longer one fails. */
  readonly mostBytes: number;
  readonly wants: (bytes: number) => void;
}

/** A longer body than is read here. */
export class BodyTooLarge extends Error {}

/** A request's body on its way to a reader in the host: asked for as it is read, and bounded. */
export class RequestBody {
  readonly #options: RequestBodyOptions;
  #queue: Uint8Array[] = [];
  #state: 'open' | 'ended' | { readonly error: Error } = 'open';
  #asked = 0;
  #wake: (() => void) | undefined;
  bytes = 0;

  constructor(options: RequestBodyOptions) {
    this.#options = options;
  }

  /** Set once more came than is read here. */
  get tooLarge(): boolean {
    return typeof this.#state === 'object' && this.#state.error instanceof BodyTooLarge;
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== 'open' || bytes.length === 0) return;
    this.bytes += bytes.length;
    this.#asked -= bytes.length;
    if (this.bytes > this.#options.mostBytes) {
      this.#queue = [];
      this.#state = { error: new BodyTooLarge(`The body is longer than ${this.#options.mostBytes} bytes`) };
    } else this.#queue.push(bytes);
    this.#stir();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#stir();
  }

  fail(message: string): void {
    if (this.#state === 'open') this.#state = { error: new Error(message) };
    this.#stir();
  }

  /** For `new Request`. */
  stream(): ReadableStream<Uint8Array> {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const bytes = await this.#next();
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    };
    return new ReadableStream({ pull, cancel: () => this.fail('nobody reads it') }, { highWaterMark: 0 });
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#queue.shift();
      if (bytes !== undefined) return bytes;
      const state = this.#state;
      if (state === 'ended') return undefined;
      if (state !== 'open') throw state.error;
      if (this.#asked <= 0) {
        this.#asked += windowBytes;
        this.#options.wants(windowBytes);
        if (this.#queue.length > 0) continue;
      }
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
