import { NativeTypeError, guestJson, isInteger, quote, toText, viewLength, viewOf } from './primordials.ts';
import { encodeUtf8 } from './web/index.ts';

export type ValueType = 'text' | 'json' | 'arrayBuffer' | 'stream';

export const putOptions = ['expiration', 'expirationTtl', 'metadata'] as const;
export const listOptions = ['prefix', 'start', 'end', 'reverse', 'limit', 'cursor'] as const;
export const watchOptions = ['limit', 'timeoutMs'] as const;

/** Of `get(key, type)` and `get(key, { type })`; cacheTtl has no meaning where every read is fresh. */
export function valueType(options: unknown): ValueType {
  const given =
    typeof options === 'object' && options !== null ? (options as { type?: unknown }).type : options;
  const type = given ?? 'text';
  if (type === 'text' || type === 'json' || type === 'arrayBuffer' || type === 'stream') return type;
  throw new NativeTypeError(
    `KV type ${quote(toText(type))} is unknown; use "text", "json", "arrayBuffer" or "stream"`,
  );
}

/** Of `list({ values })`: undefined when it asks for none. */
export function listedType(options: unknown): ValueType | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  const { values } = options as { readonly values?: unknown };
  if (values === undefined || values === null || values === false) return undefined;
  const type = values === true ? 'text' : valueType(values);
  if (type !== 'stream') return type;
  throw new NativeTypeError('KV list() gives values as "text", "json" or "arrayBuffer"');
}

/** `,"name":value` for each option given; null counts as not given. */
export function optionsJson(options: unknown, names: readonly string[]): string {
  if (typeof options !== 'object' || options === null) return '';
  let json = '';
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? '';
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined || value === null) continue;
    json += `,${quote(name)}:${guestJson(value) ?? 'null'}`;
  }
  return json;
}

/** The members of a put that say what must be there; '' when there is none. Null is a version, undefined is not. */
export function conditionJson(options: unknown): string {
  if (typeof options !== 'object' || options === null) return '';
  const { ifVersion, ifAbsent } = options as { readonly ifVersion?: unknown; readonly ifAbsent?: unknown };
  let json = '';
  if (ifVersion !== undefined) json += `,"ifVersion":${versionJson('ifVersion', ifVersion)}`;
  if (ifAbsent !== undefined && ifAbsent !== null) {
    if (typeof ifAbsent !== 'boolean') throw new NativeTypeError('KV ifAbsent is true or false');
    if (ifAbsent) json += ',"ifAbsent":true';
  }
  return json;
}

/** What a put or a commit may store, but for streams. */
export function valueBytes(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? encodeUtf8(value) : viewOf(value);
}

/** A whole number, as JSON. */
export function deltaJson(by: unknown): string {
  if (!isInteger(by)) throw new NativeTypeError('KV increment adds a whole number');
  return quote(by as number);
}

/** `{"key":…,"version":…}` of one check of a commit. */
export function checkJson(check: unknown): string {
  const { key, version } = requireObject('check', check);
  return `{"key":${quote(toText(key))},"version":${versionJson('version', version)}}`;
}

export interface WriteText {
  readonly json: string;
  /** What the write puts; undefined when it deletes or counts. */
  readonly bytes: Uint8Array | undefined;
}

/** One write of a commit: `{ key, value, … }`, `{ key, delete: true }` or `{ key, increment }`. */
export function writeJson(write: unknown): WriteText {
  const given = requireObject('write', write);
  const key = `{"key":${quote(toText(given['key']))}`;
  const { delete: remove, increment, value } = given;
  let json = '';
  if (remove !== undefined) json += `,"delete":${guestJson(remove) ?? 'null'}`;
  if (increment !== undefined) json += `,"increment":${deltaJson(increment)}`;
  if (value === undefined) return { json: `${key}${json}}`, bytes: undefined };
  const bytes = valueBytes(value);
  if (bytes === undefined) {
    throw new NativeTypeError('KV commit() puts strings, ArrayBuffers and views on them');
  }
  return {
    json: `${key}${json},"size":${quote(viewLength(bytes))}${optionsJson(write, putOptions)}}`,
    bytes,
  };
}

function versionJson(name: string, version: unknown): string {
  if (version === null || typeof version === 'string') return quote(version);
  throw new NativeTypeError(`KV ${name} is the version that getWithMetadata() or put() gave, or null`);
}

function requireObject(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new NativeTypeError(`KV commit() takes arrays of objects; this ${what} is none`);
}
