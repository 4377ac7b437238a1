import type { Handlers } from './module.ts';
import { sendReply, sendThrown } from './answer.ts';
import { IncomingBody } from './bodies.ts';
import { createEnv } from './environment.ts';
import type { Invocation } from './invocation.ts';
import { NativeTypeError, apply, defineProperty } from './primordials.ts';
import type { RequestHead } from './protocol.ts';
import { RequestLine } from './request-line.ts';
import { inspect } from './inspect.ts';
import { sendSocket } from './socket.ts';
import { createIncomingRequest, takeResponse } from './web/index.ts';

/**
 * `ctx` of a fetch handler. `passThroughOnException` is left out on purpose: there is no origin behind a function
 * that could answer instead, so a call to it fails loudly.
 */
class ExecutionContext {
  readonly #invocation: Invocation;
  readonly props: object = {};
  /** Whom an access rule found; null where it found nobody, undefined where none asked. */
  readonly user: unknown;

  constructor(invocation: Invocation, user: unknown) {
    this.#invocation = invocation;
    this.user = user;
  }

  /** Keeps the invocation alive until the promise settles, within its wall limit. */
  waitUntil(promise: unknown): void {
    this.#invocation.waitUntil(promise);
  }
}
defineProperty(ExecutionContext.prototype, Symbol.toStringTag, {
  value: 'ExecutionContext',
  configurable: true,
});

type Target = NonNullable<Handlers['fetch']>;

/** Calls `fetch(request, env, ctx)` and sends what it gives. A Response given at once goes out at once. */
export function handleRequest(
  invocation: Invocation,
  target: Target,
  head: RequestHead | RequestLine,
  bytes: Uint8Array | undefined,
): void {
  let result: unknown;
  try {
    const request = toRequest(invocation, head, bytes);
    const ctx = new ExecutionContext(invocation, head instanceof RequestLine ? undefined : head.user);
    result = apply(target.call, target.self, [request, createEnv(invocation), ctx]);
  } catch (thrown) {
    sendThrown(invocation, thrown, 'handler');
    return;
  }
  if (!respond(invocation, result)) void respondLater(invocation, result);
}

function toRequest(
  invocation: Invocation,
  head: RequestHead | RequestLine,
  bytes: Uint8Array | undefined,
): Request {
  const signal = (): AbortSignal => invocation.signal();
  const headers = head instanceof RequestLine ? (): readonly string[] => head.headers() : head.h;
  if (head.b === 2) {
    const body = new IncomingBody(invocation, 0);
    return createIncomingRequest({
      method: head.m,
      url: head.u,
      headers,
      stream: () => body.stream(),
      signal,
    });
  }
  if (head.b === 1 && bytes !== undefined) {
    return createIncomingRequest({ method: head.m, url: head.u, headers, bytes, signal });
  }
  return createIncomingRequest({ method: head.m, url: head.u, headers, signal });
}

/** False when the value is no Response. */
function respond(invocation: Invocation, value: unknown): boolean {
  try {
    const taken = takeResponse(value);
    if (taken === undefined) return false;
    if (taken.socket === undefined) sendReply(invocation, taken);
    else sendSocket(invocation, taken, taken.socket);
  } catch (thrown) {
    sendThrown(invocation, thrown, 'result');
  }
  return true;
}

async function respondLater(invocation: Invocation, result: unknown): Promise<void> {
  let value: unknown;
  try {
    value = await result;
  } catch (thrown) {
    sendThrown(invocation, thrown, 'handler');
    return;
  }
  if (respond(invocation, value)) return;
  const shown = value === undefined ? 'nothing' : inspect(value, { depth: 0 });
  const error = new NativeTypeError(
    `The fetch handler returned ${shown}; return a Response, e.g. new Response("Hello")`,
  );
  sendThrown(invocation, error, 'result');
}
