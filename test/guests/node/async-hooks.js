// Everything here must say in Node what it says in a function.
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const storage = new AsyncLocalStorage();
const other = new AsyncLocalStorage();
const store = () => storage.getStore() ?? null;

async function* numbers() {
  yield store();
  await sleep(1);
  yield store();
}

async function inside(name) {
  const seen = [store()];
  await null;
  seen.push(store());
  await sleep(1);
  seen.push(store());
  seen.push(
    await other.run('o', async () => [store(), other.getStore(), await sleep(1, 'slept'), other.getStore()]),
  );
  seen.push(other.getStore() ?? null);
  for await (const value of numbers()) seen.push(value);
  seen.push(await Promise.all([1, 2].map(async () => (await sleep(1), store()))));
  seen.push(await new Promise((resolve) => setTimeout(() => resolve(store()), 1)));
  seen.push(await new Promise((resolve) => queueMicrotask(() => resolve(store()))));
  seen.push(storage.exit(store));
  try {
    await Promise.reject(new Error(name));
  } catch {
    seen.push(store());
  } finally {
    seen.push(store());
  }
  return seen;
}

export async function run() {
  const [one, two] = await Promise.all([
    storage.run('one', () => inside('one')),
    storage.run('two', () => inside('two')),
  ]);
  const bound = storage.run('bound', () => AsyncResource.bind(store));
  const resource = storage.run('resource', () => new AsyncResource('TEST'));
  const snapshot = storage.run('snapshot', () => AsyncLocalStorage.snapshot());
  const entered = await (async () => {
    storage.enterWith('entered');
    await sleep(1);
    return store();
  })();
  return {
    one,
    two,
    after: storage.run(undefined, store),
    kept: [bound(), resource.runInAsyncScope(store), snapshot(store)],
    entered,
    fallback: new AsyncLocalStorage({ defaultValue: 7 }).getStore(),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
