import { Buffer } from 'node:buffer';
import { parseFlag, parseText, parseWhole, refuseOption } from './arguments.ts';
import { maxKeyBytes, maxListKeys } from './limits.ts';

/** Which keys a list gives: those that begin with `prefix`, from `start` (inclusive) up to `end` (exclusive). */
export interface ListOptions {
  readonly prefix: string;
  readonly start?: string;
  readonly end?: string;
  readonly limit: number;
  /** From the last key of the range to the first. */
  readonly reverse: boolean;
  /** The values too. */
  readonly values: boolean;
  /** The last key of the page before. */
  readonly after?: string;
}

/** Bounds and cursor are well-formed text; what is undefined or null counts as not given. */
export function parseListOptions(args: Readonly<Record<string, unknown>>): ListOptions {
  const limit = parseWhole('limit', args['limit'] ?? maxListKeys);
  if (limit < 1 || limit > maxListKeys) throw refuseOption(`limit is ${limit}; use 1 to ${maxListKeys}`);
  const start = parseBound('start', args['start']);
  const end = parseBound('end', args['end']);
  if (end === '') throw refuseOption('end is empty, which no key comes before; leave it out');
  const range = {
    prefix: parseText('prefix', args['prefix']),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
  };
  const cursor = parseText('cursor', args['cursor']);
  return {
    ...range,
    limit,
    reverse: parseFlag('reverse', args['reverse']) ?? false,
    values: parseFlag('values', args['values']) ?? false,
    ...(cursor === '' ? {} : { after: decodeCursor(cursor, range) }),
  };
}

/** A cursor is the last key of a page in base64url; callers must not rely on it. */
export function toCursor(lastKey: string): string {
  return Buffer.from(lastKey).toString('base64url');
}

function parseBound(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = parseText(name, value);
  // A key of the greatest length with something behind it is still a bound.
  if (Buffer.byteLength(text) <= maxKeyBytes * 2) return text;
  throw refuseOption(`${name} has more than ${maxKeyBytes * 2} bytes; no key is longer than ${maxKeyBytes}`);
}

function decodeCursor(cursor: string, range: Pick<ListOptions, 'prefix' | 'start' | 'end'>): string {
  // No cursor of ours is longer than base64url of the longest key.
  const key = cursor.length > maxKeyBytes * 2 ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
  if (key !== '' && toCursor(key) === cursor && isWithin(key, range)) return key;
  throw refuseOption('cursor is not one that list gave for these bounds; pass both on unchanged');
}

function isWithin(
  key: string,
  { prefix, start, end }: Pick<ListOptions, 'prefix' | 'start' | 'end'>,
): boolean {
  if (!key.startsWith(prefix)) return false;
  const bytes = Buffer.from(key);
  if (start !== undefined && Buffer.compare(bytes, Buffer.from(start)) < 0) return false;
  return end === undefined || Buffer.compare(bytes, Buffer.from(end)) < 0;
}
