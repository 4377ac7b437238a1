import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import { parseKey, parsePutOptions } from './arguments.ts';
import type { PutOptions } from './arguments.ts';
import { maxValueBytes } from './limits.ts';
import type { KvFound } from './namespace.ts';

/**
 * One entry as a line of JSON, the shape of Workers KV's bulk files: `{ key, value, base64?, expiration?, metadata? }`.
 * Bytes that are no UTF-8 text, or that JSON would blow up, are base64.
 */
export function toRecord(key: string, found: Omit<KvFound, 'version'>): string {
  const { bytes, expiration, metadata } = found;
  const text = toText(bytes);
  return JSON.stringify({
    key,
    ...(text === undefined ? { value: toBuffer(bytes).toString('base64'), base64: true } : { value: text }),
    ...(expiration === undefined ? {} : { expiration }),
    ...(metadata === null ? {} : { metadata }),
  });
}

export interface KvRecord {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly options: PutOptions;
  /** True when its time is over already. */
  readonly expired: boolean;
}

const members = ['key', 'value', 'base64', 'expiration', 'expiration_ttl', 'metadata'];

/**
 * A line to an entry. An expiry that is near or past is taken as it is: a file must go in as it came out. Throws TypeError
 * or HostError ERR_KV_* with what is wrong with the line.
 */
export function parseRecord(line: string, nowMs: number): KvRecord {
  const value = parseLine(line);
  const unknown = Object.keys(value).find((name) => !members.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`${JSON.stringify(unknown)} is not known; use ${members.join(', ')}`);
  const { metadata, expiration, expiration_ttl: expirationTtl } = value;
  const at = parseTime(expiration);
  const parsed = parsePutOptions({ metadata, expirationTtl }, nowMs);
  return {
    key: parseKey(value['key']),
    bytes: parseValue(value['value'], value['base64']),
    options: expirationTtl === undefined && at !== undefined ? { ...parsed, expiration: () => at } : parsed,
    expired: expirationTtl === undefined && at !== undefined && at * 1000 <= nowMs,
  };
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new TypeError(`it is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new TypeError('it is no object; use { "key": …, "value": … }');
}

function parseValue(value: unknown, base64: unknown): Uint8Array {
  if (typeof value !== 'string') throw new TypeError(`value is of type ${typeof value}; use text, or base64`);
  if (base64 !== undefined && typeof base64 !== 'boolean') {
    throw new TypeError(`base64 is of type ${typeof base64}; use true or leave it out`);
  }
  if (base64 !== true && !value.isWellFormed()) {
    throw new TypeError('value holds a lone surrogate, which has no UTF-8 form; use base64');
  }
  if (base64 === true && !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new TypeError('value is no base64');
  const bytes = Buffer.from(value, base64 === true ? 'base64' : 'utf8');
  if (bytes.length <= maxValueBytes) return bytes;
  throw new HostError(
    'ERR_KV_VALUE',
    `Cannot store KV value: it has ${bytes.length} bytes; store at most ${maxValueBytes}`,
  );
}

function parseTime(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 1e11) return value;
  throw new TypeError('expiration is no time; use whole seconds since the epoch');
}

/** Undefined for what is no UTF-8, and for what base64 says in fewer bytes. */
function toText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    // Escapes take up to six characters of JSON a byte; short values stay readable whatever they hold.
    const isShort = bytes.length < 100;
    return isShort || JSON.stringify(text).length <= (bytes.length * 4) / 3 ? text : undefined;
  } catch {
    return undefined;
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
