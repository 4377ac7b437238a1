import { ErrorEvent } from './event.ts';
import { EventTarget, fire, setGlobalTarget } from './event-target.ts';
import { toWellFormed } from './webidl.ts';

const { apply } = Reflect as unknown as {
  apply: (target: unknown, self: unknown, args: unknown) => unknown;
};
const { defineProperty } = Object;

const original = Object.getOwnPropertyDescriptors(EventTarget.prototype);
let target: EventTarget | undefined;
let isReporting = false;
let onerror: unknown = null;

/** `addEventListener` and its like, and `onerror`, on the global scope. */
export function installGlobalEvents(): void {
  const scope = new EventTarget();
  target = scope;
  setGlobalTarget(scope);
  const methods = {
    addEventListener(_type: unknown, _callback: unknown) {
      return apply(original.addEventListener.value, receiver(this), arguments);
    },
    removeEventListener(_type: unknown, _callback: unknown) {
      return apply(original.removeEventListener.value, receiver(this), arguments);
    },
    dispatchEvent(_event: unknown) {
      return apply(original.dispatchEvent.value, receiver(this), arguments);
    },
  };
  for (const [name, value] of Object.entries(methods))
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
  scope.addEventListener('error', callOnError);
  defineProperty(globalThis, 'onerror', {
    get(this: unknown) {
      return receiver(this) === target ? onerror : refuseReceiver();
    },
    set(this: unknown, value: unknown) {
      if (receiver(this) !== target) refuseReceiver();
      onerror = typeof value === 'function' ? value : null;
    },
    configurable: true,
  });
}

/** The global scope is the receiver of a bare call. */
function receiver(self: unknown): unknown {
  return self === undefined || self === null || self === globalThis ? target : self;
}

function refuseReceiver(): never {
  throw new TypeError('onerror is a property of the global scope alone');
}

/** HTML, 8.1.8.1: the handler takes five arguments, and true from it means that the error is dealt with. */
function callOnError(event: unknown): void {
  if (onerror === null) return;
  const { message, filename, lineno, colno, error } = event as ErrorEvent;
  if (apply(onerror, globalThis, [message, filename, lineno, colno, error]) === true)
    (event as ErrorEvent).preventDefault();
}

/** HTML, "report an exception": true when a listener called preventDefault. What a listener throws is not reported anew. */
export function fireError(error: unknown, message: string): boolean {
  if (isReporting || target === undefined) return false;
  isReporting = true;
  try {
    const event = new ErrorEvent('error', { error, message: toWellFormed(message), cancelable: true });
    fire(target, event);
    return event.defaultPrevented;
  } finally {
    isReporting = false;
  }
}
