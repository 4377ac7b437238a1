import t from 'tap';
import * as fc from 'fast-check';
import type { Deployments } from '#host/deploy/deployments.ts';
import type { FunctionState } from '#host/deploy/function-state.ts';
import { moveTraffic, rollBack } from '#host/deploy/traffic.ts';
import { codeOf, deploy, openBench } from './opened.ts';

await t.test('traffic: each rollback leads one further back', async (t) => {
  const deployments = await openBench(t).open();
  for (const text of ['a', 'b', 'c']) await deploy(deployments, 'shop', text);
  t.match(await deployments.rollback('shop'), { version: 2, weight: 100 });
  t.match(await deployments.rollback('shop'), { version: 1, weight: 100 });
  t.equal(await codeOf(deployments.rollback('shop')), 'ERR_NO_VERSION');
  t.match(await deployments.rollback('shop', 3), { version: 3 });
  t.match(await deployments.rollback('shop'), { version: 1 }, 'what had the traffic before');
});

await t.test('traffic: a rollback ends a rollout, also one that was finished or given up', async (t) => {
  const deployments = await openBench(t).open();
  for (const text of ['a', 'b', 'c']) await deploy(deployments, 'shop', text, { activate: text !== 'c' });
  await deployments.setWeights('shop', { 2: 90, 3: 10 });
  t.match(await deployments.rollback('shop'), { version: 2, weight: 100 }, 'under way');
  await deployments.setWeights('shop', { 2: 90, 3: 10 });
  await deployments.setWeights('shop', { 3: 100 });
  t.match(await deployments.rollback('shop'), { version: 2 }, 'finished');
  await deployments.setWeights('shop', { 2: 90, 3: 10 });
  await deployments.setWeights('shop', { 2: 100, 3: 0 });
  t.match(await deployments.rollback('shop'), { version: 1 }, 'given up');
});

await t.test('traffic: a version that was deleted is skipped by rollbacks', async (t) => {
  const deployments = await openBench(t).open();
  for (const text of ['a', 'b', 'c']) await deploy(deployments, 'shop', text);
  await deployments.delete('shop', 2);
  t.match(await deployments.rollback('shop'), { version: 1 });
});

await t.test('traffic: weights that make no rollout are refused, and nothing moves', async (t) => {
  const deployments = await openBench(t).open();
  for (const text of ['a', 'b', 'c']) await deploy(deployments, 'shop', text);
  const table: readonly (readonly [unknown, string])[] = [
    [{}, 'ERR_BAD_INPUT'],
    [{ 1: 99 }, 'ERR_BAD_INPUT'],
    [{ 1: 100, 2: 1 }, 'ERR_BAD_INPUT'],
    [{ 1: 40, 2: 30, 3: 30 }, 'ERR_BAD_INPUT'],
    [{ 1: 110, 2: -10 }, 'ERR_BAD_INPUT'],
    [{ 1: Number.NaN, 2: 100 }, 'ERR_BAD_INPUT'],
    [{ 1: '100' }, 'ERR_BAD_INPUT'],
    [{ one: 100 }, 'ERR_BAD_INPUT'],
    [{ '01': 100 }, 'ERR_BAD_INPUT'],
    [{ 0: 100 }, 'ERR_BAD_INPUT'],
    [{ 4: 100 }, 'ERR_NO_VERSION'],
    [{ 1: 100, 4: 0 }, 'ERR_NO_VERSION'],
    [[100], 'ERR_BAD_INPUT'],
    [null, 'ERR_BAD_INPUT'],
    ['100', 'ERR_BAD_INPUT'],
  ];
  for (const [weights, code] of table) {
    const asked = deployments.setWeights('shop', weights as Record<string, number>);
    t.equal(await codeOf(asked), code, JSON.stringify(weights));
  }
  t.match(await deployments.list(), [{ weights: { 3: 100 } }]);
  t.match(await deployments.setWeights('shop', { 1: 0.5, 2: 99.5, 3: 0 }), { weights: { 1: 0.5, 2: 99.5 } });
});

await t.test('traffic: a version with traffic cannot be deleted', async (t) => {
  const deployments = await openBench(t).open();
  for (const text of ['a', 'b', 'c']) await deploy(deployments, 'shop', text);
  await deployments.setWeights('shop', { 2: 1, 3: 99 });
  t.equal(await codeOf(deployments.delete('shop', 2)), 'ERR_VERSION_IN_USE');
  t.equal(await codeOf(deployments.delete('shop', 3)), 'ERR_VERSION_IN_USE');
  await deployments.delete('shop', 1);
  t.same(
    (await deployments.versions('shop')).map(({ version }) => version),
    [2, 3],
  );
});

/** Every verb in every state gives the coded answer. */
const verbs: Readonly<Record<string, (deployments: Deployments) => Promise<unknown>>> = {
  versions: (host) => host.versions('shop'),
  target: async (host) => host.target('shop'),
  'target of 9': async (host) => host.target('shop', 9),
  rollback: (host) => host.rollback('shop'),
  'rollback to 9': (host) => host.rollback('shop', 9),
  weights: (host) => host.setWeights('shop', { 1: 100 }),
  'delete 9': (host) => host.delete('shop', 9),
  'vars get': (host) => host.vars.get('shop'),
  'vars set': (host) => host.vars.set('shop', { A: '1' }),
  'secrets list': (host) => host.secrets.list('shop'),
  'secrets delete': (host) => host.secrets.delete('shop', 'NONE'),
  delete: (host) => host.delete('shop'),
};

const none = Object.fromEntries(Object.keys(verbs).map((verb) => [verb, 'ERR_NO_FUNCTION']));
const ok = Object.fromEntries(Object.keys(verbs).map((verb) => [verb, 'resolved']));
const nines = {
  'target of 9': 'ERR_NO_VERSION',
  'rollback to 9': 'ERR_NO_VERSION',
  'delete 9': 'ERR_NO_VERSION',
  'secrets delete': 'ERR_NO_SECRET',
};

const states: readonly {
  readonly name: string;
  readonly make: (deployments: Deployments) => Promise<unknown>;
  readonly answers: Readonly<Record<string, string>>;
}[] = [
  { name: 'never deployed', make: async () => {}, answers: { ...none, 'secrets delete': 'ERR_NO_SECRET' } },
  {
    name: 'not activated',
    make: (host) => deploy(host, 'shop', 'a', { activate: false }),
    answers: {
      ...ok,
      ...nines,
      target: 'ERR_NO_VERSION',
      rollback: 'ERR_NO_VERSION',
      'vars get': 'ERR_NO_VERSION',
      'vars set': 'ERR_NO_VERSION',
    },
  },
  {
    name: 'first version',
    make: (host) => deploy(host, 'shop', 'a'),
    answers: { ...ok, ...nines, rollback: 'ERR_NO_VERSION' },
  },
  {
    name: 'second version',
    make: async (host) => {
      for (const text of ['a', 'b']) await deploy(host, 'shop', text);
    },
    answers: { ...ok, ...nines },
  },
  {
    name: 'in a rollout',
    make: async (host) => {
      for (const text of ['a', 'b']) await deploy(host, 'shop', text);
      await host.setWeights('shop', { 1: 50, 2: 50 });
    },
    answers: { ...ok, ...nines, 'vars set': 'ERR_CONFLICT' },
  },
  {
    name: 'deleted',
    make: async (host) => {
      await deploy(host, 'shop', 'a');
      await host.delete('shop');
    },
    answers: { ...none, 'secrets delete': 'ERR_NO_SECRET' },
  },
];

await t.test('traffic: every verb in every state gives the coded answer', async (t) => {
  for (const { name, make, answers } of states) {
    const given: Record<string, string> = {};
    for (const [verb, run] of Object.entries(verbs)) {
      const deployments = await openBench(t).open();
      await make(deployments);
      given[verb] = await codeOf(run(deployments));
    }
    t.same(given, answers, name);
  }
});

await t.test('traffic: names that are none are refused by their code', async (t) => {
  const deployments = await openBench(t).open();
  for (const name of ['', 'Shop', '../shop', 'a/b', 'fn/x']) {
    t.equal(await codeOf(deployments.rollback(name)), 'ERR_BAD_NAME', name);
    t.equal(await codeOf(deployments.secrets.put(name, 'A', '1')), 'ERR_BAD_NAME', name);
    t.equal(await codeOf(deployments.versions(name)), 'ERR_NO_FUNCTION', name);
  }
});

await t.test('traffic: shares always make 100, and rollbacks always lead to another version', async (t) => {
  const versions = new Map([1, 2, 3, 4].map((version) => [version, {}]));
  const start = { format: 1 as const, next: 5, weights: {}, earlier: [], updatedAt: 0, deleted: false };
  const version = fc.integer({ min: 1, max: 4 });
  const move = fc.oneof(
    version.map((only) => ({ [only]: 100 })),
    fc
      .tuple(version, version, fc.integer({ min: 1, max: 99 }))
      .filter(([a, b]) => a !== b)
      .map(([a, b, share]) => ({ [a]: share, [b]: 100 - share })),
    fc.constant('back' as const),
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
        let record: FunctionState['record'] = start;
        for (const step of moves) {
          const before = record.weights;
          try {
            const state = {
              name: 'shop',
              revision: 1,
              record,
              versions,
              secrets: new Map(),
            } as unknown as FunctionState;
            record = step === 'back' ? rollBack(state, undefined, 1) : moveTraffic(record, step, 1);
          } catch {
            continue;
          }
          const sum = Object.values(record.weights).reduce((a, b) => a + b, 0);
          if (sum !== 100) return false;
          if (step === 'back' && JSON.stringify(record.weights) === JSON.stringify(before)) return false;
        }
        return true;
      }),
    ),
  );
});
