import t from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { bindingContract } from '#test/contract/binding.ts';
import { temporaryStore } from '#test/support/store-files.ts';

bindingContract(t, {
  make: async (t) => createKvBinding(temporaryStore(t)),
  configs: [undefined, null, {}, 'sessions', { namespace: 'sessions' }, { namespace: 'other/KV' }],
  badConfigs: ['', ' ', 'a:b', '../x', 'a/b/c', 'x'.repeat(65), 'é', { namespace: 7 }, { namespace: null }],
  configKey: 'namespace',
  methods: ['get', 'put', 'delete', 'list', 'increment'],
  mark: (grant) => grant.call({ method: 'put', args: { key: 'trace' }, bytes: new Uint8Array([1]) }),
  sees: async (grant) => (await grant.call({ method: 'get', args: { key: 'trace' } })).value !== null,
});
