import { createDomException } from './dom-exception.ts';
import { EventTarget, fire, handlerAttribute } from './event-target.ts';
import { MessageEvent } from './message-event.ts';
import { runTask } from './message-port.ts';
import { structuredClone } from './structured-clone.ts';
import { requireArguments, shapeInterface, toText } from './webidl.ts';

const open: Set<BroadcastChannel> = new Set();

/** HTML, 9.5. Its other ends are those of the same instance: functions share nothing, nor do their instances. */
export class BroadcastChannel extends EventTarget {
  readonly #name: string;
  #isClosed = false;

  constructor(name: unknown) {
    requireArguments(arguments.length, 1, 'new BroadcastChannel');
    super();
    this.#name = toText(name);
    open.add(this);
  }

  get name(): string {
    return this.#name;
  }

  postMessage(message: unknown): void {
    void this.#name;
    requireArguments(arguments.length, 1, 'postMessage');
    if (this.#isClosed) throw createDomException('The channel is closed', 'InvalidStateError');
    // Refused before anybody hears of it.
    const data = structuredClone(message);
    for (const other of open) {
      if (other === this || other.#name !== this.#name) continue;
      runTask(() => {
        if (!other.#isClosed) fire(other, new MessageEvent('message', { data: structuredClone(data) }));
      });
    }
  }

  close(): void {
    this.#isClosed = true;
    open.delete(this);
  }
}

Object.defineProperties(BroadcastChannel.prototype, {
  onmessage: { ...handlerAttribute('message'), configurable: true },
  onmessageerror: { ...handlerAttribute('messageerror'), configurable: true },
});
shapeInterface(BroadcastChannel.prototype, 'BroadcastChannel');
