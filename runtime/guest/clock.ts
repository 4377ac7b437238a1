/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import {
  NativeDate,
  NativeNumber,
  apply,
  construct,
  defineProperty,
  floor,
  getOwnPropertyDescriptor,
  uncurry,
} from './primordials.ts';

let moment = 0;
let running = false;

/** Milliseconds since the epoch, as of the beginning of the entry; where the manifest allows it, as of now. */
export function now(): number {
  return running ? tick() : moment;
}

export function setNow(value: number): void {
  if (!running || value > moment) moment = value;
}

/** Lets time pass within an entry (`runningClock`). Before `hideTemporal`. */
export function runClock(): void {
  nativeNow = createNativeClock();
  running = true;
}

/** Never back, as performance.now() may not. */
function tick(): number {
  const at = nativeNow();
  if (at > moment) moment = at;
  return moment;
}

/** V8's own clock, with microseconds where Temporal has them. */
let nativeNow: () => number = NativeDate.now;

function createNativeClock(): () => number {
  const { Temporal } = globalThis as unknown as {
    Temporal?: { Now: { instant: () => object }; Instant: { prototype: object } };
  };
  if (Temporal === undefined) return NativeDate.now;
  const { instant } = Temporal.Now;
  const nanoseconds = getOwnPropertyDescriptor(Temporal.Instant.prototype, 'epochNanoseconds')?.get;
  const read = uncurry(nanoseconds as (this: object) => bigint);
  return () => NativeNumber(read(instant())) / 1e6;
}

/**
 * Replaces the clocks a guest can read: Date, Intl.DateTimeFormat without a date, and with `hideTemporal` Temporal.Now. All
 * stand still within an entry, unless `runClock` was called, so that no loop can time what its neighbours or the processor do.
 */
export function installClock(): void {
  installDate();
  installFormat();
}

function installDate(): void {
  const toText = uncurry(NativeDate.prototype.toString);
  function FrozenDate(...args: unknown[]): unknown {
    if (new.target === undefined) return toText(new NativeDate(now()));
    return construct(NativeDate, args.length === 0 ? [now()] : args, new.target);
  }
  const members: Record<string, unknown> = {
    now: () => floor(now()),
    UTC: NativeDate.UTC,
    parse: NativeDate.parse,
  };
  for (const name of Object.keys(members)) {
    defineProperty(FrozenDate, name, { value: members[name], writable: true, configurable: true });
  }
  defineProperty(members['now'], 'name', { value: 'now', configurable: true });
  defineProperty(FrozenDate, 'length', { value: 7, configurable: true });
  defineProperty(FrozenDate, 'name', { value: 'Date', configurable: true });
  defineProperty(FrozenDate, 'prototype', { value: NativeDate.prototype, writable: false });
  defineProperty(NativeDate.prototype, 'constructor', {
    value: FrozenDate,
    writable: true,
    configurable: true,
  });
  defineProperty(globalThis, 'Date', { value: FrozenDate, writable: true, configurable: true });
}

function installFormat(): void {
  const { prototype } = Intl.DateTimeFormat;
  const native = Object.getOwnPropertyDescriptor(prototype, 'format');
  const getFormat = uncurry(native?.get as (this: unknown) => (date?: unknown) => string);
  const formatToParts = prototype.formatToParts;
  defineProperty(prototype, 'format', {
    ...native,
    get(this: unknown) {
      const format = getFormat(this);
      return (date?: unknown): string => apply(format, undefined, [date === undefined ? now() : date]);
    },
  });
  const members = {
    formatToParts(date?: unknown): unknown {
      return apply(formatToParts, this, [date === undefined ? now() : date]);
    },
  };
  defineProperty(prototype, 'formatToParts', {
    value: members.formatToParts,
    writable: true,
    configurable: true,
  });
}
