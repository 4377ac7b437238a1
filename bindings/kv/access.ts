import type { ChangeEvent, Entry, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import type { Place } from './config.ts';

export type Access = 'read' | 'write';

/** A namespace that another cordon may use. */
export interface KvGrantRecord extends Place {
  readonly to: string;
  /** `write` includes reading. */
  readonly access: Access;
}

/** `kvg/<cordon>/<namespace>/<to>`, each percent-encoded; the value is `{ "access": "read" | "write" }` as JSON. */
const prefix = 'kvg/';
/** Until a store that broke off is watched again. */
const retryMs = 200;

interface Known {
  readonly revision: number;
  /** Undefined once it is revoked. */
  readonly record: KvGrantRecord | undefined;
}

/**
 * Which cordon may use which namespace of another, as the operator said. Kept in memory, so that every operation can ask,
 * and follows the store: what another host grants or revokes is known here as soon as it is committed.
 */
export class KvAccess {
  readonly #store: Store;
  readonly #abort = new AbortController();
  #known: Map<string, Known> = new Map();

  /** Reads what is granted. Rejects with the store's errors. */
  static async open(store: Store): Promise<KvAccess> {
    const access = new KvAccess(store);
    const events = store.watch(prefix, access.#abort.signal);
    await access.#load();
    void access.#follow(events);
    return access;
  }

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Throws HostError ERR_NOT_GRANTED unless `cordon` may do this there. Its own namespaces need no grant. */
  require(place: Place, cordon: string, wanted: Access): void {
    if (place.cordon === cordon) return;
    const access = this.#known.get(toKey(place, cordon))?.record?.access;
    if (access === 'write' || access === wanted) return;
    const name = JSON.stringify(`${place.cordon}:${place.namespace}`);
    const flag = wanted === 'read' ? ' --read' : '';
    throw new HostError(
      'ERR_NOT_GRANTED',
      `Cannot ${wanted} KV namespace ${name}: cordon "${cordon}" has ${access ?? 'no'} access; ` +
        `run \`islet kv grant ${place.cordon}:${place.namespace} --to ${cordon}${flag}\`, or use a namespace of its own`,
    );
  }

  /** In order of cordon, namespace and who has it. */
  list(): readonly KvGrantRecord[] {
    const keys = [...this.#known.keys()].toSorted();
    return keys.flatMap((key) => this.#known.get(key)?.record ?? []);
  }

  /** Holds from the moment it resolves; replaces what was granted before. */
  async grant(record: KvGrantRecord): Promise<void> {
    const key = toKey(record, record.to);
    const value = Buffer.from(JSON.stringify({ access: record.access }));
    const written = await this.#store.write([{ kind: 'put', key, value }]);
    if (written.ok) this.#note(key, { revision: written.revision, record });
  }

  /** Nothing more is done on the strength of it once this resolves. */
  async revoke(place: Place, to: string): Promise<void> {
    const key = toKey(place, to);
    const written = await this.#store.write([{ kind: 'delete', key }]);
    if (written.ok) this.#note(key, { revision: written.revision, record: undefined });
  }

  close(): void {
    this.#abort.abort();
  }

  async #load(): Promise<void> {
    const entries = await this.#store.list({ prefix });
    this.#known = new Map(entries.map((entry) => [entry.key, toKnown(entry)]));
  }

  async #follow(events: AsyncIterable<ChangeEvent>): Promise<void> {
    let following = events;
    while (!this.#abort.signal.aborted) {
      try {
        for await (const event of following) {
          if (event.kind === 'put') this.#note(event.entry.key, toKnown(event.entry));
          else this.#note(event.key, { revision: event.revision, record: undefined });
        }
        // The store was closed.
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
      try {
        following = this.#store.watch(prefix, this.#abort.signal);
        await this.#load();
      } catch (error) {
        if (error instanceof HostError && error.code === 'ERR_CLOSING') return;
      }
    }
  }

  /** What was written here is noted at once, and its event comes later: the newer one counts. */
  #note(key: string, known: Known): void {
    const before = this.#known.get(key)?.revision ?? 0;
    if (known.revision >= before) this.#known.set(key, known);
  }
}

function toKey({ cordon, namespace }: Place, to: string): string {
  return prefix + [cordon, namespace, to].map(encodeURIComponent).join('/');
}

function toKnown({ key, value, revision }: Entry): Known {
  const [cordon = '', namespace = '', to = ''] = key.slice(prefix.length).split('/').map(decodeURIComponent);
  const { access } = JSON.parse(Buffer.from(value).toString()) as { access: Access };
  return { revision, record: { cordon, namespace, to, access } };
}
