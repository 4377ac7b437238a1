/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import type { Invocation } from './invocation.ts';
import type { OperationAnswer } from './operations.ts';
import type { ValueType, WriteText } from './kv-options.ts';
import {
  checkJson,
  conditionJson,
  deltaJson,
  listedType,
  listOptions,
  optionsJson,
  putOptions,
  valueBytes,
  valueType,
  watchOptions,
  writeJson,
} from './kv-options.ts';
import { createWatch } from './kv-watch.ts';
import {
  NativeTypeError,
  NativeUint8Array,
  copyBytes,
  createTable,
  defineProperty,
  isArray,
  parseJson,
  quote,
  setBytes,
  stringSlice,
  toText,
  uncurry,
  viewBuffer,
  viewLength,
} from './primordials.ts';
import { operate, startOperation } from './operations.ts';
import { createByteStream, decodeUtf8, isReadableStream } from './web/index.ts';

interface Found {
  readonly value: unknown;
  readonly metadata: unknown;
  readonly version: string | null;
}

/** A value as the host names it; `size` where several values share the answer's bytes. */
interface Head {
  readonly metadata?: unknown;
  readonly version?: string;
  readonly size?: number;
  /** The value itself, where text was asked for and it is short. */
  readonly text?: string;
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
const noBytes = new NativeUint8Array(0);
/** UTF-16 units of text that travel within a put's message. */
const shortText = 4096;

/**
 * `env.NAME` of kind "kv": the Workers KV API, and beside it versions, conditional puts, counters, commits and watches.
 * The host checks keys, sizes and options. Operations and their answers: bindings/kv/README.md, "The path of a call".
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
    return withStatus(await this.#read(key, type));
  }

  /**
   * Resolves to undefined, as in Workers KV; with `ifVersion` or `ifAbsent` to whether it wrote: { ok, version? }.
   * `ifVersion: null`, the version of what is not there, means the same as `ifAbsent: true`.
   */
  async put(key: unknown, value: unknown, options?: unknown): Promise<Written | undefined> {
    const condition = conditionJson(options);
    const short = typeof value === 'string' && value.length <= shortText ? `,"text":${quote(value)}` : '';
    const args = `{"key":${quote(toText(key))}${optionsJson(options, putOptions)}${condition}${short}}`;
    const stream = isReadableStream(value) ? value : undefined;
    const bytes = stream === undefined && short === '' ? valueBytes(value) : undefined;
    if (stream === undefined && bytes === undefined && short === '') {
      throw new NativeTypeError(
        'KV put() takes a string, an ArrayBuffer, a view on one, or a ReadableStream',
      );
    }
    const answer = await this.#call('put', args, bytes, stream);
    return condition === '' ? undefined : (answer.value as Written);
  }

  /** Adds to the decimal number stored there, 0 when there is none, in one step; resolves to the sum. */
  async increment(key: unknown, by: unknown = 1): Promise<number> {
    const args = `{"key":${quote(toText(key))},"delta":${deltaJson(by)}}`;
    const { value } = await this.#call('increment', args);
    return (value as { readonly value: number }).value;
  }

  async delete(key: unknown): Promise<void> {
    await this.#call('delete', `{"key":${quote(toText(key))}}`);
  }

  /** As in Workers KV, and `start`, `end`, `reverse`, `values`. */
  async list(options?: unknown): Promise<unknown> {
    const type = listedType(options);
    const given = optionsJson(options, listOptions) + (type === undefined ? '' : ',"values":true');
    const answer = await this.#call('list', `{${given === '' ? '' : stringSlice(given, 1)}}`);
    if (type !== undefined) await addValues(answer, type);
    return answer.value;
  }

  /**
   * All writes or none, when every check holds: `{ key, version }`, version null for "absent". Resolves to { ok: true,
   * versions, sums } with a member for each write, or { ok: false, failed: key }.
   */
  async commit(checks: unknown, writes: unknown): Promise<unknown> {
    let parts = '';
    forEach(checks, (check) => (parts += `,${checkJson(check)}`));
    let rest = '';
    let total = 0;
    let count = 0;
    const values = createTable<Uint8Array>();
    forEach(writes, (write) => {
      const { json, bytes }: WriteText = writeJson(write);
      rest += `,${json}`;
      if (bytes === undefined) return;
      values[count++] = bytes;
      total += viewLength(bytes);
    });
    const body = new NativeUint8Array(total);
    for (let index = 0, at = 0; index < count; index++) {
      const bytes = values[index] ?? noBytes;
      setBytes(body, bytes, at);
      at += viewLength(bytes);
    }
    const args = `{"checks":[${stringSlice(parts, 1)}],"writes":[${stringSlice(rest, 1)}]}`;
    return (await this.#call('commit', args, body)).value;
  }

  /** Changes of keys that begin with `prefix`, from this call on: { key, kind, version, … }. Ends with the invocation. */
  watch(prefix: unknown = '', options?: unknown): object {
    const { signal } = (options ?? {}) as { readonly signal?: AbortSignal };
    const args = `{"prefix":${quote(toText(prefix))}${optionsJson(options, watchOptions)}}`;
    return createWatch(
      () => startOperation(this.#invocation, { binding: this.#binding, method: 'watch', args }),
      signal,
    );
  }

  #call(
    method: string,
    args: string,
    bytes?: Uint8Array,
    stream?: ReadableStream<Uint8Array>,
  ): Promise<OperationAnswer> {
    return operate(this.#invocation, { binding: this.#binding, method, args, bytes, stream });
  }

  async #read(key: unknown, type: ValueType): Promise<Found> {
    const asText = type === 'text' || type === 'json' ? ',"text":true' : '';
    const answer = await this.#call('get', `{"key":${quote(toText(key))}${asText}}`);
    const head = answer.value as Head | null;
    if (head === null) return { value: null, metadata: null, version: null };
    const { metadata = null, version = null, text } = head;
    if (text !== undefined) return { value: type === 'json' ? parseJson(text) : text, metadata, version };
    const value = type === 'stream' ? toStream(answer) : toValue(await allBytes(answer), type);
    return { value, metadata, version };
  }

  async #many(keys: readonly unknown[], type: ValueType, withMetadata: boolean): Promise<unknown> {
    if (type !== 'text' && type !== 'json') {
      throw new NativeTypeError(`KV get() of several keys gives "text" or "json", not "${type}"`);
    }
    const names = createTable<string>();
    let json = '';
    for (let index = 0; index < keys.length; index++) {
      const name = toText(keys[index]);
      names[index] = name;
      json += `${index === 0 ? '' : ','}${quote(name)}`;
    }
    const answer = await this.#call('getMany', `{"keys":[${json}]}`);
    const heads = answer.value as readonly (Head | null)[];
    const bytes = await allBytes(answer);
    const map = new NativeMap<unknown, unknown>();
    for (let index = 0, at = 0; index < heads.length; index++) {
      const head = heads[index] ?? null;
      const size = head?.size ?? 0;
      const value = head === null ? null : toValue(copyBytes(bytes, at, size), type);
      at += size;
      const found = { value, metadata: head?.metadata ?? null, version: head?.version ?? null };
      mapSet(map, names[index], withMetadata ? withStatus(found) : value);
    }
    return map;
  }
}

/** Workers KV names a cache's part in it; nothing is cached here. */
function withStatus({ value, metadata, version }: Found): object {
  return { value, metadata, version, cacheStatus: null };
}

function forEach(list: unknown, run: (member: unknown) => void): void {
  if (list === undefined || list === null) return;
  if (!isArray(list)) throw new NativeTypeError('KV commit() takes an array of checks and one of writes');
  for (let index = 0; index < list.length; index++) run(list[index]);
}

/** Gives each listed key its part of the answer's bytes. */
async function addValues(answer: OperationAnswer, type: ValueType): Promise<void> {
  const bytes = await allBytes(answer);
  const { keys } = answer.value as { readonly keys: { value?: unknown; size?: number }[] };
  for (let index = 0, at = 0; index < keys.length; index++) {
    const key = keys[index];
    if (key === undefined) continue;
    const size = key.size ?? 0;
    delete key.size;
    key.value = toValue(copyBytes(bytes, at, size), type);
    at += size;
  }
}

async function allBytes({ bytes, body }: OperationAnswer): Promise<Uint8Array> {
  return body === undefined ? (bytes ?? noBytes) : await body.collect();
}

function toValue(bytes: Uint8Array, type: ValueType): unknown {
  if (type === 'arrayBuffer') return viewBuffer(copyBytes(bytes, 0, viewLength(bytes)));
  const text = decodeUtf8(bytes);
  return type === 'json' ? parseJson(text) : text;
}

function toStream({ bytes, body }: OperationAnswer): ReadableStream<Uint8Array> {
  return body?.stream() ?? streamOf(bytes ?? noBytes);
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

defineProperty(KvNamespace.prototype, Symbol.toStringTag, { value: 'KvNamespace', configurable: true });

export function createKv(invocation: Invocation, binding: string): object {
  return new KvNamespace(invocation, binding);
}
