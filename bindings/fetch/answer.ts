import type { HostError } from '#runtime/errors.ts';
import { decodeBody, parseCodings } from './decode.ts';
import { limited, toLimitError } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { toFetchError } from './failure.ts';
import { headerOf, withoutHeaders, withoutHopByHop } from './headers.ts';
import type { FlatHeaders } from './headers.ts';

/** Fetch standard, 2.2.3: statuses that never have a body. */
const nullBodyStatuses: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);
/** A body known to be this small, and here already, is given as bytes. */
const inlineBytes = 256 * 1024;

/** An answer as its reader gets it: nothing of its connection, its body decoded. */
export interface Received {
  readonly headers: FlatHeaders;
  readonly bytes?: Uint8Array;
  readonly stream?: AsyncIterable<Uint8Array>;
}

/**
 * Headers and body of an answer; the body as bytes when all of it is here, else as a stream, and neither where the
 * standard has none. Ends the exchange with its body. Throws HostError ERR_EGRESS_LIMIT or ERR_FETCH_FAILED.
 */
export function receive(exchange: Exchange): Received {
  const { request, incoming } = exchange;
  const headers = withoutHopByHop(incoming.headers);
  if (request.method === 'HEAD' || nullBodyStatuses.has(incoming.status)) {
    incoming.body.discard();
    exchange.done();
    return { headers };
  }
  try {
    return receiveBody(exchange, headers);
  } catch (error) {
    incoming.body.destroy();
    exchange.done();
    throw error;
  }
}

function receiveBody(exchange: Exchange, headers: FlatHeaders): Received {
  const { body } = exchange.incoming;
  const codings = parseCodings(valuesOf(headers, 'content-encoding').join(','));
  if (codings.length > 0) {
    // They describe the body as it was sent; the reader gets another one.
    const described = new Set(['content-encoding', 'content-length']);
    const rest = withoutHeaders(headers, (name) => described.has(name));
    return { headers: rest, stream: readable(exchange, decodeBody(body.stream, codings)) };
  }
  const bytes = Number(headerOf(headers, 'content-length') ?? Number.NaN);
  if (bytes > exchange.responseBytes) throw tooLong(exchange);
  const whole = bytes <= inlineBytes ? body.takeWhole(bytes) : undefined;
  if (whole === undefined) return { headers, stream: readable(exchange, body.stream) };
  exchange.done();
  return { headers, bytes: whole };
}

/** The body for one reader: its failures in our words, and a cancel that breaks off even while a read waits. */
function readable(exchange: Exchange, body: AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const { incoming, request, signal } = exchange;
  const iterator = limited(body, exchange.responseBytes, () => tooLong(exchange));
  return {
    async next() {
      try {
        const next = await iterator.next();
        if (next.done === true) exchange.done();
        return next;
      } catch (error) {
        incoming.body.destroy();
        exchange.done();
        throw toFetchError(request.url, error, signal);
      }
    },
    async return() {
      incoming.body.destroy();
      exchange.done();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function tooLong({ request, responseBytes }: Exchange): HostError {
  return toLimitError(
    request.url,
    `its body is longer than ${responseBytes} bytes; raise egress.responseBytes`,
  );
}

function valuesOf(headers: FlatHeaders, name: string): readonly string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}
