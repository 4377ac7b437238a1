import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import t from 'tap';
import { Places, type Place } from '#host/cells/wasm-places.ts';

/** Seekers in order, small or large, and who has a place so far. */
function desk(places: Places): {
  readonly seek: (name: string, small: boolean, signal?: AbortSignal) => void;
  readonly seated: Map<string, Place>;
  readonly left: string[];
} {
  const seated = new Map<string, Place>();
  const left: string[] = [];
  return {
    seated,
    left,
    seek: (name, small, signal) =>
      void places.take(small, signal).then(
        (place) => seated.set(name, place),
        () => left.push(name),
      ),
  };
}

void t.test('places: small modules never wait behind large ones', async (t) => {
  const places = new Places({ any: 1, small: 1 });
  const { seek, seated } = desk(places);
  for (const name of ['large 1', 'large 2', 'small 1', 'small 2']) seek(name, name.startsWith('small'));
  await turn();
  t.same([...seated.keys()], ['large 1', 'small 1']);
  places.give('small');
  await turn();
  t.same([...seated.keys()], ['large 1', 'small 1', 'small 2'], 'past the large one that waits');
  places.give('any');
  await turn();
  t.ok(seated.has('large 2'));
});

void t.test(
  'places: small modules use the others while they are free, and the first to come is first',
  async (t) => {
    const places = new Places({ any: 1, small: 1 });
    const { seek, seated } = desk(places);
    for (const name of ['a', 'b', 'c']) seek(name, true);
    seek('large', false);
    await turn();
    t.same(
      [...seated],
      [
        ['a', 'small'],
        ['b', 'any'],
      ],
    );
    places.give('any');
    await turn();
    t.equal(seated.get('c'), 'any', 'it came before the large one');
    places.give('small');
    await turn();
    t.notOk(seated.has('large'), 'which a place for small ones does not serve');
    places.give('any');
    await turn();
    t.equal(seated.get('large'), 'any');
  },
);

void t.test('places: who leaves takes none, and holds nobody up', async (t) => {
  const places = new Places({ any: 1, small: 0 });
  const { seek, seated, left } = desk(places);
  const gone = new AbortController();
  seek('first', false, gone.signal);
  seek('leaves', false, gone.signal);
  seek('stays', false);
  await turn();
  gone.abort();
  await turn();
  t.same(left, ['leaves'], 'one that is seated already is not unseated');
  t.equal(places.waiting, 1);
  seek('late', false, gone.signal);
  await turn();
  t.same(left, ['leaves', 'late']);
  places.give('any');
  await turn();
  t.same([...seated.keys()], ['first', 'stays']);
});

void t.test('places: as many are taken as there are, whoever comes, leaves and gives back', async (t) => {
  const step = fc.record({
    what: fc.constantFrom('take', 'give', 'leave'),
    small: fc.boolean(),
    at: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const all = { any: 2, small: 1 };
      const places = new Places(all);
      const held: Place[] = [];
      const leaves: AbortController[] = [];
      let asked = 0;
      let left = 0;
      for (const { what, small, at } of steps) {
        if (what === 'take') {
          const gone = new AbortController();
          leaves.push(gone);
          asked++;
          places.take(small, gone.signal).then(
            (place) => held.push(place),
            () => left++,
          );
        }
        if (what === 'leave') leaves[at]?.abort();
        const [given] = what === 'give' ? held.splice(at % Math.max(1, held.length), 1) : [];
        if (given !== undefined) places.give(given);
        if (given !== undefined) asked--;
        await turn();
        const taken = (place: Place): number => held.filter((own) => own === place).length;
        if (taken('any') > all.any || taken('small') > all.small) return false;
        if (held.length + places.waiting + left !== asked) return false;
        if (places.waiting > 0 && taken('any') < all.any) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.pass('300 orders');
});
