import t from 'tap';
import { boundContract } from '#test/contract/bound.ts';

boundContract(t, {
  config: { kind: 'kv', namespace: 'shared' },
  mark: { path: ['put'], args: ['trace', 'x'], operation: ['put', { key: 'trace', text: 'x' }] },
  look: { path: ['list'], args: [], operation: ['list', {}] },
  sees: (value) => (value as { readonly keys: readonly unknown[] }).keys.length > 0,
  wrong: { path: ['list'], args: [{ limit: 'many' }], operation: ['list', { limit: 'many' }] },
  refused: { path: ['get'], args: [''], operation: ['get', { key: '' }] },
  code: 'ERR_KV_KEY',
});
