/**
 * Lines from the guest's runtime, read as hostile input: a line is a letter, a number, a space and JSON text
 * (runtime/guest/protocol.ts, Out). Anything else is dropped by returning undefined.
 */
export interface Line {
  readonly letter: string;
  readonly invocation: number;
  readonly json: string;
}

export function parseLine(text: string): Line | undefined {
  const space = text.indexOf(' ', 1);
  if (space < 2) return undefined;
  const invocation = Number(text.slice(1, space));
  if (!Number.isSafeInteger(invocation) || invocation < 0) return undefined;
  return { letter: text[0] ?? '', invocation, json: text.slice(space + 1) };
}

/** A JSON array, or undefined. */
export function parseArray(json: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? (value as readonly unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

/** The part of `bytes` that a pair [off, len] of a line points at, or undefined when it points elsewhere. */
export function slice(
  bytes: ArrayBuffer | undefined,
  off: unknown,
  len: unknown,
): Uint8Array<ArrayBuffer> | undefined {
  if (bytes === undefined || !Number.isSafeInteger(off) || !Number.isSafeInteger(len)) return undefined;
  const start = off as number;
  const length = len as number;
  if (start < 0 || length < 0 || start + length > bytes.byteLength) return undefined;
  return new Uint8Array(bytes, start, length);
}

export function toCount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.max(0, Math.trunc(value)) : 0;
}
