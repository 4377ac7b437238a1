import { compareKeys } from './store-model.ts';

/** A key as KV should have it; `version` as it was answered. */
export interface Held {
  readonly text: string;
  readonly metadata: unknown;
  /** Seconds since the epoch. */
  readonly expiration: number | undefined;
  readonly version: string | undefined;
}

/** What KV says, one operation after the other: the law that the binding is held to. */
export class KvModel {
  readonly #held: Map<string, Held>;
  nowMs: number;

  constructor(nowMs: number, held: ReadonlyMap<string, Held> = new Map()) {
    this.nowMs = nowMs;
    this.#held = new Map(held);
  }

  copy(): KvModel {
    return new KvModel(this.nowMs, this.#held);
  }

  get(key: string): Held | undefined {
    const held = this.#held.get(key);
    const over = held?.expiration !== undefined && held.expiration * 1000 <= this.nowMs;
    return over ? undefined : held;
  }

  put(key: string, text: string, more: { ttl?: number | undefined; metadata?: unknown } = {}): void {
    const expiration = more.ttl === undefined ? undefined : Math.floor(this.nowMs / 1000) + more.ttl;
    this.#held.set(key, { text, metadata: more.metadata ?? null, expiration, version: undefined });
  }

  delete(key: string): void {
    this.#held.delete(key);
  }

  /** The sum, or undefined where there is no number. */
  increment(key: string, delta: number): number | undefined {
    const held = this.get(key);
    if (held !== undefined && !/^(?:0|-?[1-9]\d{0,14})$/.test(held.text)) return undefined;
    const sum = Number(held?.text ?? 0) + delta;
    const { metadata = null, expiration } = held ?? {};
    this.#held.set(key, { text: String(sum), metadata, expiration, version: undefined });
    return sum;
  }

  /** What the real one answered for the last write of it. */
  learn(key: string, version: string): void {
    const held = this.#held.get(key);
    if (held !== undefined) this.#held.set(key, { ...held, version });
  }

  /** Keys in order, with what `list` says of them. */
  list(): readonly { readonly name: string; readonly held: Held }[] {
    return [...this.#held.keys()].toSorted(compareKeys).flatMap((name) => {
      const held = this.get(name);
      return held === undefined ? [] : [{ name, held }];
    });
  }
}
