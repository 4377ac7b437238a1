import type { EgressPolicy } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Incoming } from './client.ts';
import { toFetchError } from './failure.ts';
import { headerOf } from './headers.ts';
import type { Outlet } from './outlet.ts';
import { checkPolicy } from './policy.ts';
import { isRedirect, redirectedRequest } from './redirect.ts';
import type { Body, OutgoingRequest } from './request.ts';

/** An answer under way: its head is here, its body may follow. */
export interface Exchange {
  /** The request it answers: the last one, after redirects. */
  readonly request: OutgoingRequest;
  readonly incoming: Incoming;
  readonly redirected: boolean;
  readonly signal: AbortSignal;
  readonly responseBytes: number;
  /** The body is done with, one way or another: its connection is free for the next request. */
  done(): void;
}

export type ExchangeLimits = Pick<EgressPolicy, 'timeoutMs' | 'requestBytes' | 'responseBytes'>;

export interface ExchangeFacts {
  readonly signal: AbortSignal;
  readonly limits: ExchangeLimits;
  /** What is added to a request at the last moment, for each hop anew. */
  readonly fill?: (request: OutgoingRequest) => OutgoingRequest;
}

/** Fetch standard, 4.4, step 6. */
const maxRedirects = 20;

/**
 * Sends and follows redirects, each hop under the outlet's policy. Waits its turn where the policy's connections are all
 * in use; the clock for the head runs from then on, over all hops. Rejects with HostError ERR_EGRESS_REFUSED,
 * ERR_EGRESS_LIMIT, ERR_FETCH_FAILED, and what `fill` throws.
 */
export async function exchange(
  outlet: Outlet,
  first: OutgoingRequest,
  facts: ExchangeFacts,
): Promise<Exchange> {
  checkPolicy(outlet.policy, first.url, first.method);
  const done = await takeSlot(outlet, first.url, facts.signal);
  // Whoever never reads the body has it until its invocation ends, and no longer.
  facts.signal.addEventListener('abort', done, { once: true });
  try {
    using clock = new HeadClock(first.url, facts);
    return { ...(await follow(outlet, first, { ...facts, signal: clock.signal })), done };
  } catch (error) {
    done();
    throw error;
  }
}

async function follow(
  outlet: Outlet,
  first: OutgoingRequest,
  { limits, signal, fill }: ExchangeFacts,
): Promise<Omit<Exchange, 'done'>> {
  const { responseBytes, requestBytes } = limits;
  let request: OutgoingRequest = { ...first, body: limitBody(first, requestBytes) };
  for (let hops = 0; ; hops += 1) {
    checkPolicy(outlet.policy, request.url, request.method);
    const incoming = await outlet.client.send(fill === undefined ? request : fill(request), signal);
    const location = isRedirect(incoming.status) ? nextLocation(request, incoming, hops) : undefined;
    if (location === undefined) return { request, incoming, redirected: hops > 0, signal, responseBytes };
    incoming.body.discard();
    request = redirectedRequest(request, incoming.status, location);
  }
}

/** A connection's turn; resolves to what gives it back. */
export async function takeSlot(outlet: Outlet, url: URL, signal: AbortSignal): Promise<() => void> {
  try {
    return await outlet.slots.take(signal);
  } catch (error) {
    throw toFetchError(url, error, signal);
  }
}

/** Where a redirect leads, or undefined when it is the answer itself. */
function nextLocation(request: OutgoingRequest, incoming: Incoming, hops: number): string | undefined {
  const refuse = (reason: string): HostError => {
    incoming.body.destroy();
    return new HostError(
      'ERR_FETCH_FAILED',
      `Cannot fetch from ${JSON.stringify(request.url.host)}: ${reason}`,
    );
  };
  if (request.redirect === 'manual') return undefined;
  if (request.redirect === 'error') throw refuse('it redirects; use redirect: "follow" or "manual"');
  const location = headerOf(incoming.headers, 'location');
  if (location !== undefined && hops === maxRedirects)
    throw refuse(`it redirects more than ${maxRedirects} times`);
  // Servers send UTF-8 where only ASCII is allowed; header text is Latin-1 here.
  return location === undefined ? undefined : Buffer.from(location, 'latin1').toString('utf8');
}

/** The clock of `timeoutMs` until a head is there; its signal aborts then, and with the one given. */
export function exchangeClock(url: URL, facts: ExchangeFacts): Disposable & { readonly signal: AbortSignal } {
  return new HeadClock(url, facts);
}

/** A signal that follows another one, and the clock until the head of the answer is there. */
class HeadClock {
  readonly #timer: NodeJS.Timeout;
  readonly #controller: AbortController = new AbortController();

  constructor(url: URL, { signal, limits }: ExchangeFacts) {
    const { timeoutMs } = limits;
    this.#timer = setTimeout(() => {
      this.#controller.abort(
        toLimitError(url, `it did not answer within ${timeoutMs} ms; raise egress.timeoutMs`),
      );
    }, timeoutMs);
    signal.addEventListener('abort', () => this.#controller.abort(signal.reason), { once: true });
    if (signal.aborted) this.#controller.abort(signal.reason);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** A HostError ERR_EGRESS_LIMIT; the key in `reason` is one of islet.json. */
export function toLimitError(url: URL, reason: string): HostError {
  return new HostError(
    'ERR_EGRESS_LIMIT',
    `Cannot fetch from ${JSON.stringify(url.host)}: ${reason} in islet.json`,
  );
}

function limitBody({ body, url }: OutgoingRequest, most: number): Body | undefined {
  if (body === undefined) return undefined;
  const exceeded = (): HostError =>
    toLimitError(url, `the request's body is longer than ${most} bytes; raise egress.requestBytes`);
  if (!(body instanceof Uint8Array)) return limited(body, most, exceeded);
  if (body.length > most) throw exceeded();
  return body;
}

/** The same pieces, until they are more than `most` bytes in all. */
export async function* limited(
  body: AsyncIterable<Uint8Array>,
  most: number,
  exceeded: () => HostError,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > most) throw exceeded();
    yield piece;
  }
}
