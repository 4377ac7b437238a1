import type { Dispatch, EventCall, Handle, Sink } from '#host/call.ts';
import type { Target } from '#host/registry.ts';
import type { Origin } from '#runtime/functions.ts';
import type { Usage } from '#runtime/meter.ts';
import type { Outcome } from '#runtime/outcome.ts';

export interface InvokeThroughOptions {
  /** A JSON value handed to the guest as AWS's client context. */
  readonly clientContext?: unknown;
  /** Aborting ends the call with the outcome `cancelled`. */
  readonly signal?: AbortSignal;
  /** What the call is part of. */
  readonly origin?: Origin;
}

export interface InvokedThrough {
  readonly outcome: Outcome;
  readonly usage: Usage;
  readonly invocationId: string;
  /** The parsed result; only when the outcome is `returned`. */
  readonly value?: unknown;
}

/**
 * Sends an event to a function's handler and waits for the end of the call, `waitUntil` included. How the call ended
 * is data, also when it was cancelled. Rejects with a TypeError when the event or the client context is no JSON value,
 * and with the signal's reason when that was aborted before the call began.
 */
export async function invokeThrough(
  dispatch: Dispatch,
  target: Target,
  event: unknown,
  options: InvokeThroughOptions = {},
): Promise<InvokedThrough> {
  const call: EventCall = {
    kind: 'event',
    event: toJson('event', event),
    ...(options.clientContext === undefined
      ? {}
      : { clientContext: toJson('client context', options.clientContext) }),
    ...(options.origin === undefined ? {} : { origin: options.origin }),
  };
  const { signal } = options;
  signal?.throwIfAborted();
  let handle: Handle | undefined;
  const abort = (): void => handle?.abort();
  const { promise, resolve } = Promise.withResolvers<{ outcome: Outcome; usage: Usage }>();
  signal?.addEventListener('abort', abort, { once: true });
  handle = dispatch.start(target, call, eventSink(resolve));
  const { outcome, usage } = await promise;
  signal?.removeEventListener('abort', abort);
  const result = { outcome, usage, invocationId: handle.id };
  if (outcome.kind !== 'returned') return result;
  return { ...result, value: JSON.parse(outcome.value) as unknown };
}

/** An event has no response and no body: only its end counts. */
function eventSink(resolve: (end: { outcome: Outcome; usage: Usage }) => void): Sink {
  return {
    head: () => {},
    chunk: () => {},
    end: () => {},
    wants: () => {},
    done: (outcome, usage) => resolve({ outcome, usage }),
  };
}

function toJson(what: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new TypeError(`Cannot send the ${what}: it is not JSON; send a value JSON.stringify takes`, {
      cause,
    });
  }
  if (text !== undefined) return text;
  throw new TypeError(
    `Cannot send the ${what}: ${typeof value} is not JSON; send null, an object or another JSON value`,
  );
}
