const emailPattern = /^[^\s@<>()[\]\\,;:"]{1,64}@[^\s@<>()[\]\\,;:"]{1,189}$/u;

/** What a guest sent: JSON of any shape. Readers throw a TypeError that names the member. */
export class Arguments {
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(args: unknown) {
    if (args !== null && args !== undefined && (typeof args !== 'object' || Array.isArray(args))) {
      throw new TypeError('AUTH operations take an object');
    }
    this.#given = { __proto__: null, ...args };
  }

  has(name: string): boolean {
    return this.#given[name] !== undefined && this.#given[name] !== null;
  }

  get(name: string): unknown {
    return this.#given[name];
  }

  /** Up to `most` UTF-16 units, no control characters; undefined when it was not given. */
  text(name: string, most: number): string | undefined {
    const value = this.#given[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw new TypeError(`AUTH ${name} is a string`);
    if (value.length > most)
      throw new TypeError(`AUTH ${name} has ${value.length} characters; use ${most} at most`);
    if (/\p{Cc}/u.test(value) || !value.isWellFormed())
      throw new TypeError(`AUTH ${name} holds control characters`);
    return value;
  }

  /** An address, in lower case. */
  email(name: string): string {
    const value = this.text(name, 254)?.toLowerCase();
    if (value !== undefined && emailPattern.test(value)) return value;
    throw new TypeError(`AUTH ${name} is no e-mail address; use one, e.g. "user@example.com"`);
  }

  flag(name: string): boolean | undefined {
    const value = this.#given[name];
    if (value === undefined || value === null || typeof value === 'boolean') return value ?? undefined;
    throw new TypeError(`AUTH ${name} is true or false`);
  }

  whole(name: string, [least, most]: readonly [number, number]): number | undefined {
    const value = this.#given[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new TypeError(`AUTH ${name} is a whole number from ${least} to ${most}`);
  }

  missing(name: string): never {
    throw new TypeError(`AUTH ${name} is missing`);
  }
}
