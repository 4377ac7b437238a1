import { createAbortSignal, abortSignal, type AbortSignal } from './abort.ts';
import { createDomException } from './dom-exception.ts';
import { encodeUtf8 } from './encoding.ts';
import { Event } from './event.ts';
import { EventStreamParser } from './event-stream-parser.ts';
import { EventTarget, fire, handlerAttribute } from './event-target.ts';
import { seeResponse, type SeenResponse } from './exchange.ts';
import { io } from './io.ts';
import { MessageEvent } from './message-event.ts';
import { extractMime } from './mime.ts';
import { openReader } from './streams.ts';
import { streamOf } from './body.ts';
import { toAbsoluteUrl, URL } from './url.ts';
import { requireArguments, shapeInterface, toDictionary, toUsvString } from './webidl.ts';

const states = { CONNECTING: 0, OPEN: 1, CLOSED: 2 } as const;
/** Until the next try, unless the stream says otherwise. */
const reconnectMs = 3000;

/**
 * HTML, 9.2, over fetch: it lives within the invocation that made it, and ends with it. Messages come as their bytes do,
 * without a task of their own.
 */
export class EventSource extends EventTarget {
  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #signal: AbortSignal = createAbortSignal();
  #state: number = states.CONNECTING;
  #retryMs = reconnectMs;
  #lastEventId = '';

  constructor(url: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new EventSource');
    super();
    const text = toUsvString(url);
    this.#withCredentials = Boolean(toDictionary(init, 'The options of an EventSource').withCredentials);
    const address = toAbsoluteUrl(text);
    if (address === undefined)
      throw createDomException(
        `Cannot parse the URL ${JSON.stringify(text)}; use an absolute one`,
        'SyntaxError',
      );
    this.#url = address;
    void this.#connect();
  }

  get url(): string {
    return this.#url;
  }
  get withCredentials(): boolean {
    return this.#withCredentials;
  }
  get readyState(): number {
    return this.#state;
  }

  close(): void {
    this.#state = states.CLOSED;
    abortSignal(this.#signal);
  }

  /** One connection after the other, until it is closed or fails for good. */
  async #connect(): Promise<void> {
    while (this.#state !== states.CLOSED) {
      if (!(await this.#receive())) return this.#fail();
      if (this.#isClosed()) return;
      this.#state = states.CONNECTING;
      fire(this, new Event('error'));
      if (this.#isClosed() || !(await wait(this.#retryMs))) return this.#fail();
    }
  }

  #isClosed(): boolean {
    return this.#state === states.CLOSED;
  }

  /** Whether there is any use in another connection. */
  async #receive(): Promise<boolean> {
    let response: SeenResponse | undefined;
    try {
      response = seeResponse(await this.#request());
    } catch (error) {
      // Only what the network does may be different next time.
      return (error as { readonly code?: unknown } | null)?.code === 'ERR_FETCH_FAILED';
    }
    if (this.#isClosed()) return true;
    if (response?.status !== 200) return false;
    if (extractMime(response.headers)?.essence !== 'text/event-stream') return false;
    this.#state = states.OPEN;
    fire(this, new Event('open'));
    await this.#read(response);
    return true;
  }

  #request(): Promise<unknown> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (this.#lastEventId !== '') headers['last-event-id'] = toHeaderBytes(this.#lastEventId);
    const credentials = this.#withCredentials ? 'include' : 'same-origin';
    if (!io.fetch) throw new TypeError('There is no fetch here');
    return io.fetch(this.#url, { headers, cache: 'no-store', credentials, signal: this.#signal });
  }

  async #read({ body, url }: SeenResponse): Promise<void> {
    if (body === null) return;
    const { origin } = new URL(url);
    const parser = new EventStreamParser(this.#lastEventId, {
      message: ({ type, data, lastEventId }) => {
        this.#lastEventId = lastEventId;
        if (data !== undefined && !this.#isClosed())
          fire(this, new MessageEvent(type, { data, origin, lastEventId }));
      },
      retry: (ms) => {
        this.#retryMs = ms;
      },
    });
    const reader = openReader(streamOf(body));
    try {
      for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
        parser.push(chunk);
        if (this.#isClosed()) return;
      }
    } catch {
      // The connection broke: the next one goes on from the last id.
    }
  }

  #fail(): void {
    if (this.#isClosed()) return;
    this.#state = states.CLOSED;
    fire(this, new Event('error'));
  }
}

/** False where there are no timers any more. */
async function wait(ms: number): Promise<boolean> {
  try {
    await new Promise<void>((done) => {
      io.setTimeout?.(done, ms);
    });
    return true;
  } catch {
    return false;
  }
}

/** The bytes of its UTF-8, one character each, as header values are sent. */
function toHeaderBytes(text: string): string {
  return String.fromCharCode(...encodeUtf8(text));
}

for (const owner of [EventSource, EventSource.prototype])
  for (const [name, value] of Object.entries(states))
    Object.defineProperty(owner, name, { value, enumerable: true });
for (const type of ['open', 'message', 'error'])
  Object.defineProperty(EventSource.prototype, `on${type}`, {
    ...handlerAttribute(type),
    configurable: true,
    enumerable: true,
  });
shapeInterface(EventSource.prototype, 'EventSource');
