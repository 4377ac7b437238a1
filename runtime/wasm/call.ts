import { In, type EventHead, type RequestHead } from '#runtime/guest/protocol.ts';
import { toGatewayEvent, toGatewayReply } from './gateway.ts';
import type { Conversation } from './lines.ts';

/** A call as a resident guest is told of it: whole. */
export interface WholeCall {
  /** JSON text without a newline; for requests an event of an API Gateway HTTP API (payload format 2.0). */
  readonly event: string;
  /** UUID form. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** AWS's client context, when the caller sent one. */
  readonly clientContext?: unknown;
}

/** AWS's own bound on what a handler is called with and answers, in bytes. */
export const mostBytes: number = 6 * 2 ** 20;

/** Gathers the first message of an invocation and its body, and turns the result into the answer to it. */
export class IncomingCall {
  readonly #conversation: Conversation;
  readonly #functionName: string;
  readonly #ready: (call: WholeCall) => void;
  #request: RequestHead | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #gathering = false;

  /** `ready` is called once, unless the body fails or is too large: then the answer is given here. */
  constructor(conversation: Conversation, functionName: string, ready: (call: WholeCall) => void) {
    this.#conversation = conversation;
    this.#functionName = functionName;
    this.#ready = ready;
  }

  begin(message: string, bytes: Uint8Array): void {
    const [kind, , head] = JSON.parse(message) as readonly [number, number, unknown];
    if (kind === In.Event) return this.#ready(eventCall(message, head as EventHead));
    const request = head as RequestHead;
    this.#request = request;
    this.#gathering = request.b === 2;
    if (request.b === 1) this.#add(bytes);
    else if (request.b === 0) this.#whole();
    if (request.b === 1 && this.#bytes <= mostBytes) this.#whole();
  }

  /** True when the message was part of the body, or is of no use to a guest that cannot be told. */
  message(message: string, bytes: Uint8Array): boolean {
    const [kind, , stream, text] = JSON.parse(message) as readonly unknown[];
    if (kind === In.Abort) {
      if (this.#gathering) this.#stop();
      return true;
    }
    if (stream !== 0) return false;
    if (!this.#gathering) return true;
    if (kind === In.Chunk) this.#add(bytes);
    if (kind === In.End) this.#whole();
    if (kind === In.Fail) this.fail('Error', `The request body failed: ${String(text)}`, 'handler');
    return true;
  }

  /** Ends the invocation with a result, JSON text: of an event as it is, of a request as a response. */
  answer(json: string): void {
    const conversation = this.#conversation;
    try {
      if (this.#request === undefined) {
        JSON.parse(json);
        conversation.emit('R', JSON.stringify([json]));
      } else {
        const { status, headers, body } = toGatewayReply(json);
        const head = `[${status},${JSON.stringify(headers)},`;
        if (body === undefined) conversation.emit('A', `${head}0,null]`);
        else if (typeof body === 'string') conversation.emit('A', `${head}1,${JSON.stringify(body)}]`);
        else conversation.emit('A', `${head}2,[0,${body.length}]]`, body);
      }
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      return this.fail(name, message, 'result');
    }
    conversation.done();
  }

  /** Ends the invocation with an error. */
  fail(name: string, message: string, phase: 'handler' | 'result', stack: string = ''): void {
    this.#gathering = false;
    this.#pieces = [];
    this.#conversation.emit('Z', JSON.stringify([name, message, stack, phase]));
    this.#conversation.done();
  }

  #add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > mostBytes)
      return this.fail(
        'RangeError',
        'The request body is larger than 6 MB, the most an event can carry',
        'handler',
      );
    this.#pieces.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (this.#gathering) this.#conversation.emit('G', `[0,${bytes.length}]`);
  }

  #whole(): void {
    this.#gathering = false;
    const request = this.#request;
    if (request === undefined) return;
    const body = this.#bytes === 0 ? undefined : Buffer.concat(this.#pieces);
    this.#pieces = [];
    const event = JSON.stringify(toGatewayEvent(request, this.#functionName, body));
    this.#ready({ event, id: request.id, deadline: request.d });
  }

  /** The caller went away before the guest was reached. */
  #stop(): void {
    this.#gathering = false;
    this.#pieces = [];
    this.#conversation.done();
  }
}

function eventCall(message: string, head: EventHead): WholeCall {
  const { id, d: deadline, c } = head;
  const context = c === undefined ? {} : { clientContext: c };
  return { event: rawEvent(message, head), id, deadline, ...context };
}

/**
 * The event as its sender wrote it, so that no digit of a number is lost: `{"e":EVENT,"id":…` (host/dispatch/messages.ts).
 * A raw newline in JSON text is white space between tokens.
 */
function rawEvent(message: string, head: EventHead): string {
  const start = message.indexOf('{"e":') + 5;
  const end = message.lastIndexOf(`,"id":${JSON.stringify(head.id)},"d":${head.d}`);
  const found = start >= 5 && end > start;
  return found ? message.slice(start, end).replaceAll(/[\r\n]/g, ' ') : JSON.stringify(head.e);
}
