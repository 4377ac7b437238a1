import t from 'tap';
import { boundContract } from '#test/contract/bound.ts';

const subscription = { function: 'sink' };

boundContract(t, {
  config: { kind: 'notify', space: 'main' },
  mark: {
    path: ['subscribe'],
    args: ['orders', subscription],
    operation: ['subscribe', { topic: 'orders', subscription }],
  },
  look: { path: ['subscriptions', 'list'], args: [], operation: ['subscriptions.list', {}] },
  sees: (value) => (value as { readonly items: readonly unknown[] }).items.length > 0,
  wrong: { path: ['publish'], args: [7, 'x'], operation: ['publish', { topic: 7, message: 'x' }] },
  refused: {
    path: ['publish'],
    args: ['not a topic', 'x'],
    operation: ['publish', { topic: 'not a topic', message: 'x' }],
  },
  code: 'ERR_NOTIFY',
});
