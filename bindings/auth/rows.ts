import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import type { Change, Check, Store } from '#bindings/store/store.ts';
import { lastOf, type Places } from './places.ts';
import { pages } from './roster.ts';
import type { Schema } from './schema.ts';
import { matches, type Clause, type Row } from './where.ts';

/** One row as a transaction changes it. */
export interface RowChange {
  readonly model: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export interface RowsOptions {
  readonly store: Store;
  readonly places: Places;
  readonly schema: Schema;
  /** What else is written when these rows change, in the same write. */
  readonly alongside?: (changes: readonly RowChange[]) => readonly Change[];
  /** Called when they are durable. */
  readonly committed?: (changes: readonly RowChange[]) => void;
}

interface Seen {
  readonly row: Row | undefined;
  /** 0: not there. */
  readonly revision: number;
}

/** An operation outside of a transaction is done again this often when others write the same rows. */
const mostAttempts = 50;

/** Runs `work` and commits it; again when another write came between. `work` must be repeatable. */
export async function atomically<T>(options: RowsOptions, work: (rows: Rows) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const rows = new Rows(options);
    const result = await work(rows);
    if (await rows.commit()) return result;
    if (attempt === mostAttempts) throw conflict();
  }
}

/** What a transaction that others came before rejects with. */
export function conflict(): HostError {
  return new HostError('ERR_CONFLICT', 'Cannot write: others changed the same rows meanwhile; try again');
}

/**
 * Rows of a pool as one transaction sees them: what is stored with its own changes over it. `commit` writes all of them
 * at once, provided that no row it changes was changed by others since, and that unique values are still free.
 */
export class Rows {
  readonly #options: RowsOptions;
  /** Rows read, by key. */
  readonly #seen = new Map<string, Seen>();
  /** Rows written, by key. */
  readonly #changed = new Map<string, RowChange>();

  constructor(options: RowsOptions) {
    this.#options = options;
  }

  async get(model: string, id: string): Promise<Row | undefined> {
    const key = this.#options.places.row(model, id);
    const changed = this.#changed.get(key);
    return changed === undefined ? (await this.#read(key)).row : changed.after;
  }

  /** Rows that the clauses mean, by index where one serves; in order of their ids. */
  async find(model: string, where: readonly Clause[]): Promise<readonly Row[]> {
    const ids = await this.#candidates(model, where);
    const stored = ids === undefined ? await this.#all(model) : await this.#some(model, ids);
    const found = new Map(stored.map((row) => [this.#keyOf(model, row), row]));
    for (const [key, { model: changed, after }] of this.#changed) {
      if (changed !== model) continue;
      if (after === undefined) found.delete(key);
      else found.set(key, after);
    }
    return [...found.values()].filter((row) => matches(row, where));
  }

  /** Throws TypeError when there is one with this id. */
  async insert(model: string, row: Row): Promise<void> {
    if ((await this.get(model, idOf(row))) !== undefined)
      throw new TypeError(`A ${model} has this id already`);
    await this.put(model, row);
  }

  async put(model: string, row: Row): Promise<void> {
    const key = this.#keyOf(model, row);
    const { row: before } = await this.#read(key);
    await this.#checkUnique(model, row);
    this.#changed.set(key, { model, before, after: row });
  }

  /** With all that falls with it. */
  async delete(model: string, row: Row): Promise<void> {
    const key = this.#keyOf(model, row);
    const { row: before } = await this.#read(key);
    if (before === undefined) this.#changed.delete(key);
    else this.#changed.set(key, { model, before, after: undefined });
    for (const { model: child, field, on } of this.#options.schema.dependents(model)) {
      const pointing: Clause = {
        field,
        operator: 'eq',
        value: row['id'],
        connector: 'AND',
        mode: 'sensitive',
      };
      for (const dependent of await this.find(child, [pointing])) {
        if (on === 'cascade') await this.delete(child, dependent);
        else await this.put(child, { ...dependent, [field]: null });
      }
    }
  }

  /** False when others were first: nothing was written then. Throws TypeError when a unique value is taken by now. */
  async commit(): Promise<boolean> {
    if (this.#changed.size === 0) return true;
    const changes: Change[] = [];
    const checks = new Map<string, Check>();
    const rowChanges = [...this.#changed.values()];
    for (const [key, change] of this.#changed) {
      checks.set(key, { key, revision: this.#seen.get(key)?.revision ?? 0 });
      changes.push(...this.#writes(key, change));
    }
    const written = new Map(changes.map((change) => [change.key, change]));
    // Values taken over from a row that gives them up stay theirs; others must be free.
    for (const { model, before, after } of rowChanges) {
      if (after === undefined) continue;
      for (const key of this.#uniqueKeys(model, after)) {
        const held = before !== undefined && this.#uniqueKeys(model, before).includes(key);
        if (!held && !this.#givenUp(key)) checks.set(key, { key, revision: 0 });
      }
    }
    const alongside = this.#options.alongside?.(rowChanges) ?? [];
    const result = await this.#options.store.write([...written.values(), ...alongside], [...checks.values()]);
    if (result.ok) this.#options.committed?.(rowChanges);
    return result.ok;
  }

  #givenUp(key: string): boolean {
    return [...this.#changed.values()].some(
      ({ model, before }) => before !== undefined && this.#uniqueKeys(model, before).includes(key),
    );
  }

  /** Deletes before puts, so that a value handed from one row to another ends as put. */
  #writes(key: string, { model, before, after }: RowChange): readonly Change[] {
    const changes: Change[] = [];
    const now = after === undefined ? new Set<string>() : new Set(this.#indexKeys(model, after));
    if (before !== undefined) {
      for (const old of this.#indexKeys(model, before))
        if (!now.has(old)) changes.push({ kind: 'delete', key: old });
    }
    if (after === undefined) return [...changes, { kind: 'delete', key }];
    const expiry = this.#expiryOf(model, after);
    const value = Buffer.from(JSON.stringify(after));
    changes.push({ kind: 'put', key, value, ...expiry });
    const id = Buffer.from(idOf(after));
    const sameExpiry = before !== undefined && this.#expiryOf(model, before).expiresAt === expiry.expiresAt;
    const old = sameExpiry ? new Set(this.#indexKeys(model, before)) : new Set<string>();
    for (const index of now)
      if (!old.has(index)) changes.push({ kind: 'put', key: index, value: id, ...expiry });
    return changes;
  }

  #expiryOf(model: string, row: Row): { readonly expiresAt?: number } {
    const field = this.#options.schema.indexes(model).expires;
    const at = field === undefined ? NaN : Date.parse(String(row[field]));
    return Number.isNaN(at) ? {} : { expiresAt: at };
  }

  async #checkUnique(model: string, row: Row): Promise<void> {
    for (const field of this.#options.schema.indexes(model).unique) {
      if (row[field] === undefined || row[field] === null) continue;
      const taken: Clause = { field, operator: 'eq', value: row[field], connector: 'AND', mode: 'sensitive' };
      const others = await this.find(model, [taken]);
      if (others.some((other) => other['id'] !== row['id']))
        throw new TypeError(`A ${model} has this ${field} already`);
    }
  }

  /** Ids that an index gives for one of the clauses; undefined when every row has to be looked at. */
  async #candidates(model: string, where: readonly Clause[]): Promise<readonly string[] | undefined> {
    const { unique, indexed } = this.#options.schema.indexes(model);
    const usable = where.filter(
      ({ connector, mode, value, operator }) =>
        (connector !== 'OR' &&
          mode !== 'insensitive' &&
          operator === 'eq' &&
          value !== null &&
          value !== undefined) ||
        (connector !== 'OR' && mode !== 'insensitive' && operator === 'in' && Array.isArray(value)),
    );
    const on = (names: readonly string[]): Clause | undefined =>
      usable.find(({ field }) => names.includes(field));
    const byId = on(['id']);
    if (byId !== undefined) return valuesOf(byId).map(String);
    const { places, store } = this.#options;
    const byUnique = on(unique);
    if (byUnique !== undefined) {
      const keys = valuesOf(byUnique).map((value) => places.unique(model, byUnique.field, value));
      const entries = await Promise.all(keys.map(async (key) => await store.get(key)));
      return entries.flatMap((entry) => (entry === undefined ? [] : [Buffer.from(entry.value).toString()]));
    }
    const byIndex = on(indexed);
    if (byIndex === undefined) return undefined;
    const prefixes = valuesOf(byIndex).map((value) => places.index(model, byIndex.field, value));
    const entries = await Promise.all(prefixes.map((prefix) => store.list({ prefix, keysOnly: true })));
    return entries.flat().map(({ key }) => lastOf(key));
  }

  async #some(model: string, ids: readonly string[]): Promise<readonly Row[]> {
    const rows = await Promise.all(
      [...new Set(ids)].map((id) => this.#read(this.#options.places.row(model, id)).then(({ row }) => row)),
    );
    return rows.filter((row) => row !== undefined);
  }

  async #all(model: string): Promise<readonly Row[]> {
    const { store, places } = this.#options;
    const rows: Row[] = [];
    for await (const page of pages(store, { prefix: places.rows(model) })) {
      for (const { key, value, revision } of page) {
        const seen = this.#seen.get(key);
        const row = seen?.row ?? decode(value);
        if (seen === undefined) this.#seen.set(key, { row, revision });
        rows.push(row);
      }
    }
    return rows;
  }

  async #read(key: string): Promise<Seen> {
    const before = this.#seen.get(key);
    if (before !== undefined) return before;
    const entry = await this.#options.store.get(key);
    const seen =
      entry === undefined
        ? { row: undefined, revision: 0 }
        : { row: decode(entry.value), revision: entry.revision };
    // Two reads at once: the first answer is the transaction's.
    const first = this.#seen.get(key);
    if (first !== undefined) return first;
    this.#seen.set(key, seen);
    return seen;
  }

  #indexKeys(model: string, row: Row): readonly string[] {
    const { places, schema } = this.#options;
    const id = idOf(row);
    const listed = schema
      .indexes(model)
      .indexed.filter((field) => row[field] !== undefined && row[field] !== null)
      .map((field) => places.index(model, field, row[field]) + encodeURIComponent(id));
    return [...this.#uniqueKeys(model, row), ...listed];
  }

  #uniqueKeys(model: string, row: Row): readonly string[] {
    return this.#options.schema
      .indexes(model)
      .unique.filter((field) => row[field] !== undefined && row[field] !== null)
      .map((field) => this.#options.places.unique(model, field, row[field]));
  }

  #keyOf(model: string, row: Row): string {
    return this.#options.places.row(model, idOf(row));
  }
}

function valuesOf({ value }: Clause): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function idOf(row: Row): string {
  return String(row['id']);
}

function decode(value: Uint8Array): Row {
  return JSON.parse(Buffer.from(value).toString()) as Row;
}
