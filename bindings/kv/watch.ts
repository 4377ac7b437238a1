import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import { maxWatchBytes, maxWatchChanges, pieceBytes } from './limits.ts';
import type { WatchOptions } from './watches.ts';

interface Life {
  /** Throws when the watcher may not hear of this namespace any more. */
  readonly permit: () => void;
  /** Called once. */
  readonly ended: () => void;
}

/**
 * One watcher's changes as pieces of whole lines of JSON, a change each. Ends by `limit`, `timeoutMs`, its signal or
 * `return`; `next` rejects with HostError when it broke off: ERR_KV_BEHIND, ERR_NOT_GRANTED, ERR_CLOSING.
 */
export class Watch implements AsyncIterableIterator<Uint8Array> {
  readonly #prefix: string;
  readonly #life: Life;
  readonly #timeoutMs: number | undefined;
  #left: number;
  #lines: string[] = [];
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #state: 'open' | 'last' | 'ended' = 'open';
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leave: () => void = () => undefined;

  constructor({ prefix, limit = Infinity, timeoutMs }: WatchOptions, life: Life) {
    this.#prefix = prefix;
    this.#left = limit;
    this.#timeoutMs = timeoutMs;
    this.#life = life;
  }

  start(signal: AbortSignal): void {
    if (signal.aborted) return this.#end();
    const stop = (): void => this.#end();
    signal.addEventListener('abort', stop, { once: true });
    this.#leave = () => signal.removeEventListener('abort', stop);
    if (this.#timeoutMs !== undefined) this.#timer = setTimeout(() => this.#finish(), this.#timeoutMs);
  }

  offer(key: string, line: string): void {
    if (this.#state !== 'open' || !key.startsWith(this.#prefix)) return;
    try {
      this.#life.permit();
    } catch (error) {
      return this.fail(error);
    }
    if (this.#lines.length >= maxWatchChanges || this.#bytes + bytesOf(line) > maxWatchBytes) {
      return this.fail(
        new HostError(
          'ERR_KV_BEHIND',
          `Cannot go on watching: ${maxWatchChanges} changes or ${maxWatchBytes} bytes wait to be read; watch again, then list`,
        ),
      );
    }
    this.#push(line);
    this.#left--;
    if (this.#left === 0) this.#finish();
  }

  /** The reader is told why, after what it has not read yet. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#failure = { error };
    this.#finish();
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    while (this.#lines.length === 0) {
      if (this.#state !== 'open') return this.#last();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: false, value: this.#take() };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #last(): IteratorResult<Uint8Array> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
    return { done: true, value: undefined };
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#bytes += bytesOf(line);
    this.#stir();
  }

  /** As many lines as fit a piece, one at least: none is longer than a key and its metadata. */
  #take(): Uint8Array {
    let text = '';
    let count = 0;
    for (const line of this.#lines) {
      // UTF-8 takes three bytes of a UTF-16 unit at the most.
      if (count > 0 && (text.length + line.length + 1) * 3 > pieceBytes) break;
      text += `${line}\n`;
      this.#bytes -= bytesOf(line);
      count++;
    }
    this.#lines.splice(0, count);
    return new Uint8Array(Buffer.from(text));
  }

  /** Nothing more comes; what waits is still to be read. */
  #finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'last';
    this.#close();
  }

  #end(): void {
    if (this.#state === 'ended') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    this.#failure = undefined;
    this.#lines = [];
    if (wasOpen) this.#close();
    this.#stir();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#leave();
    this.#life.ended();
    this.#stir();
  }

  #stir(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** What it takes in memory: a UTF-16 unit has two. */
function bytesOf(line: string): number {
  return line.length * 2;
}
