import { createKvBinding } from '#bindings/kv/kv.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { deploymentOf } from '#test/contract/binding.ts';

/** A process to be killed: increments "n" of the namespace "shared" for ever and prints each sum once it is there. */
const [path = ''] = process.argv.slice(2);
const binding = createKvBinding(openSqliteStore(path));
const declaration = { name: 'KV', kind: 'kv', config: 'shared' };
const context = { invocationId: 'counting', signal: new AbortController().signal, origin: { depth: 0 } };
const grant = binding.attach(declaration, deploymentOf()).grant(context);

async function countForEver(): Promise<never> {
  for (;;) {
    const { value } = await grant.call({ method: 'increment', args: { key: 'n' } });
    process.stdout.write(`${(value as { readonly value: number }).value}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, countForEver));
