import t from 'tap';
import { createFunctionBinding } from '#bindings/function/function.ts';
import { Functions } from '#host/functions.ts';
import type { Registry, Target } from '#host/registry.ts';
import { bindingContract } from '#test/contract/binding.ts';
import { TestDispatch, testRegistry } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';

/** Calls go to a function `other` of cordon "left" that answers both shapes; there is no other function. */
function make(): ReturnType<typeof createFunctionBinding> {
  const guest: Guest = (own) => {
    if (own.call.kind === 'event') return { kind: 'returned', value: '1' };
    return own.head(200, [], { kind: 'text', text: 'hello' });
  };
  const table = { other: { guest } };
  const dispatch = new TestDispatch(table);
  const known = testRegistry(table);
  const registry: Pick<Registry, 'target'> = {
    target(name, version): Target {
      const found = known.target(name, version);
      return { ...found, deployment: { ...found.deployment, cordon: 'left' } };
    },
  };
  const functions = new Functions();
  functions.open({ registry, dispatch });
  return createFunctionBinding({ functions });
}

bindingContract(t, {
  make: async () => make(),
  configs: [{ function: 'other' }, { function: 'other', version: 1 }],
  badConfigs: [
    undefined,
    null,
    'other',
    {},
    { function: 7 },
    { function: 'Not A Name' },
    { function: 'other', version: 0 },
    { function: 'other', version: 1.5 },
    { function: 'other', version: '1' },
  ],
  configKey: 'function',
  config: { function: 'other' },
  methods: ['fetch', 'call'],
  members: {
    url: ['http://other/x', 'https://other.example/'],
    method: ['GET', 'POST'],
    headers: [[], ['content-type', 'text/plain']],
    timeoutMs: [1000],
    event: [null, { a: 1 }],
  },
  // There is no trace to leave: what one cordon has and another does not is the function.
  mark: async () => undefined,
  sees: async (grant) =>
    grant.call({ method: 'call', args: {} }).then(
      () => true,
      (error: { code?: string }) => error.code !== 'ERR_NO_FUNCTION' && Promise.reject(error as Error),
    ),
});
