import { ErrorEvent } from './event.ts';
import { EventTarget, fire, setGlobalTarget } from './event-target.ts';
import { toWellFormed } from './webidl.ts';

const apply = Reflect.apply as (target: unknown, self: unknown, args: unknown) => unknown;

const methods = Object.getOwnPropertyDescriptors(EventTarget.prototype);
const target = new EventTarget();
let isReporting = false;
let onerror: unknown = null;
setGlobalTarget(target);
target.addEventListener('error', callOnError);

/** A method of EventTarget as a function of the global scope. */
export function callOnScope(
  name: 'addEventListener' | 'removeEventListener' | 'dispatchEvent',
  self: unknown,
  args: unknown,
): unknown {
  return apply(methods[name].value, receiver(self), args);
}

export function onErrorOf(self: unknown): unknown {
  return receiver(self) === target ? onerror : refuseReceiver();
}

export function setOnErrorOf(self: unknown, value: unknown): void {
  if (receiver(self) !== target) refuseReceiver();
  onerror = typeof value === 'function' ? value : null;
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
  if (isReporting) return false;
  isReporting = true;
  try {
    const event = new ErrorEvent('error', { error, message: toWellFormed(message), cancelable: true });
    fire(target, event);
    return event.defaultPrevented;
  } finally {
    isReporting = false;
  }
}
