import type { Answer, Attachment, Binding, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import type { Store } from '#bindings/store/store.ts';
import { parseArguments, parseDelta, parseKey, parseListOptions, parsePutOptions } from './arguments.ts';
import { Budget } from './budget.ts';
import type { Hold } from './budget.ts';
import { parseKvConfig } from './config.ts';
import { Counters } from './counters.ts';
import { heldBytes, inlineValueBytes, maxValueBytes } from './limits.ts';
import { KvNamespace } from './namespace.ts';
import type { KvFound } from './namespace.ts';
import { streamPieces } from './pieces.ts';
import { encodeHead, gatherValue } from './value.ts';

export interface KvOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * The `kv` binding: Workers KV by its documentation, strongly consistent. Config: a namespace, `{ namespace }`, or
 * nothing for the function's own, named "<function>/<NAME>". A namespace is shared by every function of a cordon that
 * names it, and by none of another. Operations: get, put, delete, list, increment (README, "The path of a call").
 */
export function createKvBinding(store: Store, options: KvOptions = {}): Binding {
  const now = options.now ?? Date.now;
  const counters = new Counters(store);
  return {
    kind: 'kv',
    parse: parseKvConfig,
    attach(declaration, deployment): Attachment {
      const name =
        parseKvConfig(declaration.config).namespace ?? `${deployment.function}/${declaration.name}`;
      const shared: Shared = {
        namespace: new KvNamespace(store, deployment.cordon, name),
        counters,
        reading: new Budget(heldBytes),
        writing: new Budget(heldBytes),
        now,
      };
      return { grant: (context) => new KvGrant(shared, context) };
    },
  };
}

/** What the grants of one deployment share. */
interface Shared {
  readonly namespace: KvNamespace;
  /** Of the store: functions that share a namespace count together. */
  readonly counters: Counters;
  readonly reading: Budget;
  readonly writing: Budget;
  readonly now: () => number;
}

class KvGrant implements Grant {
  readonly #shared: Shared;
  readonly #signal: AbortSignal;

  constructor(shared: Shared, context: GrantContext) {
    this.#shared = shared;
    this.#signal = context.signal;
  }

  async call(operation: Operation): Promise<Answer> {
    const args = parseArguments(operation.args);
    switch (operation.method) {
      case 'get':
        return this.#get(parseKey(args['key']));
      case 'put':
        return this.#put(parseKey(args['key']), args, operation);
      case 'delete':
        await this.#shared.namespace.delete(parseKey(args['key']));
        return {};
      case 'list':
        return this.#list(args);
      case 'increment':
        return this.#increment(parseKey(args['key']), parseDelta(args['delta']));
      default:
        throw new TypeError(
          `KV has no method ${JSON.stringify(operation.method.slice(0, 100))}; use get, put, delete, list or increment`,
        );
    }
  }

  async #get(key: string): Promise<Answer> {
    const { namespace, reading } = this.#shared;
    const found = await namespace.get(key);
    if (found === undefined) return { value: null };
    if (found.bytes.length <= inlineValueBytes) return { value: headOf(found), bytes: found.bytes };
    const hold = reading.tryHold(found.bytes.length);
    return hold === undefined ? this.#getInTurn(key) : this.#stream(found, hold);
  }

  /** Others of this deployment hold what memory there is: let the value go, wait, and read it again. */
  async #getInTurn(key: string): Promise<Answer> {
    const { namespace, reading } = this.#shared;
    const hold = await reading.hold(maxValueBytes, this.#signal);
    try {
      const found = await namespace.get(key);
      if (found !== undefined) {
        hold.shrink(found.bytes.length);
        return this.#stream(found, hold);
      }
    } catch (error) {
      hold.release();
      throw error;
    }
    hold.release();
    return { value: null };
  }

  #stream(found: KvFound, hold: Hold): Answer {
    return { value: headOf(found), stream: streamPieces(found.bytes, hold, this.#signal) };
  }

  async #put(key: string, args: Readonly<Record<string, unknown>>, operation: Operation): Promise<Answer> {
    const { namespace, writing, now } = this.#shared;
    const options = parsePutOptions(args, now());
    const hold = operation.stream === undefined ? undefined : await writing.hold(maxValueBytes, this.#signal);
    try {
      const stored = await gatherValue(encodeHead(options.metadata), operation.stream ?? operation.bytes);
      const version = await namespace.put(key, stored, options, now());
      return { value: version === undefined ? { ok: false } : { ok: true, version } };
    } finally {
      hold?.release();
    }
  }

  async #list(args: Readonly<Record<string, unknown>>): Promise<Answer> {
    const { keys, cursor } = await this.#shared.namespace.list(parseListOptions(args));
    return {
      value: cursor === undefined ? { keys, list_complete: true } : { keys, list_complete: false, cursor },
    };
  }

  async #increment(key: string, delta: number): Promise<Answer> {
    const { namespace, counters } = this.#shared;
    return { value: await counters.add(namespace.counter(key), delta) };
  }
}

function headOf({ metadata, version }: KvFound): { readonly metadata: unknown; readonly version: string } {
  return { metadata, version };
}
