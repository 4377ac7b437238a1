const firstRoom = 256;
/** Copied by every table: to fill one costs 50 us of a start. */
const noIds: readonly number[] = empty(firstRoom);
const noValues: readonly undefined[] = Array.from({ length: firstRoom });

/**
 * Values by number, for numbers that come in rising order and live briefly: invocations. A Map would do but for V8's
 * collector: each time a Map is rehashed its old table points at the new one, and one old table that outlived its
 * youth keeps every later table, and all that was ever in them, alive until a full collection. With a Map here,
 * scavenges of the host took 14 ms instead of 1 (bench: warm).
 */
export class IdTable<Value> {
  #ids: number[];
  #values: (Value | undefined)[];
  #mask: number;
  #count = 0;
  /** Values whose place was taken by one that lives long. */
  readonly #displaced: Map<number, Value> = new Map();

  constructor() {
    this.#mask = firstRoom - 1;
    this.#ids = noIds.slice();
    this.#values = noValues.slice();
  }

  get size(): number {
    return this.#count + this.#displaced.size;
  }

  get(id: number): Value | undefined {
    const at = id & this.#mask;
    if (this.#ids[at] === id) return this.#values[at];
    return this.#displaced.size === 0 ? undefined : this.#displaced.get(id);
  }

  /** `id`: a positive integer that is not in the table. */
  add(id: number, value: Value): void {
    if (this.#count * 2 > this.#mask) this.#grow();
    const at = id & this.#mask;
    if (this.#ids[at] !== 0) {
      this.#displaced.set(id, value);
      return;
    }
    this.#ids[at] = id;
    this.#values[at] = value;
    this.#count++;
  }

  /** Takes the value out and gives it. */
  take(id: number): Value | undefined {
    const at = id & this.#mask;
    if (this.#ids[at] !== id) {
      if (this.#displaced.size === 0) return undefined;
      const displaced = this.#displaced.get(id);
      this.#displaced.delete(id);
      return displaced;
    }
    const value = this.#values[at];
    this.#ids[at] = 0;
    this.#values[at] = undefined;
    this.#count--;
    return value;
  }

  /** All values, as they are now. */
  values(): Value[] {
    const found = [...this.#displaced.values()];
    for (let at = 0; at <= this.#mask; at++) if (this.#ids[at] !== 0) found.push(this.#values[at] as Value);
    return found;
  }

  clear(): void {
    this.#ids.fill(0);
    this.#values.fill(undefined);
    this.#displaced.clear();
    this.#count = 0;
  }

  #grow(): void {
    const ids = this.#ids;
    const values = this.#values;
    const room = ids.length * 4;
    this.#mask = room - 1;
    this.#ids = empty(room);
    this.#values = Array.from<Value | undefined>({ length: room });
    this.#count = 0;
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? 0;
      if (id !== 0) this.add(id, values[at] as Value);
    }
  }
}

function empty(room: number): number[] {
  return Array.from({ length: room }, () => 0);
}
