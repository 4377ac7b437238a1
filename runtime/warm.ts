import { LRUCache } from 'lru-cache';
import type { GoneReason } from './frames.ts';

/** What the cache keeps: anything with a size that may be busy. */
export interface WarmItem {
  readonly memoryBytes: number;
  readonly inFlight: number;
}

export interface WarmOptions<Item> {
  /** Room for instances, in bytes. */
  readonly bytes: number;
  /** An instance unused for this long goes, in ms. */
  readonly idleMs: number;
  /** Called once for each instance that has to go, with the reason. It may still be busy: let it finish its calls. */
  readonly evicted: (id: number, item: Item, reason: GoneReason) => void;
}

/** The cache looks at a size again only when the value is another object. */
interface Holder<Item> {
  readonly item: Item;
}

/** Smallest size counted for an instance: what an empty isolate takes of the process. */
const leastBytes = 2 ** 20;
/** How often sizes are brought up to date, at the most, in ms. */
const resizeMs = 500;

/**
 * Warm instances of one cell, least recently used first, sized in bytes of heap. Instances that minWarm asked for are
 * kept outside the order: never idle, never in the way.
 */
export class Warm<Item extends WarmItem> {
  readonly #cache: LRUCache<number, Holder<Item>>;
  readonly #kept: Map<number, Item> = new Map();
  readonly #evicted: WarmOptions<Item>['evicted'];
  readonly #timer: NodeJS.Timeout;
  readonly #sizedAt: Map<number, number> = new Map();
  readonly counts: Record<GoneReason, number> = { idle: 0, full: 0, replaced: 0, unhealthy: 0 };
  #reason: GoneReason | undefined;

  constructor(options: WarmOptions<Item>) {
    this.#evicted = options.evicted;
    this.#cache = new LRUCache<number, Holder<Item>>({
      maxSize: options.bytes,
      ttl: options.idleMs,
      updateAgeOnGet: true,
      dispose: ({ item }, id, why) => {
        if (why !== 'set') this.#gone(id, item, this.#reason ?? (why === 'expire' ? 'idle' : 'full'));
      },
    });
    const every = Math.max(10, Math.min(options.idleMs / 4, 1000));
    this.#timer = setInterval(() => this.#purge(), every);
    this.#timer.unref();
  }

  get size(): number {
    return this.#cache.size + this.#kept.size;
  }

  get bytes(): number {
    let bytes = this.#cache.calculatedSize;
    for (const item of this.#kept.values()) bytes += Math.max(leastBytes, item.memoryBytes);
    return bytes;
  }

  /** Takes in a started instance; others may have to go for it, at once and before this returns. */
  add(id: number, item: Item, options: { readonly keep: boolean }): void {
    if (options.keep) {
      this.#kept.set(id, item);
      return;
    }
    const size = this.#sizeOf(item);
    this.#sizedAt.set(id, performance.now());
    this.#cache.set(id, { item }, { size });
  }

  get(id: number): Item | undefined {
    return this.#kept.get(id) ?? this.#cache.get(id)?.item;
  }

  /** Its memory may have changed. */
  resize(id: number): void {
    const now = performance.now();
    const last = this.#sizedAt.get(id);
    if (last === undefined || now - last < resizeMs) return;
    const held = this.#cache.peek(id);
    if (held === undefined) return;
    this.#sizedAt.set(id, now);
    this.#cache.set(id, { item: held.item }, { size: this.#sizeOf(held.item) });
  }

  /** Takes an instance out for a reason of the caller's. */
  remove(id: number, reason: GoneReason): void {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#kept.delete(id);
      this.#gone(id, kept, reason);
      return;
    }
    this.#reason = reason;
    this.#cache.delete(id);
    this.#reason = undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const id of this.#kept.keys()) this.remove(id, 'replaced');
    for (const id of Array.from(this.#cache.keys())) this.remove(id, 'replaced');
  }

  /** An instance larger than the whole cache is taken in all the same, alone. */
  #sizeOf(item: Item): number {
    return Math.min(Math.max(leastBytes, item.memoryBytes), this.#cache.maxSize);
  }

  #purge(): void {
    // A copy: each one asked for moves to the front, and a walk over the cache itself would meet it for ever.
    const all = Array.from(this.#cache.entries());
    for (const [id, { item }] of all) if (item.inFlight > 0) this.#cache.get(id);
    this.#cache.purgeStale();
  }

  #gone(id: number, item: Item, reason: GoneReason): void {
    this.counts[reason]++;
    this.#sizedAt.delete(id);
    this.#evicted(id, item, reason);
  }
}
