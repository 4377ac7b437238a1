import type { ChangeEvent, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import { parseFlag, parseText, parseWhole, refuseOption, toVersion } from './arguments.ts';
import { maxWatchChanges, maxWatchMs } from './limits.ts';
import { toExpiration, type KvNamespace } from './namespace.ts';
import { decodeValue } from './value.ts';
import { Watch } from './watch.ts';

export interface WatchOptions {
  readonly prefix: string;
  /** It ends after so many changes. */
  readonly limit?: number;
  /** It ends after so many milliseconds. */
  readonly timeoutMs?: number;
  /** All changes as one JSON value when it ends, for guests that read no streams. */
  readonly whole: boolean;
}

/** `whole` needs a `timeoutMs`, and has at most the changes that any watch keeps. */
export function parseWatchOptions(args: Readonly<Record<string, unknown>>): WatchOptions {
  const bound = (name: 'limit' | 'timeoutMs', most: number): { readonly [name]?: number } => {
    const given = args[name];
    if (given === undefined || given === null) return {};
    const value = parseWhole(name, given);
    if (value >= 1 && value <= most) return { [name]: value };
    throw refuseOption(`${name} is ${value}; use 1 to ${most}`);
  };
  const options = { ...bound('limit', maxWatchChanges), ...bound('timeoutMs', maxWatchMs) };
  const prefix = parseText('prefix', args['prefix']);
  const whole = parseFlag('whole', args['whole']) ?? false;
  if (!whole) return { prefix, whole, ...options };
  if (options.timeoutMs === undefined) throw refuseOption('whole is without timeoutMs; say when it ends');
  return { prefix, whole, limit: maxWatchChanges, ...options };
}

/** Who watches the keys of one namespace, behind one watch of the store. */
interface Hub {
  readonly watches: Set<Watch>;
  readonly abort: AbortController;
}

/** The watches of all namespaces of a store. Each namespace is watched once however many wait for its changes. */
export class Watches {
  readonly #store: Store;
  /** By the namespace's place in the store. */
  readonly #hubs = new Map<string, Hub>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Hears of every change that is committed after this call. `permit` is asked at each; what it throws ends the watch.
   * The signal ends it too. Throws the store's errors.
   */
  open(
    namespace: KvNamespace,
    options: WatchOptions,
    life: { readonly permit: () => void; readonly signal: AbortSignal; readonly ended: () => void },
  ): Watch {
    const prefix = namespace.place('').valueKey;
    const hub = this.#hubs.get(prefix) ?? this.#follow(namespace, prefix);
    const watch: Watch = new Watch(options, {
      ...life,
      ended: () => {
        hub.watches.delete(watch);
        if (hub.watches.size === 0) this.#close(prefix, hub);
        life.ended();
      },
    });
    hub.watches.add(watch);
    watch.start(life.signal);
    return watch;
  }

  #follow(namespace: KvNamespace, prefix: string): Hub {
    const hub: Hub = { watches: new Set(), abort: new AbortController() };
    const events = this.#store.watch(prefix, hub.abort.signal);
    this.#hubs.set(prefix, hub);
    void this.#hand(events, namespace, hub).then((error) => {
      this.#close(prefix, hub);
      for (const watch of hub.watches) watch.fail(error);
    });
    return hub;
  }

  /** Takes what is committed at once, so that nothing but short lines waits for slow readers; gives why it ended. */
  async #hand(events: AsyncIterable<ChangeEvent>, namespace: KvNamespace, hub: Hub): Promise<HostError> {
    try {
      for await (const event of events) {
        const key = namespace.nameOf(event.kind === 'put' ? event.entry.key : event.key);
        const line = toLine(key, event);
        for (const watch of hub.watches) watch.offer(key, line);
      }
    } catch {
      return new HostError(
        'ERR_KV_BEHIND',
        'Cannot go on watching: more was written at once than is kept; watch again, then list',
      );
    }
    return new HostError('ERR_CLOSING', 'Cannot go on watching: the host is closing');
  }

  #close(prefix: string, hub: Hub): void {
    if (this.#hubs.get(prefix) === hub) this.#hubs.delete(prefix);
    hub.abort.abort();
  }
}

function toLine(key: string, event: ChangeEvent): string {
  if (event.kind === 'delete') {
    return JSON.stringify({ key, kind: 'delete', version: toVersion(event.revision) });
  }
  const { entry } = event;
  const { metadata } = decodeValue(entry.value);
  return JSON.stringify({
    key,
    kind: 'put',
    version: toVersion(entry.revision),
    ...toExpiration(entry),
    ...(metadata === null ? {} : { metadata }),
  });
}
