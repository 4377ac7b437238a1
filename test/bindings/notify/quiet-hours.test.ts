import * as fc from 'fast-check';
import t from 'tap';
import { isWanted, parsePreferences, withoutChannel } from '#bindings/notify/preferences.ts';
import { parseQuietHours, quietUntil } from '#bindings/notify/quiet-hours.ts';

const at = (iso: string): number => Date.parse(iso);
const until = (hours: object, iso: string): string | undefined => {
  const end = quietUntil(parseQuietHours(hours), at(iso));
  return end === undefined ? undefined : new Date(end).toISOString();
};

void t.test('quiet hours: a night that ends on the next day, on the clock of its zone', async (t) => {
  const berlin = { start: '22:00', end: '07:00', timeZone: 'Europe/Berlin' };
  t.equal(until(berlin, '2026-01-10T20:59:59Z'), undefined);
  t.equal(until(berlin, '2026-01-10T21:00:00Z'), '2026-01-11T06:00:00.000Z');
  t.equal(until(berlin, '2026-01-11T05:59:59.999Z'), '2026-01-11T06:00:00.000Z');
  t.equal(until(berlin, '2026-01-11T06:00:00Z'), undefined);
  t.equal(until(berlin, '2026-07-10T20:00:00Z'), '2026-07-11T05:00:00.000Z', 'summer time');
});

void t.test('quiet hours: clocks put forward and back within the night', async (t) => {
  const berlin = { start: '22:00', end: '07:00', timeZone: 'Europe/Berlin' };
  t.equal(until(berlin, '2026-03-28T22:00:00Z'), '2026-03-29T05:00:00.000Z', 'forward: an hour less');
  t.equal(until(berlin, '2026-10-24T22:00:00Z'), '2026-10-25T06:00:00.000Z', 'back: an hour more');
  const short = { start: '01:00', end: '02:30', timeZone: 'Europe/Berlin' };
  t.equal(
    until(short, '2026-03-29T00:30:00Z'),
    '2026-03-29T01:00:00.000Z',
    'the end is a time that day lacks',
  );
});

void t.test('quiet hours: within one day, zones with half hours, and none at all', async (t) => {
  t.equal(until({ start: '12:00', end: '13:00' }, '2026-01-10T12:30:00Z'), '2026-01-10T13:00:00.000Z');
  t.equal(
    until({ start: '22:00', end: '06:00', timeZone: 'Asia/Kolkata' }, '2026-01-10T20:00:00Z'),
    '2026-01-11T00:30:00.000Z',
  );
  t.equal(until({ start: '08:00', end: '08:00' }, '2026-01-10T08:00:00Z'), undefined);
});

void t.test('quiet hours: wherever they end it is not quiet, and it was until then', async (t) => {
  const clock = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
  const zone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        clock,
        clock,
        zone,
        fc.integer({ min: at('2026-01-01'), max: at('2027-01-01') }),
        (start, end, timeZone, now) => {
          const hours = parseQuietHours({ start, end, timeZone });
          const over = quietUntil(hours, now);
          if (over === undefined) return true;
          return over > now && over - now <= 25 * 3_600_000 && quietUntil(hours, over) === undefined;
        },
      ),
    ),
  );
});

void t.test('quiet hours: what is no time and no zone is refused', async (t) => {
  for (const hours of [
    { start: '24:00', end: '07:00' },
    { start: '7:00', end: '08:00' },
    { start: '22:00', end: '07:00', timeZone: 'Mars/Olympus' },
  ]) {
    t.throws(() => parseQuietHours(hours), { code: 'ERR_NOTIFY' });
  }
  t.throws(() => parseQuietHours({ start: 22, end: 7 }), TypeError);
  t.equal(
    parseQuietHours({ start: '22:00', end: '07:00', timeZone: 'europe/BERLIN' }).timeZone,
    'Europe/Berlin',
  );
});

void t.test('preferences: a topic speaks before "*", and what nobody spoke of is on', async (t) => {
  const preferences = parsePreferences({
    topics: { news: { email: true }, '*': { email: false, push: false }, ads: false },
  });
  t.equal(isWanted(preferences, 'news', 'email'), true);
  t.equal(isWanted(preferences, 'news', 'push'), false);
  t.equal(isWanted(preferences, 'other', 'email'), false);
  t.equal(isWanted(preferences, undefined, 'inbox'), true);
  t.equal(isWanted(preferences, 'ads', 'inbox'), false);
  t.equal(isWanted(preferences, 'constructor', 'inbox'), true);
  t.equal(isWanted(withoutChannel(preferences, 'news', 'email'), 'news', 'email'), false);
  t.equal(isWanted(withoutChannel(preferences, undefined, 'inbox'), 'news', 'inbox'), false);
  for (const bad of [
    { topics: [] },
    { topics: { a: { sms: true } } },
    { topics: { a: { email: 'no' } } },
    { topic: {} },
  ]) {
    t.throws(() => parsePreferences(bad), TypeError);
  }
});
