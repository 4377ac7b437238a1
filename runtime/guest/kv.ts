/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import type { Invocation } from './invocation.ts';
import type { OperationAnswer } from './operations.ts';
import {
  NativeTypeError,
  copyBytes,
  defineProperty,
  guestJson,
  isArray,
  isInteger,
  parseJson,
  quote,
  stringSlice,
  toText,
  uncurry,
  viewBuffer,
  viewLength,
  viewOf,
} from './primordials.ts';
import { operate } from './operations.ts';
import { createByteStream, decodeUtf8, encodeUtf8, isReadableStream } from './web/index.ts';

type ValueType = 'text' | 'json' | 'arrayBuffer' | 'stream';

interface Found {
  readonly value: unknown;
  readonly metadata: unknown;
  readonly version: string | null;
}

/** What a put with a condition resolves to: whether it wrote, and then the value's version. */
interface Written {
  readonly ok: boolean;
  readonly version?: string;
}

const NativeMap = Map;
const mapSet = uncurry(Map.prototype.set) as (
  map: Map<unknown, unknown>,
  key: unknown,
  value: unknown,
) => unknown;
const mostKeys = 100;

/**
 * `env.NAME` of kind "kv": the Workers KV API, with versions, conditional puts and counters beside it. The host checks
 * keys, sizes and options. Operations and their answers: bindings/kv/README.md, "The path of a call".
 */
class KvNamespace {
  readonly #invocation: Invocation;
  readonly #binding: string;

  constructor(invocation: Invocation, binding: string) {
    this.#invocation = invocation;
    this.#binding = binding;
  }

  /** The value or null; for an array of up to 100 keys a Map of them. */
  async get(key: unknown, options?: unknown): Promise<unknown> {
    const type = valueType(options);
    if (isArray(key)) return await this.#many(key, type, false);
    return (await this.#read(key, type)).value;
  }

  async getWithMetadata(key: unknown, options?: unknown): Promise<unknown> {
    const type = valueType(options);
    if (isArray(key)) return await this.#many(key, type, true);
    const { value, metadata, version } = await this.#read(key, type);
    return { value, metadata, version, cacheStatus: null };
  }

  /**
   * Resolves to undefined, as in Workers KV; with `ifVersion` or `ifAbsent` to whether it wrote: { ok, version? }.
   * `ifVersion: null`, the version of what is not there, means the same as `ifAbsent: true`.
   */
  async put(key: unknown, value: unknown, options?: unknown): Promise<Written | undefined> {
    const condition = conditionJson(options);
    const args = `{"key":${quote(toText(key))}${optionsJson(options, putOptions)}${condition}}`;
    const stream = isReadableStream(value) ? value : undefined;
    const bytes = typeof value === 'string' ? encodeUtf8(value) : viewOf(value);
    if (stream === undefined && bytes === undefined) {
      throw new NativeTypeError(
        'KV put() takes a string, an ArrayBuffer, a view on one, or a ReadableStream',
      );
    }
    const answer = await this.#call('put', args, { bytes: stream === undefined ? bytes : undefined, stream });
    return condition === '' ? undefined : (answer.value as Written);
  }

  /** Adds to the decimal number stored there, 0 when there is none, in one step; resolves to the sum. */
  async increment(key: unknown, by: unknown = 1): Promise<number> {
    if (!isInteger(by)) throw new NativeTypeError('KV increment() adds a whole number');
    const args = `{"key":${quote(toText(key))},"delta":${quote(by as number)}}`;
    const { value } = await this.#call('increment', args);
    return (value as { readonly value: number }).value;
  }

  async delete(key: unknown): Promise<void> {
    await this.#call('delete', `{"key":${quote(toText(key))}}`);
  }

  async list(options?: unknown): Promise<unknown> {
    const given = optionsJson(options, listOptions);
    const { value } = await this.#call('list', `{${given === '' ? '' : stringSlice(given, 1)}}`);
    return value;
  }

  #call(
    method: string,
    args: string,
    body?: { bytes?: Uint8Array | undefined; stream?: ReadableStream<Uint8Array> | undefined },
  ): Promise<OperationAnswer> {
    return operate(this.#invocation, { binding: this.#binding, method, args, ...body });
  }

  async #read(key: unknown, type: ValueType): Promise<Found> {
    const answer = await this.#call('get', `{"key":${quote(toText(key))}}`);
    const head = answer.value as { readonly metadata?: unknown; readonly version?: string } | null;
    if (head === null) return { value: null, metadata: null, version: null };
    const value = await toValue(answer, type);
    return { value, metadata: head.metadata ?? null, version: head.version ?? null };
  }

  async #many(keys: readonly unknown[], type: ValueType, withMetadata: boolean): Promise<unknown> {
    if (keys.length > mostKeys) {
      throw new NativeTypeError(`KV get() takes ${mostKeys} keys at most, got ${keys.length}`);
    }
    if (type !== 'text' && type !== 'json') {
      throw new NativeTypeError(`KV get() of several keys gives "text" or "json", not "${type}"`);
    }
    const found: Promise<Found>[] = { __proto__: null } as never;
    for (let index = 0; index < keys.length; index++) found[index] = this.#read(keys[index], type);
    const map = new NativeMap<unknown, unknown>();
    for (let index = 0; index < keys.length; index++) {
      const { value, metadata, version } = (await found[index]) as Found;
      mapSet(map, toText(keys[index]), withMetadata ? { value, metadata, version } : value);
    }
    return map;
  }
}

function valueType(options: unknown): ValueType {
  const given =
    typeof options === 'object' && options !== null ? (options as { type?: unknown }).type : options;
  const type = given ?? 'text';
  if (type === 'text' || type === 'json' || type === 'arrayBuffer' || type === 'stream') return type;
  throw new NativeTypeError(
    `KV type ${quote(toText(type))} is unknown; use "text", "json", "arrayBuffer" or "stream"`,
  );
}

async function toValue(answer: OperationAnswer, type: ValueType): Promise<unknown> {
  if (type === 'stream') return answer.body?.stream() ?? streamOf(answer.bytes ?? encodeUtf8(''));
  const bytes = answer.body === undefined ? (answer.bytes ?? encodeUtf8('')) : await answer.body.collect();
  if (type === 'arrayBuffer') return viewBuffer(copyBytes(bytes, 0, viewLength(bytes)));
  const text = decodeUtf8(bytes);
  return type === 'json' ? parseJson(text) : text;
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false;
  return createByteStream({
    pull(sink) {
      if (!sent && viewLength(bytes) > 0) sink.enqueue(copyBytes(bytes, 0, viewLength(bytes)));
      else sink.close();
      sent = true;
    },
  });
}

const putOptions = ['expiration', 'expirationTtl', 'metadata'] as const;
const listOptions = ['prefix', 'limit', 'cursor'] as const;

/** `,"name":value` for each option given; null counts as not given. */
function optionsJson(options: unknown, names: readonly string[]): string {
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
function conditionJson(options: unknown): string {
  if (typeof options !== 'object' || options === null) return '';
  const { ifVersion, ifAbsent } = options as { readonly ifVersion?: unknown; readonly ifAbsent?: unknown };
  let json = '';
  if (ifVersion !== undefined) {
    if (ifVersion !== null && typeof ifVersion !== 'string') {
      throw new NativeTypeError('KV ifVersion is the version that getWithMetadata() or put() gave');
    }
    json += `,"ifVersion":${quote(ifVersion)}`;
  }
  if (ifAbsent !== undefined && ifAbsent !== null) {
    if (typeof ifAbsent !== 'boolean') throw new NativeTypeError('KV ifAbsent is true or false');
    if (ifAbsent) json += ',"ifAbsent":true';
  }
  return json;
}

defineProperty(KvNamespace.prototype, Symbol.toStringTag, { value: 'KvNamespace', configurable: true });

export function createKv(invocation: Invocation, binding: string): object {
  return new KvNamespace(invocation, binding);
}
