/** `node:perf_hooks`: the web's clock and marks. https://nodejs.org/api/perf_hooks.html */
const names = [
  'PerformanceEntry',
  'PerformanceMark',
  'PerformanceMeasure',
  'PerformanceObserver',
  'PerformanceObserverEntryList',
  'PerformanceResourceTiming',
];
const web = globalThis;
export const { performance } = globalThis;
export const PerformanceEntry = web[names[0]];
export const PerformanceMark = web[names[1]];
export const PerformanceMeasure = web[names[2]];
export const PerformanceObserver = web[names[3]];
export const PerformanceObserverEntryList = web[names[4]];
export const PerformanceResourceTiming = web[names[5]];
export const constants = {};
export default {
  performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  PerformanceResourceTiming,
  constants,
};
