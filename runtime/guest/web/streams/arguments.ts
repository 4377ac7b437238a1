import type { SizeOf } from './default-control.ts';
import { promiseFrom, settled } from './promises.ts';

/** Members of a guest's object as they were read. */
export type Dictionary<K extends string> = Partial<Readonly<Record<K, unknown>>>;
type Callback = (...args: never[]) => unknown;

const apply = Reflect.apply as unknown as (run: Callback, self: unknown, args: readonly unknown[]) => unknown;
const empty: object = Object.freeze({ __proto__: null });

/** A dictionary argument: undefined and null are empty, primitives throw. */
export function toDictionary(value: unknown, what: string): object {
  if (value === undefined || value === null) return empty;
  if (typeof value === 'object' || typeof value === 'function') return value;
  throw new TypeError(`${what} must be an object, but is a ${typeof value}`);
}

/** Members read in the order Web IDL reads them: that of `names`, which is alphabetical. */
export function readMembers<K extends string>(value: object, names: readonly K[]): Dictionary<K> {
  const members = { __proto__: null } as unknown as Record<K, unknown>;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as K;
    members[name] = (value as Record<K, unknown>)[name];
    if (callbacks[name] === true) requireCallback(members[name], name);
  }
  return members;
}

/** Names of members that are functions wherever they appear. */
const callbacks = {
  __proto__: null,
  abort: true,
  cancel: true,
  close: true,
  flush: true,
  pull: true,
  start: true,
  transform: true,
  write: true,
} as unknown as Readonly<Record<string, boolean>>;

function requireCallback(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function')
    throw new TypeError(
      `${name} must be a function, but is ${value === null ? 'null' : `a ${typeof value}`}`,
    );
}

/** An object argument that may be left out. */
export function toOptionalObject(value: unknown, what: string): object | null {
  if (value === undefined) return null;
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return value;
  throw new TypeError(`${what} must be an object`);
}

/** A guest's callback as a function of ours; what it throws or rejects with is a rejection. */
export function toAlgorithm(
  self: unknown,
  callback: unknown,
  last?: object,
): (...args: unknown[]) => Promise<unknown> {
  if (callback === undefined) return () => settled;
  const run = callback as Callback;
  if (last === undefined) return (argument) => promiseFrom(() => apply(run, self, [argument]));
  return (argument) => promiseFrom(() => apply(run, self, [argument, last]));
}

/** The same for callbacks without another argument than the controller, or none. */
export function toAction(self: unknown, callback: unknown, argument?: object): () => Promise<unknown> {
  if (callback === undefined) return () => settled;
  const args = argument === undefined ? [] : [argument];
  return () => promiseFrom(() => apply(callback as Callback, self, args));
}

/** `start` runs at once, and what it throws the constructor throws. */
export function runStart(self: unknown, callback: unknown, controller: object): unknown {
  return callback === undefined ? undefined : apply(callback as Callback, self, [controller]);
}

/** Streams, 7.1. */
export interface Strategy {
  /** As it was given; NaN and less than 0 are refused by highWaterMarkOf. */
  readonly highWaterMark: number | undefined;
  readonly size: SizeOf | undefined;
}

export function toStrategy(value: unknown): Strategy {
  const dictionary = toDictionary(value, 'A queuing strategy') as Dictionary<'highWaterMark' | 'size'>;
  const { highWaterMark } = dictionary;
  const mark = highWaterMark === undefined ? undefined : Number(highWaterMark);
  const { size } = dictionary;
  if (size === undefined) return { highWaterMark: mark, size: undefined };
  requireCallback(size, 'size');
  return {
    highWaterMark: mark,
    size: (chunk) => Number(apply(size as Callback, undefined, [chunk])),
  };
}

/** Streams, 7.4 "ExtractHighWaterMark"; RangeError. */
export function highWaterMarkOf({ highWaterMark }: Strategy, otherwise: number): number {
  if (highWaterMark === undefined) return otherwise;
  if (!(highWaterMark >= 0)) throw new RangeError('A highWaterMark must be a number of 0 or more');
  return highWaterMark;
}
