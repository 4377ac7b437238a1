import type { PerformanceEntry } from './performance-entry.ts';

/** What an observer is told. */
export type Watcher = (entry: PerformanceEntry) => void;

export const entryTypes: readonly string[] = ['mark', 'measure'];

/** Of each type the newest this many are kept, twice as many at the most: nobody clears them between requests. */
const kept = 10_000;

let entries: PerformanceEntry[] = [];
let watchers: readonly Watcher[] = [];

/** Performance Timeline, 5.1 "queue a PerformanceEntry". */
export function addEntry(entry: PerformanceEntry): void {
  entries.push(entry);
  if (entries.length > 2 * kept) entries = entries.slice(-kept);
  for (const watch of watchers) watch(entry);
}

export function clearEntries(type: string, name?: string): void {
  entries = entries.filter(
    (entry) => entry.entryType !== type || (name !== undefined && entry.name !== name),
  );
}

export function watch(watcher: Watcher): void {
  if (!watchers.includes(watcher)) watchers = [...watchers, watcher];
}

export function unwatch(watcher: Watcher): void {
  watchers = watchers.filter((each) => each !== watcher);
}

/** Start of the newest mark of this name, in ms. */
export function lastMark(name: string): number | undefined {
  return entries.findLast((entry) => entry.entryType === 'mark' && entry.name === name)?.startTime;
}

export interface Filter {
  readonly type?: string | undefined;
  readonly name?: string | undefined;
}

/** All entries, or those of a list, in order of their start. */
export function findEntries(
  { type, name }: Filter,
  from: readonly PerformanceEntry[] = entries,
): PerformanceEntry[] {
  return from
    .filter((entry) => (type ?? entry.entryType) === entry.entryType && (name ?? entry.name) === entry.name)
    .sort((a, b) => a.startTime - b.startTime);
}
