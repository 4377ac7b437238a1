/* oxlint-disable typescript/unbound-method -- methods are applied to their receivers */
import { now } from './clock.ts';
import { NativeDate, apply, construct, defineProperty, floor } from './primordials.ts';

type Class = new (...args: never[]) => object;
type Made = Readonly<Record<string, (...args: unknown[]) => Made>> & { readonly constructor: Class };
type Read = (zone?: unknown) => unknown;

/**
 * Temporal as V8 has it, but for Temporal.Now, which shows the entry's time. V8's own namespace was never made: its classes are
 * those of what `Date.prototype.toTemporalInstant` leads to.
 */
export function createTemporal(): object {
  const instant = (new NativeDate(0) as unknown as { toTemporalInstant(): Made }).toTemporalInstant();
  const zoned = call(instant, 'toZonedDateTimeISO', 'UTC');
  const date = call(zoned, 'toPlainDate');
  const classes = {
    PlainDate: date.constructor,
    PlainTime: call(zoned, 'toPlainTime').constructor,
    PlainDateTime: call(zoned, 'toPlainDateTime').constructor,
    ZonedDateTime: zoned.constructor,
    Duration: call(instant, 'since', instant).constructor,
    Instant: instant.constructor,
    PlainYearMonth: call(date, 'toPlainYearMonth').constructor,
    PlainMonthDay: call(date, 'toPlainMonthDay').constructor,
  };
  const members = { Now: createNow(classes.Instant, classes.ZonedDateTime), ...classes };
  return namespace('Temporal', members);
}

function createNow(Instant: Class, ZonedDateTime: Class): object {
  const { fromEpochMilliseconds } = Instant as unknown as { fromEpochMilliseconds(ms: number): object };
  const { toZonedDateTimeISO } = Instant.prototype as { toZonedDateTimeISO(zone: unknown): object };
  const { toPlainDate, toPlainTime, toPlainDateTime } = ZonedDateTime.prototype as Record<
    string,
    () => unknown
  >;
  const { DateTimeFormat } = Intl;
  const { resolvedOptions } = DateTimeFormat.prototype;
  const timeZoneId = (): string => apply(resolvedOptions, construct(DateTimeFormat, []), []).timeZone;
  const instant = (): object => apply(fromEpochMilliseconds, Instant, [floor(now())]);
  const zoned = (zone: unknown): object =>
    apply(toZonedDateTimeISO, instant(), [zone === undefined ? timeZoneId() : zone]);
  const part =
    (convert: (() => unknown) | undefined): Read =>
    (zone = undefined) =>
      apply(convert as () => unknown, zoned(zone), []);
  return namespace('Temporal.Now', {
    instant: () => instant(),
    timeZoneId,
    plainDateTimeISO: part(toPlainDateTime),
    zonedDateTimeISO: (zone: unknown = undefined) => zoned(zone),
    plainDateISO: part(toPlainDate),
    plainTimeISO: part(toPlainTime),
  });
}

function call(value: Made, name: string, ...args: unknown[]): Made {
  return apply(value[name] as (...args: unknown[]) => Made, value, args);
}

function namespace(tag: string, members: Readonly<Record<string, unknown>>): object {
  const made = {};
  const names = Reflect.ownKeys(members) as string[];
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = members[name];
    // Minification took it from functions.
    if (tag === 'Temporal.Now')
      defineProperty(value, 'name', { __proto__: null, value: name, configurable: true } as never);
    defineProperty(made, name, { __proto__: null, value, writable: true, configurable: true } as never);
  }
  defineProperty(made, Symbol.toStringTag, { __proto__: null, value: tag, configurable: true } as never);
  return made;
}
