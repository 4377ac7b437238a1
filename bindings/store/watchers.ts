import { HostError } from '#runtime/errors.ts';
import type { ChangeEvent } from './store.ts';

/** What a watcher may leave unread before it is broken off. */
const maxEvents = 4096;
const maxValueBytes = 64 * 1024 * 1024;

/** Hands committed changes to whoever watches their prefix. One per store. */
export class Watchers {
  readonly #open = new Set<Watcher>();

  get any(): boolean {
    return this.#open.size > 0;
  }

  /** Watches from this call on, also before the first `next`. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<ChangeEvent> {
    const watcher = new Watcher(prefix);
    if (signal.aborted) {
      watcher.stop();
      return watcher;
    }
    this.#open.add(watcher);
    const stop = (): void => watcher.stop();
    signal.addEventListener('abort', stop, { once: true });
    watcher.onStop = () => {
      this.#open.delete(watcher);
      signal.removeEventListener('abort', stop);
    };
    return watcher;
  }

  emit(event: ChangeEvent): void {
    for (const watcher of this.#open) watcher.offer(event);
  }

  /** Every watcher ends once it has read what was committed before. */
  close(): void {
    for (const watcher of this.#open) watcher.finish();
  }
}

interface Waiting {
  resolve(result: IteratorResult<ChangeEvent>): void;
}

/** One consumer's queue: bounded, in commit order. */
class Watcher implements AsyncIterable<ChangeEvent>, AsyncIterator<ChangeEvent> {
  readonly #prefix: string;
  #queue: ChangeEvent[] = [];
  #queuedBytes = 0;
  readonly #waiting: Waiting[] = [];
  #state: 'open' | 'ended' | 'behind' = 'open';
  /** Called when nothing more will be offered. */
  onStop: () => void = () => undefined;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeEvent> {
    return this;
  }

  offer(event: ChangeEvent): void {
    const key = event.kind === 'put' ? event.entry.key : event.key;
    if (!key.startsWith(this.#prefix)) return;
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve({ done: false, value: event });
      return;
    }
    this.#queue.push(event);
    this.#queuedBytes += bytesOf(event);
    if (this.#queue.length <= maxEvents && this.#queuedBytes <= maxValueBytes) return;
    this.#state = 'behind';
    this.#release();
  }

  async next(): Promise<IteratorResult<ChangeEvent>> {
    const event = this.#queue.shift();
    if (event) {
      this.#queuedBytes -= bytesOf(event);
      return { done: false, value: event };
    }
    if (this.#state === 'behind') {
      this.#state = 'ended';
      throw new HostError(
        'ERR_STORE',
        `Cannot watch ${JSON.stringify(this.#prefix)}: the reader fell more than ${maxEvents} changes or ${maxValueBytes} bytes behind; watch again, then list`,
      );
    }
    if (this.#state === 'ended') return { done: true, value: undefined };
    return new Promise((resolve) => {
      this.#waiting.push({ resolve });
    });
  }

  async return(): Promise<IteratorResult<ChangeEvent>> {
    this.stop();
    return { done: true, value: undefined };
  }

  /** Ends now; what is unread is dropped. */
  stop(): void {
    this.#state = 'ended';
    this.#release();
  }

  /** Ends after what is unread. */
  finish(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.onStop();
    this.#answerWaiting();
  }

  #release(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.onStop();
    this.#answerWaiting();
  }

  #answerWaiting(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ done: true, value: undefined });
  }
}

function bytesOf(event: ChangeEvent): number {
  return event.kind === 'put' ? event.entry.value.byteLength : 0;
}
