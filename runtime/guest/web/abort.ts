import { createDomException } from './dom-exception.ts';
import { Event } from './event.ts';
import { EventTarget, fire, handlerAttribute, setRemoveOnAbort } from './event-target.ts';
import { io } from './io.ts';
import { requireArguments, shapeInterface, staticOf } from './webidl.ts';

type Timeout = (callback: () => void, ms: number) => unknown;

/** Only this module can make signals. */
const key: unique symbol = Symbol('AbortSignal');

/** A signal nobody aborted yet; with abortSignal the pair of an AbortController without the object. */
export function createAbortSignal(): AbortSignal {
  return new AbortSignal(key);
}

/** DOM, 3.2 "signal abort": no effect when it is aborted. `reason` undefined: a new AbortError. */
export let abortSignal: (signal: AbortSignal, reason?: unknown) => void;
export let isAborted: (signal: AbortSignal) => boolean;
export let abortReason: (signal: AbortSignal) => unknown;
/** Brand check; never calls guest code. */
export let isAbortSignal: (value: unknown) => value is AbortSignal;
/**
 * Runs `algorithm` once when the signal aborts, before any listener; at once when it already has. Returns how to stop
 * that. Unlike addEventListener, nothing a guest overwrites gets in between.
 */
export let onAbort: (signal: AbortSignal, algorithm: (reason: unknown) => void) => () => void;

/** DOM, 3.2. */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #algorithms: Set<(reason: unknown) => void> | undefined;
  /** Signals that any() of this one made; they abort after this one's listeners were told. */
  #dependents: Set<AbortSignal> | undefined;
  #sources: AbortSignal[] | undefined;

  static {
    isAbortSignal = (value): value is AbortSignal =>
      typeof value === 'object' && value !== null && #aborted in value;
    isAborted = (signal) => signal.#aborted;
    abortReason = (signal) => signal.#reason;
    onAbort = (signal, algorithm) => {
      if (signal.#aborted) {
        algorithm(signal.#reason);
        return () => undefined;
      }
      const algorithms = (signal.#algorithms ??= new Set());
      algorithms.add(algorithm);
      return () => void algorithms.delete(algorithm);
    };
    abortSignal = (signal, reason) => {
      if (signal.#aborted) return;
      const why =
        reason === undefined ? createDomException('This operation was aborted', 'AbortError') : reason;
      const aborted = [signal];
      signal.#mark(why);
      for (const dependent of signal.#dependents ?? []) {
        if (dependent.#aborted) continue;
        dependent.#mark(why);
        aborted.push(dependent);
      }
      signal.#dependents = undefined;
      for (const each of aborted) each.#tell();
    };
  }

  constructor(guard?: unknown) {
    if (guard !== key)
      throw new TypeError('Illegal constructor: take the signal of a new AbortController instead');
    super();
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(key);
    abortSignal(signal, reason);
    return signal;
  }

  static timeout(milliseconds: unknown): AbortSignal {
    requireArguments(arguments.length, 1, 'AbortSignal.timeout');
    const ms = Math.trunc(Number(milliseconds));
    if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER))
      throw new TypeError(
        `AbortSignal.timeout needs milliseconds of 0 or more, but got ${String(milliseconds)}`,
      );
    const signal = new AbortSignal(key);
    const expire = (): void =>
      abortSignal(signal, createDomException('The operation timed out', 'TimeoutError'));
    if (io.setTimeout) io.setTimeout(expire, ms);
    else staticOf<Timeout>(globalThis, 'setTimeout')(expire, ms);
    return signal;
  }

  static any(signals: unknown): AbortSignal {
    requireArguments(arguments.length, 1, 'AbortSignal.any');
    const sources: AbortSignal[] = [];
    for (const source of signals as Iterable<unknown>) {
      if (!isAbortSignal(source)) throw new TypeError('AbortSignal.any needs a sequence of AbortSignal');
      sources.push(source);
    }
    const result = new AbortSignal(key);
    const aborted = sources.find((source) => source.#aborted);
    if (aborted) {
      result.#mark(aborted.#reason);
      return result;
    }
    result.#sources = [];
    for (const source of sources) {
      for (const root of source.#sources ?? [source]) {
        (root.#dependents ??= new Set()).add(result);
        result.#sources.push(root);
      }
    }
    return result;
  }

  get aborted(): boolean {
    return this.#aborted;
  }
  get reason(): unknown {
    return this.#reason;
  }
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  #mark(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
    for (const source of this.#sources ?? []) source.#dependents?.delete(this);
    this.#sources = undefined;
  }

  #tell(): void {
    const algorithms = this.#algorithms;
    this.#algorithms = undefined;
    for (const algorithm of algorithms ?? []) algorithm(this.#reason);
    fire(this, new Event('abort'));
  }
}

/** DOM, 3.1. */
export class AbortController {
  readonly #signal: AbortSignal = new AbortSignal(key);

  get signal(): AbortSignal {
    return this.#signal;
  }
  abort(reason?: unknown): void {
    abortSignal(this.#signal, reason);
  }
}

setRemoveOnAbort((signal, stop) => {
  if (!isAbortSignal(signal)) throw new TypeError('The signal of a listener must be an AbortSignal');
  if (isAborted(signal)) return true;
  onAbort(signal, stop);
  return false;
});
Object.defineProperty(AbortSignal.prototype, 'onabort', {
  ...handlerAttribute('abort'),
  configurable: true,
  enumerable: true,
});
shapeInterface(AbortSignal.prototype, 'AbortSignal');
shapeInterface(AbortController.prototype, 'AbortController');
