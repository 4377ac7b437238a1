import * as fc from 'fast-check';
import t from 'tap';
import type { Test } from 'tap';
import { createRowAdapter, inTransaction } from '#bindings/auth/adapter.ts';
import { Places } from '#bindings/auth/places.ts';
import type { RowsOptions } from '#bindings/auth/rows.ts';
import { toSchema } from '#bindings/auth/schema.ts';
import { compare, matches, type Clause, type Row } from '#bindings/auth/where.ts';
import type { Store } from '#bindings/store/store.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const schema = toSchema({
  user: { modelName: 'user', fields: { email: { unique: true }, team: { index: true }, age: {} } },
  session: { modelName: 'session', fields: { userId: { references: { model: 'user' } }, expiresAt: {} } },
  note: { modelName: 'note', fields: { userId: { references: { model: 'user', onDelete: 'set null' } } } },
});

function rowsOf(store: Store, pool = 'main'): RowsOptions {
  return { store, places: new Places('default', pool), schema };
}

function clause(field: string, value: unknown, operator = 'eq'): Clause {
  return { field, operator, value, connector: 'AND', mode: 'sensitive' };
}

const id = fc.constantFrom('a', 'b', 'c', 'd/é');
const text = fc.constantFrom('x', 'X', 'y', 'x%2F', 'long'.repeat(50), '');
const team = fc.option(text, { nil: null });
const age = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null });
const user = fc.record({ id, email: text, team, age });
const where = fc.array(
  fc.oneof(
    fc.record({
      field: fc.constantFrom('id', 'email', 'team'),
      operator: fc.constantFrom('eq', 'ne', 'contains', 'starts_with', 'ends_with', 'lt', 'gte'),
      value: fc.oneof(id, text, fc.constant(null)),
      connector: fc.constantFrom('AND' as const, 'OR' as const),
      mode: fc.constantFrom('sensitive' as const, 'insensitive' as const),
    }),
    fc.record({
      field: fc.constantFrom('id', 'email', 'team'),
      operator: fc.constantFrom('in', 'not_in'),
      value: fc.array(text, { maxLength: 3 }),
      connector: fc.constant('AND' as const),
      mode: fc.constant('sensitive' as const),
    }),
    fc.record({
      field: fc.constant('age'),
      operator: fc.constantFrom('eq', 'lt', 'lte', 'gt', 'gte', 'ne'),
      value: age,
      connector: fc.constant('AND' as const),
      mode: fc.constant('sensitive' as const),
    }),
  ),
  { maxLength: 3 },
);

type Step =
  | { readonly kind: 'create'; readonly row: Row }
  | { readonly kind: 'update'; readonly where: Clause[]; readonly update: Row }
  | { readonly kind: 'delete'; readonly where: Clause[] }
  | { readonly kind: 'consume'; readonly where: Clause[] }
  | { readonly kind: 'increment'; readonly where: Clause[]; readonly by: number }
  | { readonly kind: 'find'; readonly where: Clause[] };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), row: user }),
  fc.record({ kind: fc.constant('update' as const), where, update: fc.record({ team, age }) }),
  fc.record({ kind: fc.constant('delete' as const), where }),
  fc.record({ kind: fc.constant('consume' as const), where }),
  fc.record({ kind: fc.constant('increment' as const), where, by: fc.integer({ min: -2, max: 2 }) }),
  fc.record({ kind: fc.constant('find' as const), where }),
);

/** Rows in memory: what the adapter has to be like. */
class Model {
  readonly rows = new Map<string, Row>();

  found(where: readonly Clause[]): Row[] {
    return [...this.rows.values()].filter((row) => matches(row, where));
  }

  takes(row: Row): boolean {
    return (
      !this.rows.has(String(row['id'])) &&
      ![...this.rows.values()].some(({ email }) => email === row['email'])
    );
  }
}

function sorted(rows: readonly Row[]): Row[] {
  return [...rows].sort((left, right) => compare(left['id'], right['id']));
}

void t.test('auth rows: random programs do what they do to rows in memory, each step atomic', async (t) => {
  const store = temporaryStore(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const options = rowsOf(store, `run${run++}`);
      const adapter = createRowAdapter(options);
      const model = new Model();
      for (const each of steps) await same(t, adapter, model, each);
      t.same(sorted(await adapter.findMany({ model: 'user' })), sorted([...model.rows.values()]));
      const entries = await store.list({ prefix: options.places.prefix });
      const indexed = [...model.rows.values()].reduce(
        (sum, row) => sum + 2 + (row['team'] === null ? 0 : 1),
        0,
      );
      t.equal(entries.length, indexed, 'no index key is left over or missing');
    }),
    { numRuns: 120 },
  );
});

async function same(
  t: Test,
  adapter: ReturnType<typeof createRowAdapter>,
  model: Model,
  step: Step,
): Promise<void> {
  switch (step.kind) {
    case 'create': {
      if (!model.takes(step.row)) {
        await t.rejects(adapter.create({ model: 'user', data: step.row }), TypeError);
        return;
      }
      await adapter.create({ model: 'user', data: step.row });
      model.rows.set(String(step.row['id']), step.row);
      return;
    }
    case 'update': {
      const found = model.found(step.where);
      const count = await adapter.updateMany({ model: 'user', where: step.where, update: step.update });
      t.equal(count, found.length);
      for (const row of found) model.rows.set(String(row['id']), { ...row, ...step.update });
      return;
    }
    case 'delete': {
      const found = model.found(step.where);
      t.equal(await adapter.deleteMany({ model: 'user', where: step.where }), found.length);
      for (const row of found) model.rows.delete(String(row['id']));
      return;
    }
    case 'consume': {
      const found = model.found(step.where);
      const consumed = await adapter.consumeOne({ model: 'user', where: step.where });
      t.ok(consumed === null ? found.length === 0 : found.some(({ id }) => id === consumed['id']));
      model.rows.delete(String(consumed?.['id']));
      return;
    }
    case 'increment': {
      const found = model.found(step.where);
      const row = await adapter.incrementOne({
        model: 'user',
        where: step.where,
        increment: { age: step.by },
      });
      const before = found.find(({ id }) => id === row?.['id']);
      t.equal(row === null, found.length === 0);
      if (row === null || before === undefined) return;
      t.equal(row['age'], Number(before['age'] ?? 0) + step.by);
      model.rows.set(String(row['id']), row);
      return;
    }
    case 'find': {
      t.same(
        sorted(await adapter.findMany({ model: 'user', where: step.where })),
        sorted(model.found(step.where)),
      );
      t.equal(await adapter.count({ model: 'user', where: step.where }), model.found(step.where).length);
    }
  }
}

void t.test('auth rows: a transaction is one write, seen by itself before and by others after', async (t) => {
  const options = rowsOf(temporaryStore(t));
  const outside = createRowAdapter(options);
  await inTransaction(options, async (inside) => {
    await inside.create({ model: 'user', data: { id: 'a', email: 'a@x', team: 'red' } });
    t.match(await inside.findOne({ model: 'user', where: [clause('team', 'red')] }), { id: 'a' });
    t.equal(await outside.findOne({ model: 'user', where: [clause('id', 'a')] }), null);
  });
  t.match(await outside.findOne({ model: 'user', where: [clause('email', 'a@x')] }), { id: 'a' });
  const failed = inTransaction(options, async (inside) => {
    await inside.delete({ model: 'user', where: [clause('id', 'a')] });
    throw new Error('no');
  });
  await t.rejects(failed, { message: 'no' });
  t.match(await outside.findOne({ model: 'user', where: [clause('id', 'a')] }), { id: 'a' });
});

void t.test('auth rows: of two transactions that change one row the second is refused', async (t) => {
  const options = rowsOf(temporaryStore(t));
  await createRowAdapter(options).create({ model: 'user', data: { id: 'a', email: 'a@x', age: 1 } });
  const second = inTransaction(options, async (inside) => {
    await inside.update({ model: 'user', where: [clause('id', 'a')], update: { age: 2 } });
    await createRowAdapter(options).update({ model: 'user', where: [clause('id', 'a')], update: { age: 3 } });
  });
  await t.rejects(second, { code: 'ERR_CONFLICT' });
  t.match(await createRowAdapter(options).findOne({ model: 'user', where: [clause('id', 'a')] }), { age: 3 });
});

void t.test('auth rows: of many that take one unique value at once one gets it', async (t) => {
  const options = rowsOf(temporaryStore(t));
  const attempts = Array.from({ length: 20 }, async (_, index) =>
    createRowAdapter(options).create({ model: 'user', data: { id: `u${index}`, email: 'one@x' } }),
  );
  const settled = await Promise.allSettled(attempts);
  t.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  t.equal((await createRowAdapter(options).findMany({ model: 'user' })).length, 1);
});

void t.test('auth rows: increments at once are all counted, and a guard holds', async (t) => {
  const options = rowsOf(temporaryStore(t));
  const adapter = createRowAdapter(options);
  await adapter.create({ model: 'user', data: { id: 'a', email: 'a@x', age: 5 } });
  const guarded = [clause('id', 'a'), clause('age', 0, 'gt')];
  const taken = await Promise.all(
    Array.from({ length: 12 }, async () =>
      adapter.incrementOne({ model: 'user', where: guarded, increment: { age: -1 } }),
    ),
  );
  t.equal(taken.filter((row) => row !== null).length, 5);
  t.match(await adapter.findOne({ model: 'user', where: [clause('id', 'a')] }), { age: 0 });
});

void t.test('auth rows: what is consumed at once is consumed once', async (t) => {
  const adapter = createRowAdapter(rowsOf(temporaryStore(t)));
  await adapter.create({ model: 'user', data: { id: 'a', email: 'a@x' } });
  const taken = await Promise.all(
    Array.from({ length: 10 }, async () =>
      adapter.consumeOne({ model: 'user', where: [clause('email', 'a@x')] }),
    ),
  );
  t.equal(taken.filter((row) => row !== null).length, 1);
});

void t.test('auth rows: what points at a row falls with it, or loses the reference', async (t) => {
  const adapter = createRowAdapter(rowsOf(temporaryStore(t)));
  const expiresAt = new Date(Date.now() + 60_000).toISOString();
  await adapter.create({ model: 'user', data: { id: 'a', email: 'a@x' } });
  await adapter.create({ model: 'session', data: { id: 's', userId: 'a', expiresAt } });
  await adapter.create({ model: 'note', data: { id: 'n', userId: 'a' } });
  await adapter.delete({ model: 'user', where: [clause('id', 'a')] });
  t.same(await adapter.findMany({ model: 'session' }), []);
  t.same(await adapter.findMany({ model: 'note' }), [{ id: 'n', userId: null }]);
});

void t.test('auth rows: a row that is over is found no more, nor are its index keys', async (t) => {
  let ahead = 0;
  const store = temporaryStore(t, () => Date.now() + ahead);
  const options = rowsOf(store);
  const adapter = createRowAdapter(options);
  const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
  await adapter.create({ model: 'session', data: { id: 's', userId: 'a', expiresAt: at(60_000) } });
  await adapter.update({ model: 'session', where: [clause('id', 's')], update: { expiresAt: at(120_000) } });
  ahead = 90_000;
  t.equal(
    (await adapter.findMany({ model: 'session', where: [clause('userId', 'a')] })).length,
    1,
    'the index lives as long',
  );
  ahead = 150_000;
  t.same(await adapter.findMany({ model: 'session', where: [clause('userId', 'a')] }), []);
  t.same(await store.list({ prefix: options.places.prefix }), []);
});

void t.test('auth rows: rows are sorted and cut as asked, null first', async (t) => {
  const adapter = createRowAdapter(rowsOf(temporaryStore(t)));
  for (const [index, age] of [3, null, 1, 2].entries()) {
    await adapter.create({ model: 'user', data: { id: `u${index}`, email: `${index}@x`, age } });
  }
  const sortBy = { field: 'age', direction: 'asc' } as const;
  const rows = await adapter.findMany({ model: 'user', sortBy, offset: 1, limit: 2 });
  t.same(
    rows.map(({ age }) => age),
    [1, 2],
  );
  const first = await adapter.findMany({ model: 'user', sortBy, limit: 1 });
  t.equal(first[0]?.['age'], null);
});
