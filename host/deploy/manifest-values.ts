/** Where in a manifest. */
export type Path = readonly (string | number)[];

export interface Problem {
  readonly path: Path;
  readonly text: string;
}

/** Takes note of a problem; its result stands for the value that is not usable. */
export type Report = (path: Path, text: string) => undefined;

/** A text, or undefined and a problem. */
export function text(value: unknown, path: Path, report: Report): string | undefined {
  if (typeof value === 'string') return value;
  return report(path, `${path.join('.')} is a text, this is ${toKind(value)}`);
}

/** A whole number between the two bounds, or undefined and a problem. */
export function integer(
  value: unknown,
  path: Path,
  [least, most]: readonly [number, number],
  report: Report,
): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const given = typeof value === 'number' ? String(value) : toKind(value);
  return report(path, `${path.join('.')} is a whole number from ${least} to ${most}, this is ${given}`);
}

/** True for an object that is no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a value is, for messages. */
export function toKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
