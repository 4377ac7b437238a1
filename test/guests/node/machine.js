// Everything here must say in Node what it says in a function.
import console_, { log } from 'node:console';
import os, { EOL, availableParallelism, devNull } from 'node:os';
import { PerformanceEntry, PerformanceObserver, performance as clock } from 'node:perf_hooks';

export async function run() {
  const seen = new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().map(({ name }) => name))).observe({
      type: 'mark',
    });
  });
  const mark = clock.mark('here', { startTime: 1, detail: { a: 1 } });
  clock.mark('there', { startTime: 3 });
  const measure = clock.measure('way', 'here', 'there');
  return {
    console: [console_ === console, log === console.log],
    lines: [EOL, devNull],
    kinds: [os.arch(), os.platform(), os.type(), os.hostname(), os.homedir(), os.tmpdir(), os.release()].map(
      (value) => typeof value,
    ),
    processors: [Array.isArray(os.cpus()), availableParallelism() >= 1],
    clock: [clock === performance, clock.now() > 0, clock.timeOrigin > 0],
    mark: [mark instanceof PerformanceEntry, mark.entryType, mark.detail],
    measure: [measure.startTime, measure.duration],
    seen: await seen,
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
