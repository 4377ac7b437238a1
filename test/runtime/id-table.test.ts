import * as fc from 'fast-check';
import t from 'tap';
import { IdTable } from '#runtime/id-table.ts';

void t.test('id table: behaves as a Map does, whatever lives long', async (t) => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'take', 'get'),
    pick: fc.nat(2000),
    skip: fc.nat(300),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
      const table = new IdTable<string>();
      const model = new Map<number, string>();
      let next = 1;
      for (const { kind, pick, skip } of steps) {
        if (kind === 'add') {
          next += skip;
          table.add(next, `v${next}`);
          model.set(next, `v${next}`);
          next++;
          continue;
        }
        const keys = [...model.keys()];
        const id = keys[pick % Math.max(1, keys.length)] ?? pick + 1;
        if (table.get(id) !== model.get(id)) return false;
        if (kind === 'get') continue;
        if (table.take(id) !== model.get(id)) return false;
        model.delete(id);
      }
      return table.size === model.size && table.values().sort().join() === [...model.values()].sort().join();
    }),
    { numRuns: 50 },
  );
  t.pass('over random programs');
});
