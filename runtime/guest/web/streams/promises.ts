import { methodOf } from '../webidl.ts';

const NativePromise = Promise;

/** `promise.then`, safe from later changes to Promise.prototype. */
export const chain: <T, U>(
  promise: Promise<T>,
  done?: (value: T) => U | Promise<U>,
  failed?: (reason: unknown) => U | Promise<U>,
) => Promise<U> = methodOf(Promise.prototype, 'then');

/** Fulfilled with undefined. Shared, so no guest may ever see it. */
export const settled: Promise<undefined> = NativePromise.resolve(undefined);

const ignore = (): undefined => undefined;

/** Web IDL "a promise resolved with"; may be `settled`. */
export function promiseOf(value: unknown): Promise<unknown> {
  return value === undefined || value === settled ? settled : new NativePromise((resolve) => resolve(value));
}

/** Web IDL "a promise rejected with". */
export function rejected(reason: unknown): Promise<never> {
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a guest may throw anything
  return new NativePromise((_, reject) => reject(reason));
}

/** Runs one of the two when the promise settles; neither may throw. */
export function upon<T>(
  promise: Promise<T>,
  done: (value: T) => void,
  failed: (reason: unknown) => void = ignore,
): void {
  void chain(promise, done, failed);
}

/** Web IDL "mark as handled". */
export function markHandled(promise: Promise<unknown>): void {
  void chain(promise, undefined, ignore);
}

/** What a guest's callback of type Promise gives: what it throws is a rejection (Web IDL "invoke"). */
export function promiseFrom(run: () => unknown): Promise<unknown> {
  try {
    return promiseOf(run());
  } catch (error) {
    return rejected(error);
  }
}

/** A promise of undefined that is made when somebody looks at it: most of a stream's are never looked at. */
export class Latch {
  #state: 'pending' | 'resolved' | 'rejected' = 'pending';
  #value: unknown = undefined;
  #promise: Promise<undefined> | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  /** A rejection nobody handles is nobody's business. */
  readonly #quiet: boolean;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  static resolved(): Latch {
    const latch = new Latch(true);
    latch.#state = 'resolved';
    return latch;
  }

  static rejected(reason: unknown): Latch {
    const latch = new Latch(true);
    latch.reject(reason);
    return latch;
  }

  get pending(): boolean {
    return this.#state === 'pending';
  }

  get promise(): Promise<undefined> {
    if (this.#promise !== undefined) return this.#promise;
    this.#promise = new NativePromise<undefined>((resolve, reject) => {
      this.#resolve = resolve as (value: unknown) => void;
      this.#reject = reject;
    });
    if (this.#quiet) markHandled(this.#promise);
    if (this.#state === 'resolved') this.#resolve?.(this.#value);
    else if (this.#state === 'rejected') this.#reject?.(this.#value);
    return this.#promise;
  }

  /** With a promise: follows it. */
  resolve(value?: unknown): void {
    if (this.#state !== 'pending') return;
    this.#state = 'resolved';
    this.#value = value;
    this.#resolve?.(value);
  }

  reject(reason: unknown): void {
    if (this.#state !== 'pending') return;
    this.#state = 'rejected';
    this.#value = reason;
    this.#reject?.(reason);
  }
}
