/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import type { EventHandler } from './module.ts';
import type { Invocation } from './invocation.ts';
import { toHex } from './base64.ts';
import { now } from './clock.ts';
import { startHead } from './start-head.ts';
import { random } from './crypto/random.ts';
import { createEnv } from './environment.ts';
import {
  NativeDate,
  NativeString,
  NativeUint8Array,
  apply,
  defineProperty,
  max,
  stringSlice,
  uncurry,
} from './primordials.ts';

/** How an event handler ended. */
export type Ending =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown };

export interface EventCall {
  readonly invocation: Invocation;
  readonly handler: EventHandler;
  readonly event: unknown;
  /** AWS client context, when the caller sent one. */
  readonly clientContext: unknown;
  /** Runs once. */
  readonly done: (ending: Ending) => void;
}

const dateToIso = uncurry(NativeDate.prototype.toISOString);

let logStream: string | undefined;

/** `YYYY/MM/DD/[version]` and 32 hex digits, one for each instance. */
function logStreamName(version: number): string {
  if (logStream === undefined) {
    const bytes = new NativeUint8Array(16);
    random(bytes);
    const day = dateToIso(new NativeDate(now()));
    const date = `${stringSlice(day, 0, 4)}/${stringSlice(day, 5, 7)}/${stringSlice(day, 8, 10)}`;
    logStream = `${date}/[${version}]${toHex(bytes)}`;
  }
  return logStream;
}

/**
 * Calls `handler(event, context, callback)` as Lambda's Node runtime does: a promise is waited for; else the callback,
 * or the value returned at once. A callback's result goes out when no timer and no operation is left, unless
 * `context.callbackWaitsForEmptyEventLoop` is false; then and with done, succeed and fail it goes at once.
 */
export function callHandler(call: EventCall): void {
  const { invocation, handler, event } = call;
  let ended = false;
  let called = false;
  let kept: Ending = { kind: 'returned', value: undefined };
  const end = (ending: Ending): void => {
    if (ended) return;
    ended = true;
    call.done(ending);
  };
  const callback = (error?: unknown, value?: unknown): void => {
    if (called || ended) return;
    called = true;
    kept = toEnding(error, value);
    if (context['callbackWaitsForEmptyEventLoop'] === false) end(kept);
    else invocation.onQuiet(() => end(kept));
  };
  const context = createContext(call, end);
  let result: unknown;
  try {
    result = apply(handler, undefined, [event, context, callback]);
  } catch (error) {
    end({ kind: 'threw', error });
    return;
  }
  if (isThenable(result)) void settle(result, end);
  else if (result !== undefined && !called && handler.length < 3) end({ kind: 'returned', value: result });
  else if (!called) invocation.onQuiet(() => end(kept));
}

function toEnding(error: unknown, value: unknown): Ending {
  return error === undefined || error === null ? { kind: 'returned', value } : { kind: 'threw', error };
}

function isThenable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return true;
  }
}

async function settle(result: unknown, end: (ending: Ending) => void): Promise<void> {
  let ending: Ending;
  try {
    ending = { kind: 'returned', value: await result };
  } catch (error) {
    ending = { kind: 'threw', error };
  }
  end(ending);
}

function createContext(call: EventCall, end: (ending: Ending) => void): Record<string, unknown> {
  const { invocation } = call;
  const { id, deadline } = invocation;
  const name = startHead?.function ?? '';
  const version = startHead?.version ?? 0;
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: NativeString(version),
    memoryLimitInMB: NativeString(startHead?.memoryMb ?? 0),
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${name}:${version}`,
    awsRequestId: id,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: logStreamName(version),
    clientContext: call.clientContext,
    identity: undefined,
    getRemainingTimeInMillis: () => max(0, deadline - now()),
    done: (error?: unknown, value?: unknown) => end(toEnding(error, value)),
    succeed: (value?: unknown) => end({ kind: 'returned', value }),
    fail: (error?: unknown) => end({ kind: 'threw', error }),
  };
  let env: object | undefined;
  // Made when asked for. Not enumerable: programs print their context, and env holds secrets.
  const get = (): object => (env ??= createEnv(invocation));
  return defineProperty(context, 'env', { __proto__: null, get, configurable: true } as PropertyDescriptor);
}
