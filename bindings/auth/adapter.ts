import { atomically, conflict, Rows, type RowsOptions } from './rows.ts';
import { compare, type Clause, type Row } from './where.ts';

/** The library's CustomAdapter (createAdapterFactory), over rows. Dates come as ISO 8601 text, lists and JSON as text. */
export interface RowAdapter {
  create(query: { readonly model: string; readonly data: Row }): Promise<Row>;
  findOne(query: { readonly model: string; readonly where: readonly Clause[] }): Promise<Row | null>;
  findMany(query: ManyQuery): Promise<Row[]>;
  count(query: { readonly model: string; readonly where?: readonly Clause[] }): Promise<number>;
  update(query: Update): Promise<Row | null>;
  updateMany(query: Update): Promise<number>;
  delete(query: Selection): Promise<void>;
  deleteMany(query: Selection): Promise<number>;
  consumeOne(query: Selection): Promise<Row | null>;
  incrementOne(query: Increment): Promise<Row | null>;
}

export interface Selection {
  readonly model: string;
  readonly where: readonly Clause[];
}

export interface ManyQuery {
  readonly model: string;
  readonly where?: readonly Clause[];
  readonly limit?: number;
  readonly offset?: number;
  readonly sortBy?: { readonly field: string; readonly direction: 'asc' | 'desc' };
}

export interface Update extends Selection {
  readonly update: Row;
}

export interface Increment extends Selection {
  readonly increment: Readonly<Record<string, number>>;
  readonly set?: Row;
}

/** Each operation is a transaction of its own. */
export function createRowAdapter(options: RowsOptions): RowAdapter {
  return adapterOver((work) => atomically(options, work));
}

/**
 * Operations of `work` are one write at its end. Rejects with HostError ERR_CONFLICT when others changed what it changes,
 * or took a unique value it takes; `work` is not repeated, for it may have done more than write.
 */
export async function inTransaction<T>(
  options: RowsOptions,
  work: (adapter: RowAdapter) => Promise<T>,
): Promise<T> {
  const rows = new Rows(options);
  const result = await work(adapterOver((operation) => operation(rows)));
  if (await rows.commit()) return result;
  throw conflict();
}

/** The same, with no rows of `model` but those whose `field` is one of `values`. */
export function withOnly(
  adapter: RowAdapter,
  only: { readonly model: string; readonly field: string; readonly values: readonly string[] },
): RowAdapter {
  const shows = (model: string, row: Row | null): boolean =>
    row !== null && (model !== only.model || only.values.includes(String(row[only.field])));
  return {
    ...adapter,
    async findOne(query) {
      const row = await adapter.findOne(query);
      return shows(query.model, row) ? row : null;
    },
    findMany: async (query) => (await adapter.findMany(query)).filter((row) => shows(query.model, row)),
  };
}

type Run = <T>(operation: (rows: Rows) => Promise<T>) => Promise<T>;

function adapterOver(run: Run): RowAdapter {
  return {
    create: ({ model, data }) =>
      run(async (rows) => {
        await rows.insert(model, data);
        return data;
      }),
    findOne: ({ model, where }) => run(async (rows) => (await rows.find(model, where))[0] ?? null),
    findMany: ({ model, where = [], limit, offset = 0, sortBy }) =>
      run(async (rows) => {
        const found = [...(await rows.find(model, where))];
        if (sortBy !== undefined) found.sort((left, right) => order(left, right, sortBy));
        return found.slice(offset, limit === undefined ? undefined : offset + limit);
      }),
    count: ({ model, where = [] }) => run(async (rows) => (await rows.find(model, where)).length),
    update: (query) => run(async (rows) => (await updated(rows, query, 1))[0] ?? null),
    updateMany: (query) => run(async (rows) => (await updated(rows, query, Infinity)).length),
    delete: async (query) => {
      await run((rows) => deleted(rows, query, 1));
    },
    deleteMany: (query) => run(async (rows) => (await deleted(rows, query, Infinity)).length),
    consumeOne: (query) => run(async (rows) => (await deleted(rows, query, 1))[0] ?? null),
    incrementOne: ({ increment, set = {}, ...query }) =>
      run(async (rows) => {
        const [row] = await rows.find(query.model, query.where);
        if (row === undefined) return null;
        const sums = Object.entries(increment).map(([field, delta]) => [
          field,
          Number(row[field] ?? 0) + delta,
        ]);
        const after = { ...row, ...(Object.fromEntries(sums) as Row), ...set };
        await rows.put(query.model, after);
        return after;
      }),
  };
}

async function updated(rows: Rows, { model, where, update }: Update, most: number): Promise<readonly Row[]> {
  const found = (await rows.find(model, where)).slice(0, most);
  const after = found.map((row) => ({ ...row, ...update, id: row['id'] }));
  for (const row of after) await rows.put(model, row);
  return after;
}

async function deleted(rows: Rows, { model, where }: Selection, most: number): Promise<readonly Row[]> {
  const found = (await rows.find(model, where)).slice(0, most);
  for (const row of found) await rows.delete(model, row);
  return found;
}

function order(left: Row, right: Row, { field, direction }: NonNullable<ManyQuery['sortBy']>): number {
  const order = compare(left[field], right[field]);
  return direction === 'asc' ? order : -order;
}
