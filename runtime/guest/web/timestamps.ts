const toNumber = Number;

/** `double` of Web IDL: TypeError for what is no finite number. */
export function toFinite(value: unknown, what: string): number {
  const number = toNumber(value);
  if (number - number === 0) return number;
  throw new TypeError(`${what} is ${String(value)}; give a finite number of milliseconds`);
}
