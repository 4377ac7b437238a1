import { createDomException } from './dom-exception.ts';
import { type Event, eventAccess } from './event.ts';
import { reportException } from './io.ts';
import { requireArguments, shapeInterface, toText } from './webidl.ts';

type Callback = ((this: unknown, event: Event) => unknown) | { handleEvent?: (event: Event) => unknown };

interface Listener {
  readonly type: string;
  readonly callback: Callback;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
}

/** Set by abort.ts: runs `stop` when the signal aborts, true when it already did. Breaks the import cycle. */
let removeOnAbort: (signal: unknown, stop: () => void) => boolean;
export function setRemoveOnAbort(next: typeof removeOnAbort): void {
  removeOnAbort = next;
}

/** Dispatches as the platform does (isTrusted); guests cannot reach it. */
export let fire: (target: EventTarget, event: Event) => void;
/** Brand check; never calls guest code. */
export let isEventTarget: (value: unknown) => value is EventTarget;
/** An event handler attribute such as onabort: its getter and setter. */
export let handlerAttribute: (type: string) => {
  get(this: EventTarget): unknown;
  set(this: EventTarget, value: unknown): void;
};

/** The target behind the functions of the global scope: to guests it is `globalThis`. */
let globalTarget: EventTarget | undefined;
export function setGlobalTarget(target: EventTarget): void {
  globalTarget = target;
}

function toVisible(target: EventTarget): object {
  return target === globalTarget ? globalThis : target;
}

const { defineProperty } = Object;
const captured = Reflect.get as (holder: object, key: string) => object;
const apply = Reflect.apply as (callback: unknown, thisArg: unknown, args: unknown[]) => unknown;

/** DOM, 2.7, without a tree: listeners run at the target, capturing ones first. */
export class EventTarget {
  // Made with the first listener: most signals and targets never have one.
  #listeners: Listener[] | undefined;
  #handlers: Map<string, { value: unknown; listener: Listener }> | undefined;

  static {
    isEventTarget = (value): value is EventTarget =>
      typeof value === 'object' && value !== null && #listeners in value;
    fire = (target, event) => {
      eventAccess.begin(event, toVisible(target), true);
      target.#run(event);
    };
    handlerAttribute = (type) => {
      const attribute: ReturnType<typeof handlerAttribute> = {
        get() {
          return this.#handlers?.get(type)?.value ?? null;
        },
        set(value) {
          this.#setHandler(type, value);
        },
      };
      // Web IDL: the names an accessor written as one would have.
      for (const key of ['get', 'set'])
        defineProperty(captured(attribute, key), 'name', { value: `${key} on${type}`, configurable: true });
      return attribute;
    };
  }

  addEventListener(type: unknown, callback: unknown, options?: unknown): void {
    requireArguments(arguments.length, 2, 'addEventListener');
    const name = toText(type);
    const flags = toOptions(options);
    if (flags.signal !== undefined && !isEventTarget(flags.signal))
      throw new TypeError('signal must be an AbortSignal');
    if (callback === null || callback === undefined) return;
    if (typeof callback !== 'function' && typeof callback !== 'object')
      throw new TypeError('addEventListener needs a function or an object with handleEvent');
    const listeners = (this.#listeners ??= []);
    for (const known of listeners)
      if (known.type === name && known.callback === callback && known.capture === flags.capture) return;
    const listener: Listener = {
      type: name,
      callback: callback,
      capture: flags.capture,
      once: flags.once,
      passive: flags.passive,
      removed: false,
    };
    if (flags.signal !== undefined && removeOnAbort(flags.signal, () => this.#remove(listener))) return;
    listeners.push(listener);
  }

  removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
    requireArguments(arguments.length, 2, 'removeEventListener');
    const name = toText(type);
    const capture = toCapture(options);
    for (const known of this.#listeners ?? []) {
      if (known.type !== name || known.callback !== callback || known.capture !== capture) continue;
      this.#remove(known);
      return;
    }
  }

  dispatchEvent(event: unknown): boolean {
    requireArguments(arguments.length, 1, 'dispatchEvent');
    if (!eventAccess.isEvent(event)) throw new TypeError('dispatchEvent needs an Event');
    if (eventAccess.isDispatching(event))
      throw createDomException('The event is already being dispatched', 'InvalidStateError');
    eventAccess.begin(event, toVisible(this), false);
    this.#run(event);
    return !event.defaultPrevented;
  }

  #run(event: Event): void {
    const now = this.#listeners === undefined ? [] : [...this.#listeners];
    const { type } = event;
    for (const capture of [true, false]) {
      for (const listener of now) {
        if (listener.removed || listener.capture !== capture || listener.type !== type) continue;
        if (listener.once) this.#remove(listener);
        this.#call(listener, event);
        if (eventAccess.isStopped(event)) break;
      }
      if (eventAccess.isStopped(event)) break;
    }
    eventAccess.end(event);
  }

  #call({ callback, passive }: Listener, event: Event): void {
    eventAccess.setPassive(event, passive);
    try {
      if (typeof callback === 'function') apply(callback, toVisible(this), [event]);
      else if (typeof callback.handleEvent === 'function') callback.handleEvent(event);
      else throw new TypeError('The listener has no handleEvent method');
    } catch (error) {
      reportException(error);
    }
    eventAccess.setPassive(event, false);
  }

  #remove(listener: Listener): void {
    listener.removed = true;
    const index = this.#listeners?.indexOf(listener) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }

  #setHandler(type: string, value: unknown): void {
    const handlers = (this.#handlers ??= new Map());
    const known = handlers.get(type);
    if (typeof value !== 'function') {
      if (known) this.#remove(known.listener);
      handlers.delete(type);
      return;
    }
    if (known) {
      known.value = value;
      return;
    }
    const entry = { value: value as unknown, listener: undefined as unknown as Listener };
    const callback = (event: Event): void => {
      if (apply(entry.value, this, [event]) === false) event.preventDefault();
    };
    entry.listener = { type, callback, capture: false, once: false, passive: false, removed: false };
    handlers.set(type, entry);
    (this.#listeners ??= []).push(entry.listener);
  }
}

function toCapture(options: unknown): boolean {
  const isDictionary = (typeof options === 'object' || typeof options === 'function') && options !== null;
  return Boolean(isDictionary ? (options as { capture?: unknown }).capture : options);
}

function toOptions(options: unknown): { capture: boolean; once: boolean; passive: boolean; signal: unknown } {
  if (typeof options !== 'object' || options === null)
    return { capture: Boolean(options), once: false, passive: false, signal: undefined };
  const { capture, once, passive, signal } = options as Record<string, unknown>;
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
}

shapeInterface(EventTarget.prototype, 'EventTarget');
