/** `node:console`: the global one. https://nodejs.org/api/console.html */
const { console } = globalThis;
export const {
  assert,
  clear,
  count,
  countReset,
  debug,
  dir,
  dirxml,
  error,
  group,
  groupCollapsed,
  groupEnd,
} = console;
export const { info, log, table, time, timeEnd, timeLog, trace, warn } = console;
export default console;
