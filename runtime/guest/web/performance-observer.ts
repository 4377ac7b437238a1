import { createDomException } from './dom-exception.ts';
import { reportException } from './io.ts';
import type { PerformanceEntry } from './performance-entry.ts';
import { entryTypes, findEntries, unwatch, watch } from './timeline.ts';
import { requireArguments, setLengths, shapeInterface, toDictionary, toText, uncurryThis } from './webidl.ts';

const key: unique symbol = Symbol('PerformanceObserverEntryList');
const resolved = Promise.resolve();

/** Performance Timeline, 4.3. */
export class PerformanceObserverEntryList {
  readonly #entries: readonly PerformanceEntry[];

  constructor(guard?: unknown, entries?: unknown) {
    if (guard !== key) throw new TypeError('Illegal constructor: observers are given these lists');
    this.#entries = entries as readonly PerformanceEntry[];
  }

  getEntries(): PerformanceEntry[] {
    return findEntries({}, this.#entries);
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    requireArguments(arguments.length, 1, 'getEntriesByType');
    return findEntries({ type: toText(type) }, this.#entries);
  }
  getEntriesByName(name: unknown, type?: unknown): PerformanceEntry[] {
    requireArguments(arguments.length, 1, 'getEntriesByName');
    return findEntries(
      { name: toText(name), type: type === undefined ? undefined : toText(type) },
      this.#entries,
    );
  }
}

type Callback = (self: unknown, list: unknown, observer: unknown, options: unknown) => unknown;

/**
 * Performance Timeline, 4.2. Told in a microtask of the turn that made the entries: a task would belong to an invocation,
 * and entries belong to none.
 */
export class PerformanceObserver {
  readonly #callback: Callback;
  #mode: 'single' | 'multiple' | undefined;
  #types: readonly string[] = [];
  #waiting: PerformanceEntry[] = [];
  #isScheduled = false;
  #isFirst = true;
  readonly #watch = (entry: PerformanceEntry): void => {
    if (this.#types.includes(entry.entryType)) this.#add([entry]);
  };

  constructor(callback: unknown) {
    requireArguments(arguments.length, 1, 'new PerformanceObserver');
    if (typeof callback !== 'function') throw new TypeError('new PerformanceObserver needs a function');
    this.#callback = uncurryThis<Callback>(callback);
  }

  static get supportedEntryTypes(): readonly string[] {
    return supported;
  }

  observe(options?: unknown): void {
    void this.#types;
    const { entryTypes: list, type, buffered } = toDictionary(options, 'The options of observe');
    if (list === undefined && type === undefined)
      throw new TypeError('observe needs entryTypes or type, e.g. { type: "mark" }');
    if (list !== undefined && (type !== undefined || buffered !== undefined))
      throw new TypeError('observe takes entryTypes alone, or type with buffered');
    const mode = list === undefined ? 'single' : 'multiple';
    const wanted = list === undefined ? [toText(type)] : toTexts(list);
    if ((this.#mode ??= mode) !== mode)
      throw createDomException('An observer keeps to entryTypes or to type', 'InvalidModificationError');
    const known = wanted.filter((each) => entryTypes.includes(each));
    if (known.length === 0) return;
    this.#types = mode === 'multiple' ? known : [...new Set([...this.#types, ...known])];
    watch(this.#watch);
    if (mode === 'single' && Boolean(buffered)) this.#add(findEntries({ type: known[0] }));
  }

  disconnect(): void {
    unwatch(this.#watch);
    this.#types = [];
    this.#waiting = [];
    this.#mode = undefined;
  }

  takeRecords(): PerformanceEntry[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  #add(entries: readonly PerformanceEntry[]): void {
    this.#waiting.push(...entries);
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    void this.#tell();
  }

  async #tell(): Promise<void> {
    await resolved;
    this.#isScheduled = false;
    const entries = this.takeRecords();
    if (entries.length === 0) return;
    const options = this.#isFirst ? { droppedEntriesCount: 0 } : {};
    this.#isFirst = false;
    try {
      this.#callback(this, new PerformanceObserverEntryList(key, entries), this, options);
    } catch (error) {
      reportException(error);
    }
  }
}

const supported: readonly string[] = Object.freeze([...entryTypes]);

function toTexts(list: unknown): readonly string[] {
  if (typeof list !== 'object' || list === null || !(Symbol.iterator in list))
    throw new TypeError('entryTypes must be a list of texts');
  return [...(list as Iterable<unknown>)].map((each) => toText(each));
}

shapeInterface(PerformanceObserver.prototype, 'PerformanceObserver');
shapeInterface(PerformanceObserverEntryList.prototype, 'PerformanceObserverEntryList');
setLengths(PerformanceObserver.prototype, { observe: 0 });
setLengths(PerformanceObserverEntryList.prototype, { constructor: 0, getEntriesByName: 1 });
