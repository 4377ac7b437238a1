import type { Answer, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import { FetchClient } from './client.ts';
import type { Incoming } from './client.ts';
import { decodeBody, parseCodings } from './decode.ts';
import { toFetchError } from './failure.ts';
import { headerOf, withoutHeaders } from './headers.ts';
import { isRedirect, redirectedRequest } from './redirect.ts';
import { parseRequest } from './request.ts';
import type { OutgoingRequest } from './request.ts';

/** The runtime's own `fetch`, bound to "" and not to a name: one for the host's life. */
export interface FetchBinding {
  grant(context: GrantContext): Grant;
  /** Breaks off what is under way and closes the connections. */
  close(): Promise<void>;
}

/** Fetch standard, 4.4, step 6. */
const maxRedirects = 20;
/** Fetch standard, 2.2.3: statuses that never have a body. */
const nullBodyStatuses: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);
/** A body known to be this small, and here already, is answered inline. */
const inlineBytes = 256 * 1024;

/**
 * Serves operation `fetch`: args { url, method?, headers?: [name, value, …], redirect? }, body as bytes or stream.
 * Answers value { status, statusText, headers: [name, value, …], url, redirected } and the body, decoded, as a stream
 * or, when all of it is here, as bytes; neither where the standard has none. A cancelled stream, or an ended
 * invocation, breaks its connection off. Rejects with TypeError for what is no request, HostError
 * ERR_EGRESS_REFUSED for addresses other than http(s), ERR_FETCH_FAILED for what the network does.
 */
export function createFetchBinding(): FetchBinding {
  const client = new FetchClient();
  return {
    grant(context) {
      return {
        async call(operation): Promise<Answer> {
          if (operation.method !== 'fetch') {
            throw new TypeError(
              `The runtime has no operation ${JSON.stringify(operation.method.slice(0, 100))} here; use fetch`,
            );
          }
          return runFetch(client, operation, operation.signal ?? context.signal);
        },
      };
    },
    close: () => client.close(),
  };
}

async function runFetch(client: FetchClient, operation: Operation, signal: AbortSignal): Promise<Answer> {
  let request = withDefaults(parseRequest(operation));
  for (let hops = 0; ; hops += 1) {
    const incoming = await client.send(request, signal);
    const location = isRedirect(incoming.status) ? nextLocation(request, incoming, hops) : undefined;
    if (location === undefined) return toAnswer(request, incoming, { redirected: hops > 0, signal });
    incoming.body.discard();
    request = redirectedRequest(request, incoming.status, location);
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

/** What fetch sends when the guest does not say; codings are not asked for a part of a body (standard, 4.6). */
function withDefaults(request: OutgoingRequest): OutgoingRequest {
  const codings = headerOf(request.headers, 'range') === undefined ? 'gzip, deflate, br' : 'identity';
  const defaults = [
    ['accept', '*/*'],
    ['accept-encoding', codings],
    ['user-agent', 'islet'],
  ] as const;
  const missing = defaults.filter(([name]) => headerOf(request.headers, name) === undefined);
  return { ...request, headers: [...request.headers, ...missing.flat()] };
}

interface AnswerFacts {
  readonly redirected: boolean;
  readonly signal: AbortSignal;
}

function toAnswer(request: OutgoingRequest, incoming: Incoming, facts: AnswerFacts): Answer {
  const { status, statusText, body } = incoming;
  const url = new URL(request.url);
  url.hash = '';
  const value = {
    status,
    statusText,
    headers: incoming.headers,
    url: url.href,
    redirected: facts.redirected,
  };
  if (request.method === 'HEAD' || nullBodyStatuses.has(status)) {
    body.discard();
    return { value };
  }
  const codings = codingsOf(incoming);
  if (codings.length > 0) {
    // They describe the body as it was sent; the guest gets another one.
    const headers = withoutHeaders(
      value.headers,
      (name) => name === 'content-encoding' || name === 'content-length',
    );
    return {
      value: { ...value, headers },
      stream: readable(incoming, decodeBody(body.stream, codings), request, facts),
    };
  }
  const bytes = Number(headerOf(incoming.headers, 'content-length') ?? Number.NaN);
  const whole = bytes <= inlineBytes ? body.takeWhole(bytes) : undefined;
  return whole ? { value, bytes: whole } : { value, stream: readable(incoming, body.stream, request, facts) };
}

function codingsOf(incoming: Incoming): ReturnType<typeof parseCodings> {
  try {
    const values = incoming.headers.filter(
      (_, index) => incoming.headers[index - 1] === 'content-encoding' && index % 2,
    );
    return parseCodings(values.join(','));
  } catch (error) {
    incoming.body.destroy();
    throw error;
  }
}

/** The body for one reader: its failures in our words, and a cancel that breaks off even while a read waits. */
function readable(
  incoming: Incoming,
  body: AsyncIterable<Uint8Array>,
  request: OutgoingRequest,
  facts: AnswerFacts,
): AsyncIterableIterator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  return {
    async next() {
      try {
        return await iterator.next();
      } catch (error) {
        throw toFetchError(request.url, error, facts.signal);
      }
    },
    async return() {
      incoming.body.destroy();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
