/** True when the path of a file fits a pattern: itself, or with one `*` that stands for any text, "/" too. */
export function fits(pattern: string, path: string): boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return pattern === path;
  const head = pattern.slice(0, star);
  const tail = pattern.slice(star + 1);
  return path.length >= head.length + tail.length && path.startsWith(head) && path.endsWith(tail);
}

/** The values whose patterns fit, the most specific, longest, last. */
export function fitting<T>(table: Readonly<Record<string, T>>, path: string): readonly T[] {
  return Object.entries(table)
    .filter(([pattern]) => fits(pattern, path))
    .sort(([one], [other]) => weight(one) - weight(other))
    .map(([, value]) => value);
}

function weight(pattern: string): number {
  return pattern.includes('*') ? pattern.length : Number.MAX_SAFE_INTEGER;
}
