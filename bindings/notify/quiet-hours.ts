import { parseMembers, parseText, refuse } from './arguments.ts';

/** A part of each day in which nothing may ring; past midnight when `end` is before `start`. */
export interface QuietHours {
  /** "HH:MM", on the clock of the time zone. */
  readonly start: string;
  readonly end: string;
  /** IANA name, e.g. "Europe/Berlin". */
  readonly timeZone: string;
}

const clockPattern = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const minuteMs = 60_000;
const dayMinutes = 24 * 60;

export function parseQuietHours(value: unknown): QuietHours {
  const members = parseMembers('quietHours', value, ['start', 'end', 'timeZone']);
  return {
    start: parseClock('start', members['start']),
    end: parseClock('end', members['end']),
    timeZone: parseTimeZone(parseText('quietHours.timeZone', members['timeZone'] ?? 'UTC', 64)),
  };
}

function parseClock(what: string, value: unknown): string {
  const clock = parseText(`quietHours.${what}`, value, 5);
  if (clockPattern.test(clock)) return clock;
  throw refuse(`Cannot use quietHours.${what} ${JSON.stringify(clock)}; use "HH:MM"`);
}

/** Under the name that Intl has for it: one spelling for each zone. */
function parseTimeZone(name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw refuse(`Cannot use time zone ${JSON.stringify(name)}; use an IANA name, e.g. "Europe/Berlin"`);
  }
}

/** When they end, in ms since the epoch; undefined outside of them. `start` = `end` is never quiet. */
export function quietUntil(hours: QuietHours, at: number): number | undefined {
  if (hours.start === hours.end || !isQuiet(hours, at)) return undefined;
  const minute = at - (at % minuteMs);
  const left = (minutesOf(hours.end) - minutesOf(clockOf(hours.timeZone, at)) + dayMinutes) % dayMinutes;
  // The clock may be put forward or back until then: search from two hours before.
  let until = Math.max(minute, minute + (left - 120) * minuteMs);
  do until += minuteMs;
  while (isQuiet(hours, until));
  return until;
}

function isQuiet({ start, end, timeZone }: QuietHours, at: number): boolean {
  const clock = clockOf(timeZone, at);
  return start < end ? clock >= start && clock < end : clock >= start || clock < end;
}

function minutesOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

/** One for each time zone in use. */
const formats = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string, at: number): string {
  const known = formats.get(timeZone);
  if (known !== undefined) return known.format(at);
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, format);
  return format.format(at);
}
