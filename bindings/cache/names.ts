import type { Store } from '#bindings/store/store.ts';
import { maxCaches } from './limits.ts';

/** The names of one function's caches, in the order they were opened. `caches.default` is not among them. */
export class NamesOfCaches {
  readonly #store: Store;
  readonly #key: string;
  #names: readonly string[];

  constructor(store: Store, space: string, names: readonly string[]) {
    this.#store = store;
    this.#key = namesKey(space);
    this.#names = names;
  }

  list(): readonly string[] {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  /** RangeError beyond the most that there may be. */
  async add(name: string): Promise<void> {
    if (this.has(name)) return;
    if (this.#names.length >= maxCaches)
      throw new RangeError(`Cannot open a cache: there are ${maxCaches}; delete one first`);
    await this.#save([...this.#names, name]);
  }

  /** False when there was none. */
  async remove(name: string): Promise<boolean> {
    if (!this.has(name)) return false;
    await this.#save(this.#names.filter((known) => known !== name));
    return true;
  }

  /** In memory first: what comes meanwhile builds on it. */
  async #save(names: readonly string[]): Promise<void> {
    this.#names = names;
    await this.#store.write([{ kind: 'put', key: this.#key, value: Buffer.from(JSON.stringify(names)) }]);
  }
}

export function namesKey(space: string): string {
  return `${space}names`;
}

export async function loadNames(store: Store, space: string): Promise<readonly string[]> {
  const entry = await store.get(namesKey(space));
  return entry === undefined ? [] : (JSON.parse(Buffer.from(entry.value).toString()) as string[]);
}
