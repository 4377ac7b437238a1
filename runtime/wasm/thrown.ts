/** A stack as logs want it, beginning with what was thrown, as V8's do: the addon's are wasm backtraces alone. */
export function toStack(name: string, message: string, backtrace: string): string {
  return backtrace.includes(message) ? backtrace : `${name}: ${message}\n${backtrace}`;
}

/** JSON of a `Z` line of the addon, [name, message, backtrace, phase], with a stack in place of the backtrace. */
export function toThrownLine(json: string): string {
  const [name, message, backtrace, phase] = JSON.parse(json) as readonly unknown[];
  if (typeof name !== 'string' || typeof message !== 'string' || typeof backtrace !== 'string') return json;
  return JSON.stringify([name, message, toStack(name, message, backtrace), phase]);
}
