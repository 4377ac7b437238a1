import { createDomException } from './dom-exception.ts';
import { EventTarget } from './event-target.ts';
import { io } from './io.ts';
import { createMeasure, PerformanceMark } from './performance-entry.ts';
import type { PerformanceEntry, PerformanceMeasure } from './performance-entry.ts';
import { addEntry, clearEntries, findEntries, lastMark } from './timeline.ts';
import { toFinite } from './timestamps.ts';
import { requireArguments, setLengths, shapeInterface, toDictionary, toText } from './webidl.ts';

const key: unique symbol = Symbol('Performance');

/** High Resolution Time, 7, with Performance Timeline, 3, and User Timing, 2. The clock stands still within a turn. */
export class Performance extends EventTarget {
  readonly #brand = true;

  constructor(guard?: unknown) {
    if (guard !== key) throw new TypeError('Illegal constructor: use the global performance');
    super();
  }

  get timeOrigin(): number {
    void this.#brand;
    return io.origin;
  }
  now(): number {
    void this.#brand;
    return io.now() - io.origin;
  }
  toJSON(): { timeOrigin: number } {
    void this.#brand;
    return { timeOrigin: io.origin };
  }

  mark(name: unknown, options?: unknown): PerformanceMark {
    void this.#brand;
    requireArguments(arguments.length, 1, 'performance.mark');
    const mark = new PerformanceMark(name, options);
    addEntry(mark);
    return mark;
  }
  measure(name: unknown, startOrOptions?: unknown, endMark?: unknown): PerformanceMeasure {
    void this.#brand;
    requireArguments(arguments.length, 1, 'performance.measure');
    const text = toText(name);
    const isOptions = startOrOptions === undefined || startOrOptions === null || isObject(startOrOptions);
    const options = isOptions ? toDictionary(startOrOptions, '') : { start: toText(startOrOptions) };
    const span = toSpan(options, endMark, isOptions);
    const measure = createMeasure({ name: text, ...span, detail: options['detail'] });
    addEntry(measure);
    return measure;
  }
  clearMarks(name?: unknown): void {
    void this.#brand;
    clearEntries('mark', name === undefined ? undefined : toText(name));
  }
  clearMeasures(name?: unknown): void {
    void this.#brand;
    clearEntries('measure', name === undefined ? undefined : toText(name));
  }

  getEntries(): PerformanceEntry[] {
    void this.#brand;
    return findEntries({});
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, 'performance.getEntriesByType');
    return findEntries({ type: toText(type) });
  }
  getEntriesByName(name: unknown, type?: unknown): PerformanceEntry[] {
    void this.#brand;
    requireArguments(arguments.length, 1, 'performance.getEntriesByName');
    return findEntries({ name: toText(name), type: type === undefined ? undefined : toText(type) });
  }
}

interface Span {
  readonly startTime: number;
  readonly duration: number;
}

/** User Timing, 3.1.3: from which two of start, end and duration the measure is made. */
function toSpan(options: Record<string, unknown>, endMark: unknown, isOptions: boolean): Span {
  const { start, end, duration } = options;
  if (isOptions && [start, end, duration, options['detail']].some((given) => given !== undefined)) {
    if (endMark !== undefined) throw new TypeError('A measure has options or an end mark, not both');
    if (start === undefined && end === undefined)
      throw new TypeError('The options of a measure need start or end');
    if (start !== undefined && end !== undefined && duration !== undefined)
      throw new TypeError('The options of a measure need two of start, end and duration, not all three');
  }
  const length = duration === undefined ? undefined : toFinite(duration, 'duration');
  let endTime: number;
  if (endMark !== undefined) endTime = toTime(toText(endMark));
  else if (end !== undefined) endTime = toTime(end);
  else if (start !== undefined && length !== undefined) endTime = toTime(start) + length;
  else endTime = io.now() - io.origin;
  let startTime = 0;
  if (start !== undefined) startTime = toTime(start);
  else if (length !== undefined) startTime = endTime - length;
  return { startTime, duration: endTime - startTime };
}

/** User Timing, "convert a mark to a timestamp". */
function toTime(mark: unknown): number {
  if (typeof mark !== 'number') {
    const name = toText(mark);
    const at = lastMark(name);
    if (at !== undefined) return at;
    throw createDomException(`There is no mark "${name}"`, 'SyntaxError');
  }
  const at = toFinite(mark, 'A time');
  if (at >= 0) return at;
  throw new TypeError(`A time is ${at}; none lies before the time origin`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' || typeof value === 'function';
}

shapeInterface(Performance.prototype, 'Performance');
setLengths(Performance.prototype, {
  constructor: 0,
  mark: 1,
  measure: 1,
  clearMarks: 0,
  clearMeasures: 0,
  getEntriesByName: 1,
});

const performance: Performance = new Performance(key);

/** The global `performance`. */
export function getPerformance(): Performance {
  return performance;
}
