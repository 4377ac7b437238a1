/** Which bytes a request wants (RFC 9110, 14.2). */
export type Wanted =
  /** All: there is no range, or none that is understood; several at once are answered whole. */
  | { readonly kind: 'whole' }
  /** `end` is exclusive. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  /** There are no such bytes: 416. */
  | { readonly kind: 'unsatisfiable' };

const whole: Wanted = { kind: 'whole' };
const unsatisfiable: Wanted = { kind: 'unsatisfiable' };
const pattern = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/** Reads a Range header for a representation of `size` bytes. */
export function parseRange(header: string | undefined, size: number): Wanted {
  const [, first = '', last = ''] = pattern.exec(header ?? '') ?? [];
  if (first === '') return suffix(last, size);
  // Numbers of any length: a header may have more digits than a double.
  const start = BigInt(first);
  const end = last === '' ? BigInt(size) : BigInt(last) + 1n;
  if (last !== '' && end <= start) return whole;
  if (start >= size) return unsatisfiable;
  return { kind: 'part', start: Number(start), end: end > size ? size : Number(end) };
}

/** The last bytes; all when there are fewer. */
function suffix(text: string, size: number): Wanted {
  if (text === '') return whole;
  const length = Number(text);
  if (length === 0 || size === 0) return unsatisfiable;
  return { kind: 'part', start: Math.max(0, size - length), end: size };
}
