import type { IncomingBody } from './bodies.ts';
import type { Started } from './operations.ts';
import {
  NativeError,
  NativePromise,
  defineProperty,
  parseJson,
  stringIndexOf,
  stringSlice,
} from './primordials.ts';
import type { BodyReader } from './web/index.ts';
import { abortReason, decodeUtf8, isAborted, onAbort, openReader } from './web/index.ts';

interface Change {
  readonly key: string;
  readonly kind: 'put' | 'delete';
  readonly version: string;
}

/**
 * What `env.NAME.watch()` gives: changes as they are committed, one for each `next`. The host sends lines of JSON, no
 * line broken over two chunks.
 */
class Watch implements AsyncIterableIterator<Change> {
  readonly #reader: Promise<BodyReader | undefined>;
  #stop: (reason: unknown) => void;
  #body: IncomingBody | undefined;
  #text = '';
  #from = 0;
  #turn: Promise<void> | undefined;
  #returned = false;

  constructor(started: Started, signal: AbortSignal | undefined) {
    this.#stop = (reason) => started.kill(reason);
    if (signal !== undefined) onAbort(signal, (reason) => this.#stop(reason));
    this.#reader = this.#open(started);
    void ignoreFailure(this.#reader);
  }

  /** One after the other, also when the guest asks for several at once. */
  async next(): Promise<IteratorResult<Change>> {
    const before = this.#turn;
    let done!: () => void;
    this.#turn = new NativePromise<void>((resolve) => (done = resolve));
    await before;
    try {
      return await this.#next();
    } catch (error) {
      if (this.#returned) return { done: true, value: undefined };
      throw error;
    } finally {
      done();
    }
  }

  async return(): Promise<IteratorResult<Change>> {
    this.#returned = true;
    this.#text = '';
    this.#stop(new NativeError('The watch was ended'));
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #open(started: Started): Promise<BodyReader | undefined> {
    const { body } = await started.answer;
    if (body === undefined) return undefined;
    this.#body = body;
    this.#stop = (reason) => this.#body?.breakOff(reason);
    return openReader(body.stream());
  }

  async #next(): Promise<IteratorResult<Change>> {
    const reader = await this.#reader;
    while (!this.#returned) {
      const end = stringIndexOf(this.#text, '\n', this.#from);
      if (end !== -1) {
        const change = parseJson(stringSlice(this.#text, this.#from, end)) as Change;
        this.#from = end + 1;
        return { done: false, value: change };
      }
      const chunk = await reader?.read();
      if (chunk === undefined) break;
      this.#text = decodeUtf8(chunk);
      this.#from = 0;
    }
    return { done: true, value: undefined };
  }
}

defineProperty(Watch.prototype, Symbol.toStringTag, { value: 'KvWatch', configurable: true });

/** Throws the reason of a signal that is aborted already, TypeError for what is no signal. */
export function createWatch(
  start: () => Started,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Change> {
  if (signal !== undefined && isAborted(signal)) throw abortReason(signal);
  return new Watch(start(), signal);
}

async function ignoreFailure(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch {
    // Whoever asks for the next change is told.
  }
}
