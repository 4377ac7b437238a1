import { In } from '#runtime/guest/protocol.ts';
import type { Message } from './entries.ts';

/** How the message of a request begins. */
const plainStart = `[${In.Request},`;

export interface PushOptions {
  /** It begins an invocation. */
  readonly begins?: boolean;
  readonly taken?: (() => void) | undefined;
}

/** What waits to be handed to one guest, in order. */
export class Inbox {
  #messages: Message[] = [];

  get length(): number {
    return this.#messages.length;
  }

  get first(): Message | undefined {
    return this.#messages[0];
  }

  /** All that waits. */
  get all(): readonly Message[] {
    return this.#messages;
  }

  push(invocation: number, text: string, bytes: Uint8Array | undefined, more: PushOptions): void {
    const some = bytes !== undefined && bytes.length > 0 ? bytes : undefined;
    const plain = more.begins === true && some === undefined && text.startsWith(plainStart);
    this.#messages.push({ invocation, text, bytes: some, plain, taken: more.taken });
  }

  /** Before all that waits. */
  putBack(messages: readonly Message[]): void {
    this.#messages = [...messages, ...this.#messages];
  }

  /** The first `count`, taken out; all of them without a count. */
  take(count: number = this.#messages.length): readonly Message[] {
    if (count < this.#messages.length) return this.#messages.splice(0, count);
    const all = this.#messages;
    this.#messages = [];
    return all;
  }

  /** Takes out what waits for an invocation. */
  drop(invocation: number): void {
    this.#messages = this.#messages.filter((message) => message.invocation !== invocation);
  }
}
