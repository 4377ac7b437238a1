import { EventTarget } from './event-target.ts';
import { io } from './io.ts';
import { shapeInterface } from './webidl.ts';

const key: unique symbol = Symbol('Performance');

/** High Resolution Time, 7. The clock stands still within a turn. No marks and measures: nobody could read them. */
export class Performance extends EventTarget {
  constructor(guard?: unknown) {
    if (guard !== key) throw new TypeError('Illegal constructor: use the global performance');
    super();
  }

  get timeOrigin(): number {
    return io.origin;
  }
  now(): number {
    return io.now() - io.origin;
  }
  toJSON(): { timeOrigin: number } {
    return { timeOrigin: io.origin };
  }
}

shapeInterface(Performance.prototype, 'Performance');

/** The global `performance`. */
export const performance: Performance = new Performance(key);
