import { io } from './io.ts';
import { requireArguments, shapeInterface, toDictionary, toText } from './webidl.ts';

/** What EventTarget may do to an event; handed out once, never to guests. */
interface EventAccess {
  isEvent(value: unknown): value is Event;
  isDispatching(event: Event): boolean;
  begin(event: Event, target: object, trusted: boolean): void;
  setPassive(event: Event, passive: boolean): void;
  isStopped(event: Event): boolean;
  end(event: Event): void;
}

export let eventAccess: EventAccess;

/** Brand check; never calls guest code. */
export function isEvent(value: unknown): value is Event {
  return eventAccess.isEvent(value);
}

const { defineProperty } = Object;
/** [LegacyUnforgeable]: a property of each event, with one getter for all. */
let isTrusted: PropertyDescriptor;

/** DOM, 2.2. There is no tree here: the path of an event is its target alone. */
export class Event {
  #type: string;
  #bubbles: boolean;
  #cancelable: boolean;
  readonly #composed: boolean;
  readonly #time: number = io.now() - io.origin;
  #target: object | null = null;
  #dispatching = false;
  #canceled = false;
  #stopped = false;
  #propagationStopped = false;
  #passive = false;
  #trusted = false;
  declare readonly isTrusted: boolean;

  static {
    const owner = {
      get isTrusted(): boolean {
        return (this as unknown as Event).#trusted;
      },
    };
    // oxlint-disable-next-line typescript/unbound-method -- an accessor is called with its receiver
    const { get } = Object.getOwnPropertyDescriptors(owner).isTrusted;
    isTrusted = { get: get as () => unknown, enumerable: true, configurable: false };
    eventAccess = {
      isEvent: (value): value is Event => typeof value === 'object' && value !== null && #type in value,
      isDispatching: (event) => event.#dispatching,
      begin(event, target, trusted) {
        event.#dispatching = true;
        event.#target = target;
        event.#trusted = trusted;
      },
      setPassive(event, passive) {
        event.#passive = passive;
      },
      isStopped: (event) => event.#stopped,
      end(event) {
        event.#dispatching = false;
        event.#stopped = false;
        event.#propagationStopped = false;
      },
    };
  }

  constructor(type: unknown, init?: unknown) {
    requireArguments(arguments.length, 1, 'new Event');
    defineProperty(this, 'isTrusted', isTrusted);
    const options = toDictionary(init, 'The second argument of an event');
    this.#type = toText(type);
    this.#bubbles = Boolean(options.bubbles);
    this.#cancelable = Boolean(options.cancelable);
    this.#composed = Boolean(options.composed);
  }

  get type(): string {
    return this.#type;
  }
  get target(): object | null {
    return this.#target;
  }
  get srcElement(): object | null {
    return this.#target;
  }
  get currentTarget(): object | null {
    return this.#dispatching ? this.#target : null;
  }
  get eventPhase(): number {
    return this.#dispatching ? 2 : 0;
  }
  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get defaultPrevented(): boolean {
    return this.#canceled;
  }
  get returnValue(): boolean {
    return !this.#canceled;
  }
  set returnValue(value: unknown) {
    if (!value) this.preventDefault();
  }
  get cancelBubble(): boolean {
    return this.#propagationStopped;
  }
  set cancelBubble(value: unknown) {
    if (value) this.#propagationStopped = true;
  }
  get timeStamp(): number {
    return this.#time;
  }

  composedPath(): object[] {
    return this.#dispatching && this.#target ? [this.#target] : [];
  }
  preventDefault(): void {
    if (this.#cancelable && !this.#passive) this.#canceled = true;
  }
  stopPropagation(): void {
    this.#propagationStopped = true;
  }
  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    requireArguments(arguments.length, 1, 'initEvent');
    const name = toText(type);
    if (this.#dispatching) return;
    this.#type = name;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#stopped = false;
    this.#propagationStopped = false;
    this.#canceled = false;
    this.#trusted = false;
    this.#target = null;
  }
  stopImmediatePropagation(): void {
    this.#propagationStopped = true;
    this.#stopped = true;
  }
}

/** DOM, 2.4. */
export class CustomEvent extends Event {
  readonly #detail: unknown;

  constructor(type: unknown, init?: unknown) {
    requireArguments(arguments.length, 1, 'new CustomEvent');
    super(type, init);
    const { detail } = toDictionary(init, 'The second argument of an event');
    this.#detail = detail === undefined ? null : detail;
  }

  get detail(): unknown {
    return this.#detail;
  }
}

/** HTML, 8.1.4.2. */
export class ErrorEvent extends Event {
  readonly #message: string;
  readonly #filename: string;
  readonly #lineno: number;
  readonly #colno: number;
  readonly #error: unknown;

  constructor(type: unknown, init?: unknown) {
    requireArguments(arguments.length, 1, 'new ErrorEvent');
    super(type, init);
    const options = toDictionary(init, 'The second argument of an event');
    this.#message = options.message === undefined ? '' : toText(options.message);
    this.#filename = options.filename === undefined ? '' : toText(options.filename);
    this.#lineno = Number(options.lineno ?? 0) >>> 0;
    this.#colno = Number(options.colno ?? 0) >>> 0;
    this.#error = options.error;
  }

  get message(): string {
    return this.#message;
  }
  get filename(): string {
    return this.#filename;
  }
  get lineno(): number {
    return this.#lineno;
  }
  get colno(): number {
    return this.#colno;
  }
  get error(): unknown {
    return this.#error;
  }
}

/** HTML, 8.1.4.7. */
export class PromiseRejectionEvent extends Event {
  readonly #promise: unknown;
  readonly #reason: unknown;

  constructor(type: unknown, init: unknown) {
    requireArguments(arguments.length, 2, 'new PromiseRejectionEvent');
    super(type, init);
    const options = toDictionary(init, 'The second argument of an event');
    if (!('promise' in options)) throw new TypeError('new PromiseRejectionEvent needs init.promise');
    this.#promise = options.promise;
    this.#reason = options.reason;
  }

  get promise(): unknown {
    return this.#promise;
  }
  get reason(): unknown {
    return this.#reason;
  }
}

shapeInterface(Event.prototype, 'Event');
shapeInterface(CustomEvent.prototype, 'CustomEvent');
shapeInterface(ErrorEvent.prototype, 'ErrorEvent');
shapeInterface(PromiseRejectionEvent.prototype, 'PromiseRejectionEvent');
for (const [index, name] of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'].entries()) {
  Object.defineProperty(Event, name, { value: index, enumerable: true });
  Object.defineProperty(Event.prototype, name, { value: index, enumerable: true });
}
