import type { EventHead, RequestHead } from './protocol.ts';
import type { Ending } from './lambda.ts';
import type { Reply } from './answer.ts';
import { sendNoHandler, sendReply, sendReturned, sendThrown } from './answer.ts';
import { toGatewayEvent, toGatewayReply } from './api-gateway.ts';
import { IncomingBody } from './bodies.ts';
import { setNow } from './clock.ts';
import { Invocation, enter, findInvocation } from './invocation.ts';
import { callHandler } from './lambda.ts';
import { beginEntry, endEntry, setDirect } from './output.ts';
import {
  NativeUint8Array,
  bufferLength,
  copyBytes,
  guestJson,
  parseJson,
  stringIndexOf,
  stringSlice,
} from './primordials.ts';
import { directEntry, directRow, In } from './protocol.ts';
import { RequestLine } from './request-line.ts';
import { functionName, handlers } from './start.ts';
import { handleRequest } from './web-handler.ts';
import type { EventHandler } from './module.ts';

type Message = readonly unknown[];

/** One message of the engine is one entry (protocol.ts), or with `more` 2 several requests are; never throws. */
export function deliver(text: string, bytes: ArrayBuffer | undefined, more: number, now: number): void {
  setNow(now);
  setDirect(more >= directEntry);
  if (more === 2 || more === directRow) {
    void deliverRow(text);
    return;
  }
  const message = parseJson(text) as Message;
  const number = message.length > 1 ? (message[1] as number) : 0;
  beginEntry(number);
  try {
    act(message, number, bytes);
  } finally {
    endEntry(more === 1);
  }
}

/** Rounds of microtasks that a request of a row may take before the row ends for it. */
const rowPatience = 16;

/**
 * Requests one after the other in one entry, each begun only when the one before is over, so that what its microtasks do
 * is its own. One that waits for something ends the row; the cell sees by marker[1] how far it came.
 */
async function deliverRow(row: string): Promise<void> {
  let from = 0;
  try {
    while (from !== -1) {
      const end = stringIndexOf(row, '\n', from);
      const number = beginOfRow(end === -1 ? stringSlice(row, from) : stringSlice(row, from, end));
      from = end === -1 ? -1 : end + 1;
      for (let round = 0; round < rowPatience && findInvocation(number) !== undefined; round++) {
        // oxlint-disable-next-line typescript/await-thenable -- one round of microtasks, no promise to wait for
        await undefined;
      }
      if (findInvocation(number) !== undefined) break;
    }
  } finally {
    endEntry(false);
  }
}

/** Begins one request of a row and gives its number. */
function beginOfRow(text: string): number {
  const { fetch } = handlers;
  const line = fetch === undefined ? undefined : RequestLine.read(text);
  if (fetch === undefined || line === undefined) {
    const message = parseJson(text) as Message;
    const number = message[1] as number;
    beginEntry(number);
    act(message, number, undefined);
    return number;
  }
  beginEntry(line.number);
  const invocation = new Invocation(line.number, line.id, line.d);
  enter(invocation);
  handleRequest(invocation, fetch, line, undefined);
  return line.number;
}

function act(message: Message, number: number, bytes: ArrayBuffer | undefined): void {
  switch (message[0]) {
    case In.Request:
      return onRequest(number, message[2] as RequestHead, inlineBytes(bytes, message[3], message[4]));
    case In.Event:
      return onEvent(number, message[2] as EventHead);
    case In.Flush:
      enter(undefined);
      return;
    default: {
      const invocation = findInvocation(number);
      enter(invocation);
      if (invocation !== undefined) onMessage(invocation, message, bytes);
    }
  }
}

function onMessage(invocation: Invocation, message: Message, bytes: ArrayBuffer | undefined): void {
  const at = message[2] as number;
  switch (message[0]) {
    case In.Chunk:
      invocation.incoming[at]?.chunk(inlineBytes(bytes, message[3], message[4]) ?? new NativeUint8Array(0));
      return;
    case In.End:
      invocation.incoming[at]?.end();
      return;
    case In.Fail:
      invocation.incoming[at]?.fail(message[3], message[4]);
      return;
    case In.Credit:
      invocation.outgoing[at]?.credit(message[3] as number);
      return;
    case In.Cancel:
      invocation.outgoing[at]?.cancel();
      return;
    case In.Answer:
      if (message[3] === 1) {
        // The cell leaves no bytes out of a message that has none.
        const none = message[6] === 0 ? new NativeUint8Array(0) : undefined;
        const whole = inlineBytes(bytes, message[5], message[6]) ?? none;
        invocation.operations[at]?.succeed(message[4], whole, message[7] === 1);
      } else {
        invocation.operations[at]?.fail(message[4]);
      }
      return;
    case In.Timer:
      invocation.timers[at]?.fire();
      return;
    case In.Abort:
      invocation.abort();
      return;
    case In.Drop:
      invocation.drop();
      return;
    default:
  }
}

/** The bytes of one message, never with another message's behind them. */
function inlineBytes(
  bytes: ArrayBuffer | undefined,
  offset: unknown,
  length: unknown,
): Uint8Array | undefined {
  if (bytes === undefined || typeof length !== 'number' || length < 0) return undefined;
  const all = new NativeUint8Array(bytes);
  if (offset === 0 && bufferLength(bytes) === length) return all;
  return copyBytes(all, offset as number, length);
}

function onRequest(number: number, head: RequestHead, bytes: Uint8Array | undefined): void {
  const invocation = new Invocation(number, head.id, head.d);
  enter(invocation);
  const { fetch, handler } = handlers;
  if (fetch !== undefined) return handleRequest(invocation, fetch, head, bytes);
  if (handler === undefined) return sendNoHandler(invocation, 'the module has no fetch handler');
  if (head.b !== 2) return onGatewayRequest({ invocation, handler, head }, bytes);
  void collectThenCall({ invocation, handler, head });
}

interface GatewayCall {
  readonly invocation: Invocation;
  readonly handler: EventHandler;
  readonly head: RequestHead;
}

async function collectThenCall(call: GatewayCall): Promise<void> {
  const { invocation } = call;
  let bytes: Uint8Array;
  try {
    bytes = await new IncomingBody(invocation, 0).collect();
  } catch (thrown) {
    sendThrown(invocation, thrown, 'handler');
    return;
  }
  onGatewayRequest(call, bytes);
}

/** A web request for an event handler: Lambda's event in, Lambda's result out. */
function onGatewayRequest({ invocation, handler, head }: GatewayCall, bytes: Uint8Array | undefined): void {
  callHandler({
    invocation,
    handler,
    event: toGatewayEvent(head, functionName, bytes),
    clientContext: undefined,
    done: (ending) => finishGateway(invocation, ending),
  });
}

function finishGateway(invocation: Invocation, ending: Ending): void {
  if (ending.kind === 'threw') return sendThrown(invocation, ending.error, 'handler');
  let reply: Reply;
  try {
    reply = toGatewayReply(ending.value);
  } catch (thrown) {
    return sendThrown(invocation, thrown, 'result');
  }
  sendReply(invocation, reply);
}

function onEvent(number: number, head: EventHead): void {
  const invocation = new Invocation(number, head.id, head.d);
  enter(invocation);
  const { handler } = handlers;
  if (handler === undefined) return sendNoHandler(invocation, 'the module has no event handler');
  callHandler({
    invocation,
    handler,
    event: head.e,
    clientContext: head.c,
    done: (ending) => finishEvent(invocation, ending),
  });
}

function finishEvent(invocation: Invocation, ending: Ending): void {
  if (ending.kind === 'threw') return sendThrown(invocation, ending.error, 'handler');
  let json: string | undefined;
  try {
    json = guestJson(ending.value);
  } catch (thrown) {
    return sendThrown(invocation, thrown, 'result');
  }
  sendReturned(invocation, json);
}
