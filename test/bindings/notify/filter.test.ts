import * as fc from 'fast-check';
import t from 'tap';
import { matchesFilter, parseFilter } from '#bindings/notify/filter.ts';
import type { Attributes } from '#bindings/notify/filter.ts';

/** Policies of the SNS documentation ("Subscription filter policies") with attributes they take and refuse. */
const laws: readonly (readonly [
  policy: unknown,
  takes: readonly Attributes[],
  refuses: readonly Attributes[],
])[] = [
  [{}, [{}, { a: 1 }], []],
  [
    { store: ['example_corp'] },
    [{ store: 'example_corp' }],
    [{}, { store: 'other' }, { Store: 'example_corp' }],
  ],
  [
    { interests: ['rugby', 'football'] },
    [{ interests: 'rugby' }, { interests: ['tennis', 'football'] }],
    [{ interests: ['tennis'] }],
  ],
  [
    { interests: [{ prefix: 'bas' }] },
    [{ interests: 'baseball' }],
    [{ interests: 'rugby' }, { interests: 5 }],
  ],
  [{ interests: [{ suffix: 'ball' }] }, [{ interests: 'baseball' }], [{ interests: 'rugby' }]],
  [
    { interests: [{ 'equals-ignore-case': 'Tennis' }] },
    [{ interests: 'TENNIS' }],
    [{ interests: 'table tennis' }],
  ],
  [
    { interests: [{ 'anything-but': ['rugby', 'tennis'] }] },
    [{ interests: 'baseball' }, { interests: ['rugby', 'baseball'] }],
    [{ interests: 'rugby' }, { interests: ['rugby'] }, {}],
  ],
  [
    { interests: [{ 'anything-but': { prefix: 'bas' } }] },
    [{ interests: 'rugby' }],
    [{ interests: 'baseball' }],
  ],
  [{ price: [100] }, [{ price: 100 }], [{ price: '100' }, { price: 101 }]],
  [{ price: [{ 'anything-but': [100, 500] }] }, [{ price: 101 }], [{ price: 100 }]],
  [{ price: [{ numeric: ['=', 301.5] }] }, [{ price: 301.5 }, { price: 3.015e2 }], [{ price: 301 }]],
  [{ price: [{ numeric: ['<', 0] }] }, [{ price: -1 }], [{ price: 0 }]],
  [
    { price: [{ numeric: ['>', 0, '<=', 150] }] },
    [{ price: 0.1 }, { price: 150 }],
    [{ price: 0 }, { price: 151 }, { price: '5' }],
  ],
  [{ store: [{ exists: true }] }, [{ store: 'x' }], [{}, { other: 'x' }]],
  [{ store: [{ exists: false }] }, [{}, { other: 'x' }], [{ store: 'x' }]],
  [
    { store: ['a'], price: [{ numeric: ['>=', 10] }] },
    [{ store: 'a', price: 10 }],
    [{ store: 'a' }, { price: 10 }],
  ],
  [{ sold: [true] }, [{ sold: true }], [{ sold: 'true' }, { sold: false }]],
  [
    { $or: [{ a: [1] }, { b: [{ prefix: 'x' }] }], c: ['yes'] },
    [
      { a: 1, c: 'yes' },
      { b: 'xy', c: 'yes' },
    ],
    [{ a: 1 }, { c: 'yes' }],
  ],
  [{ constructor: [{ exists: true }] }, [], [{}]],
];

void t.test('filter: conditions hold as SNS documents them', async (t) => {
  for (const [policy, takes, refuses] of laws) {
    const parsed = parseFilter(policy);
    for (const attributes of takes)
      t.equal(matchesFilter(parsed, attributes), true, JSON.stringify({ policy, attributes }));
    for (const attributes of refuses)
      t.equal(matchesFilter(parsed, attributes), false, JSON.stringify({ policy, attributes }));
  }
});

void t.test('filter: what is no policy is refused with a TypeError', async (t) => {
  const bad: readonly unknown[] = [
    null,
    [],
    'x',
    { a: 'x' },
    { a: [] },
    { a: [{}] },
    { a: [{ prefix: 1 }] },
    { a: [{ prefix: 'a', suffix: 'b' }] },
    { a: [{ wildcard: 'a*' }] },
    { a: [{ numeric: ['>'] }] },
    { a: [{ numeric: ['>', '5'] }] },
    { a: [{ numeric: ['!', 5] }] },
    { a: [{ exists: 'yes' }] },
    { a: [{ 'anything-but': [] }] },
    { a: [['x']] },
    { $or: [{ $or: [{ a: [1] }] }] },
  ];
  for (const policy of bad) t.throws(() => parseFilter(policy), TypeError, JSON.stringify(policy));
});

void t.test('filter: a policy has 10 attributes and 150 combinations at most', async (t) => {
  const values = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  t.ok(parseFilter({ a: values(150) }));
  t.throws(() => parseFilter({ a: values(151) }), { code: 'ERR_NOTIFY' });
  t.ok(parseFilter({ a: values(10), b: values(15) }));
  t.throws(() => parseFilter({ a: values(10), b: values(16) }), { code: 'ERR_NOTIFY' });
  t.throws(() => parseFilter(Object.fromEntries(values(11).map((index) => [`k${index}`, ['x']]))), {
    code: 'ERR_NOTIFY',
  });
});

void t.test('filter: an exact condition and anything-but of it never agree on one value', async (t) => {
  const value = fc.oneof(fc.string(), fc.integer());
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(value, value, (wanted, given) => {
        const exact = matchesFilter(parseFilter({ a: [wanted] }), { a: given });
        const other = matchesFilter(parseFilter({ a: [{ 'anything-but': [wanted] }] }), { a: given });
        return exact !== other && exact === (wanted === given);
      }),
    ),
  );
});
