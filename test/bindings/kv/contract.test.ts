import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { bindingContract } from '#test/contract/binding.ts';
import { temporaryStore } from '#test/support/store-files.ts';

bindingContract(t, {
  make: async (t) => createKvBinding(temporaryStore(t)),
  configs: [undefined, null, {}, 'sessions', { namespace: 'sessions' }, { namespace: 'other/KV' }],
  badConfigs: [
    '',
    ' ',
    'A:b',
    ':b',
    'a:',
    'a:b:c',
    '../x',
    'a/b/c',
    'x'.repeat(65),
    'é',
    { namespace: 7 },
    { namespace: null },
  ],
  configKey: 'namespace',
  // Not watch: its answer ends only with its invocation (watch.test.ts).
  methods: ['get', 'getMany', 'put', 'delete', 'list', 'increment', 'commit'],
  members: {
    key: ['trace', 'a/b', 'n'],
    keys: [['trace', 'n'], []],
    prefix: ['', 'a'],
    start: ['a'],
    end: ['z'],
    reverse: [true, false],
    values: [true, false],
    limit: [1, 1000],
    cursor: [''],
    metadata: [null, { a: 1 }],
    expiration: [4_000_000_000],
    expirationTtl: [60, 3600],
    ifVersion: ['0', '1'],
    ifAbsent: [true, false],
    delta: [1, -1],
    checks: [[], [{ key: 'n', version: null }]],
    writes: [[], [{ kind: 'delete', key: 'n' }], [{ kind: 'increment', key: 'n', delta: 1 }]],
  },
  mark: (grant) => grant.call({ method: 'put', args: { key: 'trace' }, bytes: new Uint8Array([1]) }),
  sees: async (grant) => (await grant.call({ method: 'get', args: { key: 'trace' } })).value !== null,
});
