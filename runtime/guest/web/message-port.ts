import { createDomException } from './dom-exception.ts';
import { Event } from './event.ts';
import { EventTarget, fire, handlerAttribute } from './event-target.ts';
import { io } from './io.ts';
import { MessageEvent } from './message-event.ts';
import { addTransferKind } from './clone-kinds.ts';
import { cloneWithTransfer } from './structured-clone.ts';
import { requireArguments, setLengths, shapeInterface, toDictionary, uncurryThis } from './webidl.ts';

interface Message {
  readonly data: unknown;
  readonly ports: readonly object[];
}

/** One end of a channel: it moves between port objects when they are transferred, with what waits for it. */
class End {
  peer: End | undefined;
  owner: MessagePort | undefined;
  isStarted = false;
  #waiting: Message[] = [];

  receive(message: Message): void {
    this.#waiting.push(message);
    if (this.isStarted) this.#deliverSoon();
  }

  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    for (let count = this.#waiting.length; count > 0; count--) this.#deliverSoon();
  }

  /** The one at the other end hears of it (HTML, 9.4.4, "disentangle"). */
  close(): void {
    this.#waiting = [];
    const { peer } = this;
    this.peer = undefined;
    if (peer === undefined) return;
    peer.peer = undefined;
    runTask(() => {
      if (peer.owner !== undefined) fire(peer.owner, new Event('close'));
    });
  }

  /** A task for each message: between two of them microtasks run. */
  #deliverSoon(): void {
    runTask(() => {
      const { owner } = this;
      if (owner === undefined || !this.isStarted) return;
      const message = this.#waiting.shift();
      if (message !== undefined) fire(owner, new MessageEvent('message', message));
    });
  }
}

/** Tasks belong to an invocation; at the top level there is none. */
export function runTask(run: () => void): void {
  if (io.queueTask === undefined) void Promise.resolve().then(run);
  else io.queueTask(run);
}

const key: unique symbol = Symbol('MessagePort');
let endOf: (port: MessagePort) => End | undefined;
let take: (port: MessagePort, end: End) => void;
let isPort: (value: unknown) => value is MessagePort;

/** HTML, 9.4.4. Both ends are in one isolate; a message is delivered in the invocation that sent it. */
export class MessagePort extends EventTarget {
  /** Undefined once it was transferred or closed. */
  #end: End | undefined;

  static {
    isPort = (value): value is MessagePort => typeof value === 'object' && value !== null && #end in value;
    endOf = (port) => port.#end;
    take = (port, end) => {
      if (end.owner !== undefined) end.owner.#end = undefined;
      end.owner = port;
      end.isStarted = false;
      port.#end = end;
    };
  }

  constructor(guard?: unknown) {
    if (guard !== key) throw new TypeError('Illegal constructor: use new MessageChannel');
    super();
  }

  postMessage(message: unknown, options?: unknown): void {
    void this.#end;
    requireArguments(arguments.length, 1, 'postMessage');
    const transfer = toTransfer(options);
    if (transfer.includes(this))
      throw createDomException('A port cannot be sent through itself', 'DataCloneError');
    const peer = this.#end?.peer;
    const isDoomed = transfer.some((item) => isPort(item) && peer !== undefined && endOf(item) === peer);
    const { clone, replacements } = cloneWithTransfer(message, transfer);
    if (!isDoomed) peer?.receive({ data: clone, ports: replacements.filter((each) => isPort(each)) });
  }

  start(): void {
    void this.#end;
    this.#end?.start();
  }

  close(): void {
    const end = this.#end;
    if (end === undefined) return;
    this.#end = undefined;
    end.owner = undefined;
    end.close();
  }
}

/** The second argument of postMessage: a list, or a dictionary with one. */
export function toTransfer(options: unknown): readonly unknown[] {
  if (options === undefined || options === null) return [];
  const isList = typeof options === 'object' && Symbol.iterator in options;
  const list = isList ? options : toDictionary(options, 'The options of postMessage')['transfer'];
  if (list === undefined) return [];
  if (typeof list !== 'object' || list === null || !(Symbol.iterator in list))
    throw new TypeError('transfer must be a sequence of objects');
  return [...(list as Iterable<unknown>)];
}

addTransferKind({
  is: isPort,
  prepare: (value) => {
    const port = value as MessagePort;
    const end = endOf(port);
    if (end === undefined) throw createDomException('The port is detached already', 'DataCloneError');
    const replacement = new MessagePort(key);
    return { replacement, move: () => take(replacement, end) };
  },
});

/** HTML, 9.4.3. */
export class MessageChannel {
  readonly #port1 = new MessagePort(key);
  readonly #port2 = new MessagePort(key);

  constructor() {
    const ends = [new End(), new End()] as const;
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    take(this.#port1, ends[0]);
    take(this.#port2, ends[1]);
  }

  get port1(): MessagePort {
    return this.#port1;
  }
  get port2(): MessagePort {
    return this.#port2;
  }
}

const onmessage = handlerAttribute('message');
// oxlint-disable-next-line typescript/unbound-method -- called with its receiver
const setOnMessage = uncurryThis<(port: MessagePort, value: unknown) => void>(onmessage.set);
Object.defineProperties(MessagePort.prototype, {
  onmessage: {
    ...onmessage,
    set(this: MessagePort, value: unknown) {
      setOnMessage(this, value);
      endOf(this)?.start();
    },
    configurable: true,
  },
  onmessageerror: { ...handlerAttribute('messageerror'), configurable: true },
  onclose: { ...handlerAttribute('close'), configurable: true },
});
setLengths(MessagePort.prototype, { constructor: 0, postMessage: 1 });
shapeInterface(MessagePort.prototype, 'MessagePort');
shapeInterface(MessageChannel.prototype, 'MessageChannel');
