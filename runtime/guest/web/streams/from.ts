import { createReadable } from './create.ts';
import { chain, promiseFrom, promiseOf, rejected, settled } from './promises.ts';
import type { ReadableState } from './readable-state.ts';

type Method = (...args: never[]) => unknown;
type Result = { readonly done?: unknown; readonly value?: unknown };

const apply = Reflect.apply as unknown as (run: Method, self: unknown, args: readonly unknown[]) => unknown;

/** What ECMAScript's Iterator Record is for an async iterator. */
interface Iteration {
  readonly iterator: object;
  readonly next: unknown;
  /** Values of a sync iterator are waited for. */
  readonly sync: boolean;
}

/** Streams, 4.9.1 "ReadableStreamFromIterable". TypeError for what cannot be iterated. */
export function readableFrom(iterable: unknown): ReadableState {
  const iteration = iterate(iterable);
  const source = {
    pull: (): Promise<unknown> =>
      chain(
        promiseFrom(() => step(iteration)),
        (result) => {
          const { done, value } = requireObject(result, 'next()');
          if (done === true) control.close();
          else control.enqueue(value);
        },
      ),
    cancel: (reason: unknown): Promise<unknown> => finish(iteration, reason),
  };
  const { stream, control } = createReadable({ source, highWaterMark: 0, size: undefined });
  return stream;
}

function iterate(iterable: unknown): Iteration {
  const holder = iterable as Record<symbol, unknown>;
  if (iterable === undefined || iterable === null) throw new TypeError('from() needs an iterable');
  let method = holder[Symbol.asyncIterator];
  const sync = method === undefined || method === null;
  if (sync) method = holder[Symbol.iterator];
  if (typeof method !== 'function') throw new TypeError('from() needs an iterable or an async iterable');
  const iterator = requireObject(apply(method as Method, iterable, []), 'The iterator');
  return { iterator, next: iterator.next, sync };
}

/** A promise or value of the next result, `done` as a boolean. */
function step({ iterator, next, sync }: Iteration): unknown {
  const given = apply(next as Method, iterator, []);
  if (!sync)
    return chain(promiseOf(given), (result) => {
      const { done } = requireObject(result, 'next()');
      return done ? { done: true } : { done: false, value: (result as Result).value };
    });
  const { done, value } = requireObject(given, 'next()');
  if (done) return { done: true };
  return chain(promiseOf(value), (waited) => ({ done: false, value: waited }));
}

function finish({ iterator, sync }: Iteration, reason: unknown): Promise<unknown> {
  let given: unknown;
  try {
    const method = (iterator as { return?: unknown }).return;
    if (method === undefined || method === null) return settled;
    if (typeof method !== 'function') throw new TypeError('return of the iterator is no function');
    given = apply(method as Method, iterator, [reason]);
    if (sync) {
      const { value } = requireObject(given, 'return()');
      return chain(promiseOf(value), () => undefined);
    }
  } catch (error) {
    return rejected(error);
  }
  return chain(promiseOf(given), (result) => {
    requireObject(result, 'return()');
  });
}

function requireObject(value: unknown, what: string): Result & { readonly next?: unknown } {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return value;
  throw new TypeError(`${what} must be an object`);
}
