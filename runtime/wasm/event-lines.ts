import { IncomingCall } from './call.ts';
import type { Conversation, Lines } from './lines.ts';

/**
 * Protocol `events`: one line in, the event's JSON; one line out, the result's. A line that is no JSON ends the
 * invocation and the guest, which is out of step; empty lines do not count.
 */
export class EventLines implements Lines {
  readonly #conversation: Conversation;
  readonly #call: IncomingCall;

  constructor(conversation: Conversation, functionName: string) {
    this.#conversation = conversation;
    this.#call = new IncomingCall(conversation, functionName, ({ event }) =>
      conversation.toGuest(Buffer.from(event)),
    );
  }

  begin(message: string, bytes: Uint8Array): void {
    this.#call.begin(message, bytes);
  }

  message(message: string, bytes: Uint8Array): void {
    this.#call.message(message, bytes);
  }

  line(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').trim();
    if (text === '') return;
    if (isJson(text)) return this.#call.answer(text);
    this.#conversation.outOfStep();
    const start = JSON.stringify(text.slice(0, 100));
    this.#call.fail(
      'SyntaxError',
      `The function wrote a line that is no JSON: ${start}; write logs to stderr`,
      'result',
    );
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
