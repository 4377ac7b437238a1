import { Buffer } from 'node:buffer';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Change, Check, Range, Store } from '#bindings/store/store.ts';
import { StoreModel } from '#test/support/store-model.ts';
import { temporaryDir } from '#test/support/store-files.ts';

type Step =
  | {
      readonly kind: 'turn';
      readonly writes: readonly { readonly changes: Change[]; readonly checked: readonly string[] }[];
    }
  | { readonly kind: 'list'; readonly range: Range }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'reopen' };

// Few letters, so that keys meet; some where UTF-8 and UTF-16 order differ.
const letter = fc.constantFrom('a', 'b', '/', '\0', '\uffee', '\u{10000}', '\u{10ffff}', '\x7f', '%');
const text = fc.string({ unit: letter, maxLength: 3 });
const key = fc.string({ unit: letter, minLength: 1, maxLength: 3 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 9 }) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
);
const write = fc.record({
  changes: fc.array(change, { maxLength: 4 }),
  checked: fc.array(key, { maxLength: 2 }),
});
const range: fc.Arbitrary<Range> = fc.record(
  {
    prefix: text,
    after: text,
    from: text,
    before: text,
    limit: fc.nat({ max: 5 }),
    reverse: fc.boolean(),
    keysOnly: fc.boolean(),
  },
  { requiredKeys: ['prefix'] },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('turn' as const), writes: fc.array(write, { maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('list' as const), range }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

async function runTurn(
  store: Store,
  model: StoreModel,
  writes: (Step & { kind: 'turn' })['writes'],
): Promise<boolean> {
  // Checks hold at the start of the turn; a write before in the same turn may break them.
  const planned = writes.map(({ changes, checked }) => ({
    changes,
    checks: checked.map((key): Check => ({ key, revision: model.get(key)?.revision ?? 0 })),
  }));
  const results = await Promise.all(planned.map(({ changes, checks }) => store.write(changes, checks)));
  return planned.every(({ changes, checks }, index) => {
    const result = results[index];
    const failing = model.failing(checks);
    if (result === undefined || result.ok !== (failing === undefined)) return false;
    if (!result.ok) return result.failed.key === failing?.key;
    model.apply(changes, result);
    return true;
  });
}

const plain = (entry: object | undefined): string =>
  JSON.stringify(entry, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );

void t.test('sqlite: random programs end as the model says, over reopening', async (t) => {
  const dir = temporaryDir(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      run += 1;
      const path = join(dir, `${run}.db`);
      let store = openSqliteStore(path);
      const model = new StoreModel();
      const holds = async (step: Step): Promise<boolean> => {
        switch (step.kind) {
          case 'turn':
            return runTurn(store, model, step.writes);
          case 'get':
            return plain(await store.get(step.key)) === plain(model.get(step.key));
          case 'list':
            return plain(await store.list(step.range)) === plain(model.list(step.range));
          case 'reopen':
            await store.close();
            store = openSqliteStore(path);
            return true;
        }
      };
      try {
        for (const step of steps) if (!(await holds(step))) return false;
        return plain(await store.list({ prefix: '' })) === plain(model.list({ prefix: '' }));
      } finally {
        await store.close();
        rmSync(path);
      }
    }),
    { numRuns: 150 },
  );
  t.equal(run >= 150, true);
});
