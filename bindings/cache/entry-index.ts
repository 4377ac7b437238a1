/** What the host keeps in memory of a stored response. */
export interface Kept {
  /** Of its head in the store. */
  readonly key: string;
  readonly id: string;
  /** Head and body. */
  readonly bytes: number;
  readonly pieces: number;
  readonly expiresAt: number;
}

/** The stored responses of one function, the longest unused first, and their bytes. */
export class EntryIndex {
  readonly #entries: Map<string, Kept> = new Map();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Kept | undefined {
    return this.#entries.get(key);
  }

  add(entry: Kept): void {
    this.remove(entry.key);
    this.#entries.set(entry.key, entry);
    this.#bytes += entry.bytes;
  }

  /** It was used just now. */
  touch(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  remove(key: string): Kept | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    return entry;
  }

  /** The store has forgotten what expired; so does this. */
  forgetExpired(nowMs: number): void {
    for (const entry of this.#entries.values()) if (entry.expiresAt <= nowMs) this.remove(entry.key);
  }

  /** The longest unused first. */
  longestUnused(): Kept | undefined {
    return this.#entries.values().next().value;
  }
}
