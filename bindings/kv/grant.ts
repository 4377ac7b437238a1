import { Buffer, isUtf8 } from 'node:buffer';
import type { Answer, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Access } from './access.ts';
import { parseArguments, parseDelta, parseKey, parsePutOptions, refuseOption } from './arguments.ts';
import type { PutOptions } from './arguments.ts';
import type { Budget, Hold } from './budget.ts';
import { commit, parseCommit } from './commit.ts';
import type { Counters } from './counters.ts';
import {
  inlineValueBytes,
  maxGetKeys,
  maxValueBytes,
  maxWatches,
  pageValueBytes,
  shortTextBytes,
} from './limits.ts';
import type { KvFound, KvNamespace } from './namespace.ts';
import { streamPieces } from './pieces.ts';
import { parseListOptions } from './range.ts';
import { encodeHead, encodeValue, gatherValue } from './value.ts';
import { parseWatchOptions, type Watches } from './watches.ts';

/** What the grants of one deployment share. */
export interface Shared {
  readonly store: Store;
  readonly namespace: KvNamespace;
  /** Of the store: functions that share a namespace count together. */
  readonly counters: Counters;
  readonly watches: Watches;
  /** Watches of this deployment that are open. */
  readonly watching: { count: number };
  readonly reading: Budget;
  readonly writing: Budget;
  /** Throws HostError ERR_NOT_GRANTED. */
  readonly demand: (wanted: Access) => void;
  readonly now: () => number;
}

type Args = Readonly<Record<string, unknown>>;

/** What one read found: the answer's value, and the bytes of all values in order. */
interface Read {
  readonly value: unknown;
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/** How to read it once more, and how many bytes that may give. */
interface Again {
  readonly read: () => Promise<Read>;
  readonly most: number;
}

/** A KV namespace as one invocation may use it. */
export class KvGrant implements Grant {
  readonly #shared: Shared;
  readonly #signal: AbortSignal;

  constructor(shared: Shared, context: GrantContext) {
    this.#shared = shared;
    this.#signal = context.signal;
  }

  call(operation: Operation): Answer | Promise<Answer> {
    try {
      return this.#perform(operation);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #perform(operation: Operation): Answer | Promise<Answer> {
    const args = parseArguments(operation.args);
    const { demand } = this.#shared;
    switch (operation.method) {
      case 'get':
        demand('read');
        return this.#get(parseKey(args['key']), args['text'] === true);
      case 'getMany':
        demand('read');
        return this.#getMany(args);
      case 'list':
        demand('read');
        return this.#list(args);
      case 'watch':
        demand('read');
        return this.#watch(args, operation);
      case 'put':
        demand('write');
        return this.#put(parseKey(args['key']), args, operation);
      case 'delete':
        demand('write');
        return this.#shared.namespace.delete(parseKey(args['key'])).then(() => ({}));
      case 'increment':
        demand('write');
        return this.#increment(parseKey(args['key']), parseDelta(args['delta']));
      case 'commit':
        demand('write');
        return this.#commit(args, operation);
      default:
        throw new TypeError(
          `KV has no method ${JSON.stringify(operation.method.slice(0, 100))}; use get, getMany, put, delete, list, increment, commit or watch`,
        );
    }
  }

  #get(key: string, asText: boolean): Answer | Promise<Answer> {
    const found = this.#shared.namespace.get(key);
    if (found instanceof Promise) return found.then((one) => this.#found(key, asText, one));
    return this.#found(key, asText, found);
  }

  #found(key: string, asText: boolean, found: KvFound | undefined): Answer | Promise<Answer> {
    if (found === undefined) return { value: null };
    const { metadata, version, bytes } = found;
    const text = asText ? toShortText(bytes) : undefined;
    if (text !== undefined) return { value: { metadata, version, text } };
    if (bytes.length <= inlineValueBytes) return { value: { metadata, version }, bytes };
    const read = async (): Promise<Read> => {
      const again = await this.#shared.namespace.get(key);
      return again === undefined ? toRead(null, []) : toRead(headOf(again), [again]);
    };
    return this.#answer(toRead(headOf(found), [found]), { read, most: maxValueBytes });
  }

  async #getMany(args: Args): Promise<Answer> {
    const { keys } = args;
    if (!Array.isArray(keys))
      throw new TypeError(`KV keys is of type ${typeof keys}; use an array of strings`);
    if (keys.length > maxGetKeys)
      throw refuseOption(`keys has ${keys.length} members; use at most ${maxGetKeys}`);
    const checked = keys.map(parseKey);
    const read = async (): Promise<Read> => {
      const found: (KvFound | undefined)[] = [];
      let bytes = 0;
      // One after the other: a hundred of the largest are never in memory together.
      for (const key of checked) {
        const one = await this.#shared.namespace.get(key);
        bytes += one?.bytes.length ?? 0;
        if (bytes > maxValueBytes) throw tooMuch(keys.length);
        found.push(one);
      }
      return toRead(
        found.map((one) => (one === undefined ? null : { ...headOf(one), size: one.bytes.length })),
        found,
      );
    };
    return this.#answer(await read(), { read, most: maxValueBytes });
  }

  async #list(args: Args): Promise<Answer> {
    const options = parseListOptions(args);
    const read = async (): Promise<Read> => {
      const { keys, found, cursor } = await this.#shared.namespace.list(options);
      const listed = keys.map((key, index) => {
        const one = found?.[index];
        return one === undefined ? key : { ...key, version: one.version, size: one.bytes.length };
      });
      const end = cursor === undefined ? { list_complete: true } : { list_complete: false, cursor };
      return toRead({ keys: listed, ...end }, found ?? []);
    };
    const first = await read();
    if (!options.values) return { value: first.value };
    return this.#answer(first, { read, most: maxValueBytes + pageValueBytes });
  }

  /** Inline when it is small; else as a stream, once this deployment has room for it in the host's memory. */
  async #answer(found: Read, again: Again): Promise<Answer> {
    if (found.length <= inlineValueBytes) return inline(found);
    const hold = this.#shared.reading.tryHold(found.length);
    return hold === undefined ? this.#inTurn(again) : this.#stream(found, hold);
  }

  /** Others of this deployment hold what memory there is: let the values go, wait, and read them again. */
  async #inTurn({ read, most }: Again): Promise<Answer> {
    const hold = await this.#shared.reading.hold(most, this.#signal);
    try {
      const found = await read();
      hold.shrink(found.length);
      if (found.length > inlineValueBytes) return this.#stream(found, hold);
      hold.release();
      return inline(found);
    } catch (error) {
      hold.release();
      throw error;
    }
  }

  #stream(found: Read, hold: Hold): Answer {
    return { value: found.value, stream: streamPieces(joined(found), hold, this.#signal) };
  }

  /** What is whole goes to the store in the turn in which it came. */
  #put(key: string, args: Args, operation: Operation): Promise<Answer> {
    const { namespace, now } = this.#shared;
    const options = parsePutOptions(args, now());
    if (operation.stream !== undefined) return this.#putStream(key, options, operation.stream);
    const stored = encodeValue(options.metadata, operation.bytes ?? parseBodyText(args['text']));
    return namespace.put(key, stored, options, now()).then(toWritten);
  }

  async #putStream(key: string, options: PutOptions, body: AsyncIterable<Uint8Array>): Promise<Answer> {
    const { namespace, writing, now } = this.#shared;
    const hold = await writing.hold(maxValueBytes, this.#signal);
    try {
      const stored = await gatherValue(encodeHead(options.metadata), body);
      return toWritten(await namespace.put(key, stored, options, now()));
    } finally {
      hold.release();
    }
  }

  async #increment(key: string, delta: number): Promise<Answer> {
    const { namespace, counters } = this.#shared;
    return { value: await counters.add(namespace.place(key), delta) };
  }

  async #commit(args: Args, operation: Operation): Promise<Answer> {
    const { store, namespace, counters, writing, now } = this.#shared;
    const asked = parseCommit(args, now());
    const hold = operation.stream === undefined ? undefined : await writing.hold(maxValueBytes, this.#signal);
    try {
      const body = await gatherValue(new Uint8Array(0), operation.stream ?? operation.bytes);
      const { locks } = counters;
      return { value: await commit(asked, body, { store, namespace, locks, nowMs: now() }) };
    } finally {
      hold?.release();
    }
  }

  /** Not a turn of the loop lies between the call and the first change it hears of: who watches, then lists, misses none. */
  #watch(args: Args, operation: Operation): Answer | Promise<Answer> {
    const { namespace, watches, watching, demand } = this.#shared;
    const options = parseWatchOptions(args);
    if (watching.count >= maxWatches) throw refuseOption(`${maxWatches} watches are open; end some first`);
    watching.count++;
    const stream = watches.open(namespace, options, {
      signal: operation.signal ?? this.#signal,
      permit: () => demand('read'),
      ended: () => {
        watching.count--;
      },
    });
    return options.whole ? gather(stream) : { stream };
  }
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  const lines = Buffer.concat(pieces).toString().split('\n').slice(0, -1);
  return { value: lines.map((line): unknown => JSON.parse(line)) };
}

function toWritten(version: string | undefined): Answer {
  return { value: version === undefined ? { ok: false } : { ok: true, version } };
}

/** What a short put sends instead of a body. */
function parseBodyText(text: unknown): string {
  if (text === undefined) return '';
  if (typeof text === 'string') return text;
  throw new TypeError(`KV text is of type ${typeof text}; use a string, or send a body`);
}

/**
 * Short UTF-8 as text: within the message it costs a guest's isolate nothing, while bytes beside it are handed over as a
 * copy of their own (bench/kv.ts, get). Not with a byte order mark, which decoders drop.
 */
function toShortText(bytes: Uint8Array): string | undefined {
  if (bytes.length > shortTextBytes || bytes[0] === 0xef || !isUtf8(bytes)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function tooMuch(count: number): HostError {
  return new HostError(
    'ERR_KV_VALUE',
    `Cannot get ${count} keys at once: their values have more than ${maxValueBytes} bytes; get fewer`,
  );
}

function headOf({ metadata, version }: KvFound): { readonly metadata: unknown; readonly version: string } {
  return { metadata, version };
}

function toRead(value: unknown, found: readonly (KvFound | undefined)[]): Read {
  const parts = found.flatMap((one) => (one === undefined ? [] : [one.bytes]));
  return { value, parts, length: parts.reduce((sum, { length }) => sum + length, 0) };
}

function inline(found: Read): Answer {
  return found.parts.length === 0 ? { value: found.value } : { value: found.value, bytes: joined(found) };
}

function joined({ parts }: Read): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(parts));
}
