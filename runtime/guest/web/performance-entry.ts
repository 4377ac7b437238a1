import { structuredClone } from './structured-clone.ts';
import { toFinite } from './timestamps.ts';
import { io } from './io.ts';
import { requireArguments, setLengths, shapeInterface, toDictionary, toText } from './webidl.ts';

/** How the runtime makes entries; handed out once, never to guests. */
export interface EntryFields {
  readonly name: string;
  readonly startTime: number;
  readonly duration: number;
  readonly detail: unknown;
}

const key: unique symbol = Symbol('PerformanceEntry');
let lastId = 0;

/** Performance Timeline, 4. */
export class PerformanceEntry {
  readonly #id: number = ++lastId;
  readonly #fields: EntryFields;
  readonly #type: string;

  constructor(guard?: unknown, type: string = '', fields?: unknown) {
    if (guard !== key)
      throw new TypeError('Illegal constructor: use performance.mark or performance.measure');
    this.#type = type;
    this.#fields = fields as EntryFields;
  }

  get id(): number {
    return this.#id;
  }
  get name(): string {
    return this.#fields.name;
  }
  get entryType(): string {
    return this.#type;
  }
  get startTime(): number {
    return this.#fields.startTime;
  }
  get duration(): number {
    return this.#fields.duration;
  }
  /** There are no navigations here. */
  get navigationId(): number {
    void this.#id;
    return 0;
  }

  toJSON(): Record<string, unknown> {
    const { name, startTime, duration } = this.#fields;
    return { id: this.#id, name, entryType: this.#type, startTime, duration, navigationId: 0 };
  }
}

/** User Timing, 3.2. */
export class PerformanceMark extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(name: unknown, options: unknown = {}) {
    requireArguments(arguments.length, 1, 'new PerformanceMark');
    const text = toText(name);
    const { detail, startTime } = toDictionary(options, 'The options of a mark');
    const at = startTime === undefined ? io.now() - io.origin : toFinite(startTime, 'startTime');
    if (at < 0) throw new TypeError(`startTime is ${at}; a mark cannot lie before the time origin`);
    super(key, 'mark', { name: text, startTime: at, duration: 0 });
    this.#detail = copyDetail(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }
}

/** User Timing, 3.3. */
export class PerformanceMeasure extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(guard?: unknown, _type?: unknown, fields?: unknown) {
    super(guard, 'measure', fields);
    this.#detail = copyDetail((fields as EntryFields).detail);
  }

  get detail(): unknown {
    return this.#detail;
  }
}

/** What performance.measure gives. Throws what cloning `detail` throws. */
export function createMeasure(fields: EntryFields): PerformanceMeasure {
  return new PerformanceMeasure(key, 'measure', fields);
}

function copyDetail(detail: unknown): unknown {
  return detail === undefined || detail === null ? null : structuredClone(detail);
}

shapeInterface(PerformanceEntry.prototype, 'PerformanceEntry');
shapeInterface(PerformanceMark.prototype, 'PerformanceMark');
shapeInterface(PerformanceMeasure.prototype, 'PerformanceMeasure');
setLengths(PerformanceEntry.prototype, { constructor: 0 });
setLengths(PerformanceMeasure.prototype, { constructor: 0 });
