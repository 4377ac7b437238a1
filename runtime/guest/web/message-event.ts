import { Event, eventAccess } from './event.ts';
import { requireArguments, setLengths, shapeInterface, toDictionary, toText, toUsvString } from './webidl.ts';

const { freeze } = Object;
const none: readonly unknown[] = freeze([]);

/** HTML, 9.1. */
export class MessageEvent extends Event {
  #data: unknown;
  #origin: string;
  #lastEventId: string;
  #source: unknown;
  #ports: readonly unknown[];

  constructor(type: unknown, init?: unknown) {
    requireArguments(arguments.length, 1, 'new MessageEvent');
    super(type, init);
    const options = toDictionary(init, 'The second argument of an event');
    this.#data = options.data === undefined ? null : options.data;
    this.#lastEventId = options.lastEventId === undefined ? '' : toText(options.lastEventId);
    this.#origin = options.origin === undefined ? '' : toUsvString(options.origin);
    this.#ports = toPorts(options.ports);
    this.#source = options.source ?? null;
  }

  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): unknown {
    return this.#source;
  }
  get ports(): readonly unknown[] {
    return this.#ports;
  }

  // oxlint-disable-next-line max-params -- the standard's own list
  initMessageEvent(
    type: unknown,
    bubbles: unknown = false,
    cancelable: unknown = false,
    data: unknown = null,
    origin: unknown = '',
    lastEventId: unknown = '',
    source: unknown = null,
    ports: unknown = none,
  ): void {
    requireArguments(arguments.length, 1, 'initMessageEvent');
    const list = toPorts(ports);
    if (eventAccess.isDispatching(this)) return;
    this.initEvent(type, bubbles, cancelable);
    this.#data = data;
    this.#origin = toUsvString(origin);
    this.#lastEventId = toText(lastEventId);
    this.#source = source;
    this.#ports = list;
  }
}

function toPorts(value: unknown): readonly unknown[] {
  if (value === undefined) return none;
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new TypeError('The ports of a MessageEvent must be a sequence');
  return freeze([...(value as Iterable<unknown>)]);
}

shapeInterface(MessageEvent.prototype, 'MessageEvent');
setLengths(MessageEvent.prototype, { constructor: 1 });
