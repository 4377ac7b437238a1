import t from 'tap';
import { boundContract } from '#test/contract/bound.ts';

const user = { email: 'ada@example.com' };
const missing = { id: 'nobody', roles: ['a'] };

boundContract(t, {
  config: { kind: 'auth', pool: 'main', admin: true },
  mark: { path: ['users', 'create'], args: [user], operation: ['users.create', user] },
  look: { path: ['users', 'list'], args: [], operation: ['users.list', {}] },
  sees: (value) => (value as { readonly total: number }).total > 0,
  wrong: { path: ['users', 'list'], args: [{ limit: 'many' }], operation: ['users.list', { limit: 'many' }] },
  refused: { path: ['users', 'setRoles'], args: ['nobody', ['a']], operation: ['users.setRoles', missing] },
  code: 'ERR_AUTH',
});
